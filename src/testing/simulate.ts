/** Recorded traces played through real limits: the sampler's own decision says which would have been crossed, and when. */
import { MetricUnavailableError, checkKeys, checkOptions, invalidValue, outOfRange } from '../base/errors.js'
import type { Breach } from '../base/reason.js'
import { parseDuration, type Duration } from '../base/units.js'
import { allocateFlag, freeFlag, readFlag } from '../addon/board.js'
import type { MetricName } from '../addon/metrics.js'
import { connect } from '../addon/sampler.js'
import { encode, parseOptions, toBreach, type GuardOptions } from '../monitor/guard.js'
import { labelOf, parseLimits, type Limits, type ParsedLimit } from '../monitor/limits.js'
import { readRows, type MetricKey, type Row, type Trace } from './trace.js'

/** The options of {@link simulate}, all optional. */
export interface SimulateOptions extends Pick<GuardOptions, 'mode' | 'minHold' | 'name'> {
  /**
   * How often the trace was sampled. Where more than three times that lies between two samples, the rest of it is a gap: as
   * nothing was observed in it, it counts into no `for`, `clearFor` and `minHold`. `Infinity` knows no gaps: a value then
   * lasts until the next one. @default the median distance of the samples
   */
  interval?: Duration | undefined
}

/** A part of a trace. All times are in milliseconds on the clock of the trace: since 1970 where it has dates. */
export interface TraceSpan {
  /** Where it begins. */
  readonly start: number
  /** Where it ends; `undefined` where it lasts to the end of the trace. */
  readonly end: number | undefined
}

/** A breach that there would have been. */
export interface SimulatedBreach extends TraceSpan {
  /** The evidence: of the first limit, where several were breached at once. */
  readonly breach: Breach
  /** The evidence of each limit that was breached by then. */
  readonly breaches: readonly Breach[]
}

/** What would have become of one limit. */
export interface SimulatedLimit {
  /** Its metric. */
  readonly metric: MetricName
  /** The metric with its selector, as a trace has it: `'disk.free(/data)'`. */
  readonly key: MetricKey
  /** On which side of the line a breach is. */
  readonly direction: 'above' | 'below'
  /** The line, in the unit of the metric. */
  readonly limit: number
  /** When it would have been crossed for long enough; `mode` and `minHold` are the guard's and change nothing here. */
  readonly breaches: readonly SimulatedBreach[]
}

/** The outcome of a simulation. */
export interface Simulation extends TraceSpan {
  /** The end of the trace. */
  readonly end: number
  /** How many samples the trace has. */
  readonly samples: number
  /** The breaches of a guard with all the limits, in order. */
  readonly breaches: readonly SimulatedBreach[]
  /** Each limit by itself, in the order in which they were given. */
  readonly limits: readonly SimulatedLimit[]
  /** When the guard would have been unavailable, because a metric was missing. */
  readonly unavailable: readonly TraceSpan[]
  /** In which nothing was observed; see {@link SimulateOptions.interval}. */
  readonly gaps: readonly TraceSpan[]
}

const OPTION_KEYS = ['mode', 'minHold', 'name', 'interval']
const NOT_READ = Infinity
/** This many intervals without a sample are a gap. */
const GAP = 3

/**
 * Plays a recorded trace through limits: says which would have fired, when, and for how long, with the decision of real
 * guards, so that `for`, `clearFor`, `clear`, `minHold`, `mode` and `onMissing` mean exactly what they mean there. Crossings
 * are seen at the samples, as nothing is known of the time between them; the machine that it runs on is not read, and need
 * not have the metrics.
 *
 * A limit takes the values of its key, such as `'disk.free(/data)'`, or of the bare metric where the trace has no such key.
 *
 * @param trace samples `{ time, values }`, what `samples()` yields, or lines of `tripline watch --json` by {@link readTrace}
 * @example
 * const { breaches } = await simulate({ memory: { above: 90, for: '10s' } }, readTrace(createReadStream('monday.ndjson')))
 * for (const { start, end, breach } of breaches) console.log(new Date(start), describeBreach(breach))
 * @throws TypeError, RangeError (all as rejections) as `guard()` does for bad limits and options; `ERR_INVALID_ARG_VALUE` for
 *   an unknown metric, a limit whose metric the trace does not have, or one with `over`, as values are averages already;
 *   `ERR_OUT_OF_RANGE` for times that go backwards; NativeMissingError `ERR_TRIPLINE_NATIVE_MISSING`
 */
export async function simulate(limits: Limits, trace: Trace, options: SimulateOptions = {}): Promise<Simulation> {
  const { limits: parsed, conditions } = parseLimits(limits)
  if (conditions.length > 0) {
    throw invalidValue('conditions', 'left out: a trace has values of metrics alone', conditions[0]!.name)
  }
  for (const { series, info } of parsed) {
    if (series.window === info.window) continue
    throw invalidValue(`${info.name}.over`, 'left out: the values of a trace are averages already', series.window)
  }
  const { interval, ...guardOptions } = checkOptions(options)
  checkKeys(options, 'simulate option', OPTION_KEYS)
  const { all, minHold } = parseOptions(guardOptions)
  const given = interval === undefined ? undefined : parseDuration(interval, 'interval', true)
  if (given === 0) throw outOfRange('interval', 'more than 0', interval)
  connect()

  const rows = await readRows(trace)
  const keys = parsed.map((limit) => keyIn(rows, limit))
  return play(parsed, keys, rows, given ?? medianDistance(rows), all, minHold)
}

/** The key under which a trace has the values of a limit. */
function keyIn(rows: readonly Row[], { info, series }: ParsedLimit): string {
  const label = labelOf(info.scope, series)
  const has = (key: string): boolean => rows.some(({ values }) => values.has(key))
  const found = [label, info.name].find(has)
  if (found !== undefined) return found
  const there = [...new Set(rows.flatMap(({ values }) => [...values.keys()]))]
  const known = there.length === 0 ? 'no values at all' : there.map((key) => `'${key}'`).join(', ')
  throw invalidValue('trace', `one with values of '${label}'`, known)
}

function medianDistance(rows: readonly Row[]): number {
  const distances = rows.slice(1).map(({ time }, index) => time - rows[index]!.time)
  const sorted = Float64Array.from(distances.filter((each) => each > 0)).toSorted()
  return sorted.length === 0 ? Infinity : sorted[sorted.length >> 1]!
}

function play(
  limits: readonly ParsedLimit[],
  keys: readonly string[],
  rows: readonly Row[],
  interval: number,
  all: boolean,
  minHold: number,
): Simulation {
  // Native times begin with 1: 0 is no time.
  const origin = rows[0]!.time - 1
  const guard = new Rehearsal(limits, all, minHold, origin)
  const single: Rehearsal[] = []
  const gaps: TraceSpan[] = []
  try {
    for (const limit of limits) single.push(new Rehearsal([limit], false, 0, origin))
    let before = rows[0]!.time
    for (const { time, values } of rows) {
      const distance = time - before
      const gap = distance > GAP * interval ? distance - interval : 0
      if (gap > 0) gaps.push({ start: time - gap, end: time })
      const numbers = Float64Array.from(keys, (key) => values.get(key) ?? NOT_READ)
      guard.step(time, gap, numbers)
      single.forEach((each, place) => each.step(time, gap, numbers.subarray(place, place + 1)))
      before = time
    }
    return {
      start: rows[0]!.time,
      end: before,
      samples: rows.length,
      breaches: guard.breaches,
      limits: limits.map(({ info, series, direction, enter }, place) => ({
        metric: info.name,
        key: labelOf(info.scope, series) as MetricKey,
        direction,
        limit: enter,
        breaches: single[place]!.breaches,
      })),
      unavailable: guard.unavailable,
      gaps,
    }
  } finally {
    for (const each of [guard, ...single]) each.close()
  }
}

// By number as on the board.
const CLEAR = 0
const PENDING = 1
const UNAVAILABLE = 4

interface Open<T extends TraceSpan> {
  /** All so far; the last may still be open. */
  readonly spans: (T & { end: number | undefined })[]
}

/** A guard of the sampler that is played, and what has become of it. */
class Rehearsal {
  readonly #limits: readonly ParsedLimit[]
  readonly #origin: number
  readonly #flag: number
  readonly #id: number
  readonly #none: Float64Array
  // When it would change without another value, on its own clock.
  #next = Infinity
  #count = 0
  readonly #breached: Open<SimulatedBreach> = { spans: [] }
  readonly #lost: Open<TraceSpan> = { spans: [] }

  /** @param origin what is 0 on its own clock */
  constructor(limits: readonly ParsedLimit[], all: boolean, minHold: number, origin: number) {
    this.#limits = limits
    this.#origin = origin
    this.#none = new Float64Array(limits.length).fill(NOT_READ)
    this.#flag = allocateFlag()
    const id = connect().addGuard(all, 100, 0, minHold, this.#flag, encode(limits, []), 0)
    if (typeof id === 'string') {
      freeFlag(this.#flag)
      throw new MetricUnavailableError(limits[0]!.info.name, id)
    }
    this.#id = id
  }

  get breaches(): readonly SimulatedBreach[] {
    return this.#breached.spans
  }

  get unavailable(): readonly TraceSpan[] {
    return this.#lost.spans
  }

  step(time: number, gap: number, values: Float64Array): void {
    // What changes by time alone, as the end of a hold, does so between the samples; not in what nothing observed.
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
    const isClear = state === CLEAR || state === PENDING
    if (isClear) endLast(this.#breached, time)
    if (word >>> 3 !== this.#count) this.#begin(time)
    this.#count = word >>> 3
    if (state !== UNAVAILABLE) endLast(this.#lost, time)
    else if (!isOpen(this.#lost)) this.#lost.spans.push({ start: time, end: undefined })
  }

  #begin(start: number): void {
    endLast(this.#breached, start)
    const breaches = connect()
      .evidence(this.#id)
      .map((each) => toBreach(this.#limits[each.limit]!, each, (at) => this.#origin + at))
    this.#breached.spans.push({ start, end: undefined, breach: breaches[0]!, breaches })
  }

  close(): void {
    connect().removeGuard(this.#id)
    freeFlag(this.#flag)
  }
}

function isOpen(open: Open<TraceSpan>): boolean {
  const last = open.spans.at(-1)
  return last !== undefined && last.end === undefined
}

function endLast(open: Open<TraceSpan>, end: number): void {
  if (isOpen(open)) open.spans.at(-1)!.end = end
}
