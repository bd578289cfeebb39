/** The policies for beats that could not be delivered when they were due. Pure. */

/**
 * How beats are treated that could not be delivered when they were due.
 *
 * - `coalesce`: the latest one is delivered at once, and its `missed` counts the others
 * - `skip`: none of them is delivered; the body continues with the next beat of the grid
 * - `burst`: each is delivered, one right after the other, up to `maxBurst`
 * - `delay`: as `coalesce`, and the following beats count from this delivery
 */
export type MissedPolicy = 'coalesce' | 'skip' | 'burst' | 'delay'

export const POLICIES: readonly MissedPolicy[] = ['coalesce', 'skip', 'burst', 'delay']

/** A beat to deliver. {@link Backlog.take} fills it in, so that beats allocate nothing. */
export interface Beat {
  index: number
  /** On the clock of the caller of {@link Backlog.add}. */
  due: number
  /** How many beats were not delivered since the last delivery. */
  missed: number
}

/** Beats of one grid that wait. */
interface Run {
  beats: number
  /** Of the last of them. */
  readonly index: number
  readonly due: number
  readonly period: number
}

/** Times of the sampler are exact to nanoseconds; in milliseconds. */
const EXACT = 1e-3

export class Backlog {
  readonly #policy: MissedPolicy
  readonly #bound: number
  // The beats that wait since the grid changed last: the latest of them, and the period.
  #waiting = 0
  #index = -1
  #due = 0
  #period = 0
  /** Those that have waited since before that, the oldest first. */
  #older: Run[] = []
  #missed = 0
  #skipped = false

  /** @param bound the most beats of a burst */
  constructor(policy: MissedPolicy, bound: number) {
    this.#policy = policy
    this.#bound = policy === 'burst' ? bound : 1
  }

  /** How many missed beats no delivery has reported yet. */
  get uncounted(): number {
    return this.#missed
  }

  /**
   * @param beats how many have passed; `index` and `due` are of the last of them
   * @param period the time between them
   * @param busy whether none of them can be delivered now
   */
  add(beats: number, index: number, due: number, period: number, busy: boolean): void {
    if (this.#waiting > 0 && !this.#follow(beats, due, period)) this.#setAside()
    this.#index = index
    this.#due = due
    this.#period = period
    if (this.#policy === 'skip') this.#skip(beats, busy)
    else this.#waiting += beats
    this.#bind()
  }

  /** Whether beats go on with the grid of those that wait. */
  #follow(beats: number, due: number, period: number): boolean {
    return period === this.#period && Math.abs(due - beats * period - this.#due) < EXACT
  }

  #setAside(): void {
    this.#older.push({ beats: this.#waiting, index: this.#index, due: this.#due, period: this.#period })
    this.#waiting = 0
  }

  /** Beyond the bound, the oldest are missed. */
  #bind(): void {
    let room = this.#bound
    if (this.#waiting > room) {
      this.#missed += this.#waiting - room
      this.#waiting = room
    }
    if (this.#older.length === 0) return
    room -= this.#waiting
    for (const run of this.#older.toReversed()) {
      const kept = Math.min(run.beats, room)
      this.#missed += run.beats - kept
      room -= kept
      run.beats = kept
    }
    this.#older = this.#older.filter(({ beats }) => beats > 0)
  }

  #skip(beats: number, busy: boolean): void {
    // Never skip twice in a row without running the body: a loop that is always late would starve it.
    if (busy || (beats > 1 && !this.#skipped)) {
      this.#skipped = !busy
      this.#missed += beats
      return
    }
    this.#skipped = false
    this.#missed += beats - 1
    this.#waiting = 1
  }

  /** Takes the next beat to deliver. Returns false if there is none. */
  take(into: Beat): boolean {
    const oldest = this.#older[0]
    if (oldest !== undefined) {
      const behind = --oldest.beats
      if (behind === 0) this.#older.shift()
      into.index = oldest.index - behind
      into.due = oldest.due - behind * oldest.period
    } else if (this.#waiting > 0) {
      const behind = --this.#waiting
      into.index = this.#index - behind
      into.due = this.#due - behind * this.#period
    } else {
      return false
    }
    into.missed = this.#missed
    this.#missed = 0
    return true
  }

  /** Drops the beats that wait, which then count as missed. */
  drop(): void {
    this.#missed += this.#waiting
    for (const { beats } of this.#older) this.#missed += beats
    this.#waiting = 0
    this.#older = []
  }
}
