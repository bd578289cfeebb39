/**
 * The obvious model of a guard. It keeps all that a guard has seen and looks at the whole of it for each decision, where the
 * sampler keeps a few numbers.
 */

/** A limit as the model sees it; times in milliseconds. */
export interface ModelLimit {
  readonly direction: 'above' | 'below'
  readonly enter: number
  readonly exit: number
  readonly for: number
  readonly clearFor: number
  readonly onMissing: 'throw' | 'ignore' | 'breach'
}

/** A number is a value, `null` a failed read, `undefined` no read. */
export type Seen = number | null | undefined

/** Why a limit counts as breached. */
export interface ModelEvidence {
  /** NaN if the metric was missing. */
  readonly value: number
  readonly since: number
  readonly at: number
  readonly recent: readonly number[]
}

export type ModelState = 'clear' | 'pending' | 'breached' | 'clearing' | 'unavailable'

/** How many values the evidence has at most. */
const RECENT = 8

/** Times and what was not observed before them. */
class Timeline {
  readonly #times: number[] = []
  readonly #gaps: number[] = []

  /** @param gap how long nothing was observed before `time` */
  add(time: number, gap: number): number {
    this.#times.push(time)
    this.#gaps.push(gap)
    return this.#times.length - 1
  }

  at(index: number): number {
    return this.#times[index]!
  }

  get last(): number {
    return this.#times.length - 1
  }

  /** The time from one entry to another without the gaps between them. */
  observed(from: number, to: number): number {
    const gaps = this.#gaps.slice(from + 1, to + 1).reduce((sum, each) => sum + each, 0)
    return this.#times[to]! - this.#times[from]! - gaps
  }
}

/** One limit, by its whole history. */
export class LimitHistory {
  readonly limit: ModelLimit
  readonly #timeline: Timeline
  /** By the entries of the timeline. */
  readonly #seen: Seen[] = []
  #isBreached = false
  evidence: ModelEvidence | undefined

  constructor(limit: ModelLimit, timeline: Timeline) {
    this.limit = limit
    this.#timeline = timeline
  }

  /** Sees something at the latest time of the timeline. */
  see(value: Seen): void {
    const wasGuilty = this.isGuilty
    const wasBreached = this.#isBreached
    this.#seen[this.#timeline.last] = value
    if (value === undefined) return
    if (typeof value === 'number') this.#decide(value)
    if (!this.isGuilty || wasGuilty) return
    // A breach that outlasts a loss keeps its evidence, unless the value is still beyond the line.
    if (value !== null && wasBreached && !this.#isBeyond(value)) return
    const at = this.#timeline.at(this.#timeline.last)
    // What the value was during a loss is unknown.
    const isNew = value !== null && !wasBreached
    const since = isNew ? at - this.#dwell((each) => this.#isBeyond(each), this.limit.for) : at
    this.evidence = { value: value ?? NaN, since, at, recent: this.#recent() }
  }

  /** By the last value: `clear` or `pending`, `breached` or `clearing`. */
  get state(): ModelState {
    const value = this.#seen.findLast((each) => typeof each === 'number')
    if (value === undefined || value === null) return 'clear'
    if (this.#isBreached) return this.#isRecovered(value) ? 'clearing' : 'breached'
    return this.#isBeyond(value) ? 'pending' : 'clear'
  }

  /** Whether its metric is missing. A single failed read does not matter to a limit that is crossed. */
  get isMissing(): boolean {
    const reads = this.#seen.filter((each) => each !== undefined)
    const failures = reads.length - 1 - reads.findLastIndex((each) => each !== null)
    if (failures === 0) return false
    return failures > 1 || this.state === 'clear' || this.limit.onMissing === 'breach'
  }

  /** Whether it counts as breached. */
  get isGuilty(): boolean {
    return this.isMissing ? this.limit.onMissing === 'breach' : this.#isBreached
  }

  #isBeyond(value: number): boolean {
    return this.limit.direction === 'above' ? value > this.limit.enter : value < this.limit.enter
  }

  #isRecovered(value: number): boolean {
    return this.limit.direction === 'above' ? value <= this.limit.exit : value >= this.limit.exit
  }

  #decide(value: number): void {
    const [holds, required] = this.#isBreached
      ? [(each: number) => this.#isRecovered(each), this.limit.clearFor]
      : [(each: number) => this.#isBeyond(each), this.limit.for]
    if (holds(value) && this.#dwell(holds, required) >= required) this.#isBreached = !this.#isBreached
  }

  /**
   * For how long `holds` has been observed to be true of the value without a break, up to now. Time in gaps and losses was not
   * observed. After a loss of more than one read that lasted longer than `required`, it begins again.
   */
  #dwell(holds: (value: number) => boolean, required: number): number {
    let observed: number | undefined
    let before = 0
    let failures: number[] = []
    this.#seen.forEach((value, index) => {
      if (value === undefined) return
      if (value === null) {
        failures.push(index)
        return
      }
      const lost = failures.length === 0 ? 0 : this.#timeline.observed(failures[0]!, index)
      if (!holds(value)) observed = undefined
      else if (observed === undefined || (failures.length > 1 && lost > required)) observed = 0
      else observed += this.#timeline.observed(before, index) - lost
      before = index
      failures = []
    })
    return observed ?? 0
  }

  /** The last values since the last failed read. */
  #recent(): number[] {
    const reads = this.#seen.filter((each) => each !== undefined)
    return reads.slice(reads.findLastIndex((each) => each === null) + 1).slice(-RECENT) as number[]
  }
}

/** A guard: its limits, and what it has decided. */
export class GuardHistory {
  readonly limits: readonly LimitHistory[]
  readonly #all: boolean
  readonly #minHold: number
  readonly #timeline = new Timeline()
  /** The entry of its latest breach. */
  #breachedAt = 0
  state: ModelState = 'clear'
  breaches = 0
  /** Of the limits that were breached when its latest breach began. */
  evidence: readonly { readonly limit: ModelLimit; readonly evidence: ModelEvidence }[] = []

  constructor(limits: readonly ModelLimit[], all: boolean, minHold: number) {
    this.limits = limits.map((limit) => new LimitHistory(limit, this.#timeline))
    this.#all = all
    this.#minHold = minHold
  }

  /** Whether only the hold keeps it breached. */
  #isHeld = false

  get isBreached(): boolean {
    return this.state === 'breached' || this.state === 'clearing'
  }

  /** When the hold ends, if nothing is seen before; undefined without one. */
  get holdEnd(): number | undefined {
    if (!this.#isHeld) return undefined
    const { last } = this.#timeline
    return this.#timeline.at(last) + this.#minHold - this.#timeline.observed(this.#breachedAt, last)
  }

  /** Sees one value per limit. */
  see(time: number, gap: number, values: readonly Seen[]): void {
    this.#timeline.add(time, gap)
    this.limits.forEach((limit, index) => limit.see(values[index]))
    this.#judge()
  }

  #judge(): void {
    const wasBreached = this.isBreached
    const now = this.#timeline.last
    const voters = this.limits.filter((each) => !each.isMissing || each.limit.onMissing !== 'ignore')
    const guilty = voters.filter((each) => each.isGuilty)
    const clearing = guilty.filter((each) => !each.isMissing && each.state === 'clearing')
    const isMet = this.#all ? voters.length > 0 && guilty.length === voters.length : guilty.length > 0
    this.#isHeld = !isMet && wasBreached && this.#timeline.observed(this.#breachedAt, now) < this.#minHold
    if (isMet) {
      // Recovering: any of the limits that must all be breached, or all of those of which one is enough.
      const isReceding = this.#all ? clearing.length > 0 : clearing.length === guilty.length
      this.state = isReceding ? 'clearing' : 'breached'
    } else if (this.#isHeld) {
      this.state = 'clearing'
    } else if (voters.some((each) => each.isMissing && each.limit.onMissing === 'throw')) {
      this.state = 'unavailable'
    } else {
      this.state = voters.some((each) => !each.isMissing && each.state === 'pending') ? 'pending' : 'clear'
    }
    if (!this.isBreached || wasBreached) return
    this.breaches++
    this.#breachedAt = now
    this.evidence = guilty.map(({ limit, evidence }) => ({ limit, evidence: evidence! }))
  }
}
