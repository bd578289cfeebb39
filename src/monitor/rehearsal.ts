/** Plays values that were recorded to a guard of the sampler, whose own code decides; the machine is not read. */
import { MetricUnavailableError } from '../base/errors.js'
import type { Breach } from '../base/reason.js'
import { allocateFlag, freeFlag, readFlag } from '../addon/board.js'
import { connect } from '../addon/sampler.js'
import { encode } from './native-limits.js'
import { toBreach } from './breach.js'
import type { ParsedLimit } from './limits.js'

/** The values of one moment. */
export interface Row {
  /** In milliseconds, on the clock of the recording. */
  readonly time: number
  /** By metric, as text in its normal form; NaN if a read failed. */
  readonly values: ReadonlyMap<string, number>
}

/** What a guard is given at one moment. */
export interface Step {
  readonly time: number
  /** How long nothing was observed before it, in milliseconds. */
  readonly gap: number
  /** One per key; Infinity if it was not read. */
  readonly values: Float64Array
}

/** Is called when the guard's state may have changed, in the order of time. */
export interface RehearsalListener {
  /** A breach has begun, with the evidence of each limit that is breached. It ends one that may have lasted until then. */
  breached(time: number, breaches: readonly Breach[]): void
  /** The guard is clear, as it may have been before. */
  clear(time: number): void
  /** Whether the metrics of the guard are missing, as they may have been before. */
  missing(time: number, isMissing: boolean): void
}

// The states by their numbers on the board.
const CLEAR = 0
const PENDING = 1
const UNAVAILABLE = 4

const NOT_READ = Infinity
/** More than this many intervals without a sample are a gap. */
const GAP_INTERVALS = 3

/** The median of the distances between rows; Infinity if there are no two. */
export function medianDistance(rows: readonly Row[]): number {
  const distances = rows.slice(1).map(({ time }, index) => time - rows[index]!.time)
  const sorted = Float64Array.from(distances.filter((each) => each > 0)).toSorted()
  return sorted.length === 0 ? Infinity : sorted[sorted.length >> 1]!
}

/** The rows as steps for a guard whose limits take the values of `keys`. */
export function* toSteps(rows: readonly Row[], keys: readonly string[], interval: number): Generator<Step, void> {
  let before = rows[0]?.time ?? 0
  for (const { time, values } of rows) {
    const distance = time - before
    const gap = distance > GAP_INTERVALS * interval ? distance - interval : 0
    yield { time, gap, values: Float64Array.from(keys, (key) => values.get(key) ?? NOT_READ) }
    before = time
  }
}

/** A guard of the sampler that is fed with steps. It has to be closed. */
export class Rehearsal {
  readonly #limits: readonly ParsedLimit[]
  readonly #origin: number
  readonly #flag: number
  readonly #id: number
  readonly #none: Float64Array
  readonly #listener: RehearsalListener
  // When it changes without another value, on its own clock.
  #next = Infinity
  #count = 0

  /**
   * @param start the time of the first step
   * @throws MetricUnavailableError
   */
  constructor(
    limits: readonly ParsedLimit[],
    options: { readonly all: boolean; readonly minHold: number },
    start: number,
    listener: RehearsalListener,
  ) {
    this.#limits = limits
    // Native times begin at 1, because 0 means no time.
    this.#origin = start - 1
    this.#listener = listener
    this.#none = new Float64Array(limits.length).fill(NOT_READ)
    this.#flag = allocateFlag()
    const id = connect().addGuard(options.all, 100, 0, options.minHold, this.#flag, encode(limits, []), 0)
    if (typeof id === 'string') {
      freeFlag(this.#flag)
      throw new MetricUnavailableError(limits[0]!.info.name, id)
    }
    this.#id = id
  }

  step({ time, gap, values }: Step): void {
    // Changes that depend on time alone, such as the end of a hold, happen between the samples, but not within a gap,
    // which nothing observed.
    for (let next = 0; next !== this.#next && this.#next <= time - this.#origin - gap;) {
      next = this.#next
      this.#play(this.#origin + next, next, 0, this.#none)
    }
    this.#play(time, time - this.#origin, gap, values)
  }

  #play(time: number, ownTime: number, gap: number, values: Float64Array): void {
    this.#next = connect().playGuard(this.#id, ownTime, gap, values)
    const word = readFlag(this.#flag)
    const state = word & 7
    if (state === CLEAR || state === PENDING) this.#listener.clear(time)
    if (word >>> 3 !== this.#count) this.#listener.breached(time, this.#evidence())
    this.#count = word >>> 3
    this.#listener.missing(time, state === UNAVAILABLE)
  }

  #evidence(): readonly Breach[] {
    return connect()
      .evidence(this.#id)
      .map((each) => toBreach(this.#limits[each.limit]!, each, (at) => this.#origin + at))
  }

  close(): void {
    connect().removeGuard(this.#id)
    freeFlag(this.#flag)
  }
}
