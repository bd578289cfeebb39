/** Plays recorded traces through real limits: the sampler's own code decides which would have been crossed, and when. */
import { checkKeys, invalidValue, outOfRange } from '../base/errors.js'
import { checkOptions } from '../base/options.js'
import type { Breach } from '../base/reason.js'
import { parseDuration, type Duration } from '../base/units.js'
import type { MetricName } from '../addon/metrics.js'
import { connect } from '../addon/sampler.js'
import { parseOptions, type GuardOptions } from '../monitor/guard-options.js'
import type { MetricText } from '../monitor/metric-text.js'
import { parseLimits, type Limits, type ParsedLimit } from '../monitor/limits.js'
import { Rehearsal, medianDistance, toSteps, type Row, type Step } from '../monitor/rehearsal.js'
import { readRows, textOf, type Trace } from './trace.js'

/** The options of {@link simulate}, all optional. */
export interface SimulateOptions extends Pick<GuardOptions, 'mode' | 'minHold' | 'name'> {
  /**
   * The interval between samples. If more than three intervals pass between two samples, the rest is a gap, which does not
   * count into `for`, `clearFor` or `minHold`, because nothing was observed. With `Infinity` there are no gaps: a value lasts
   * until the next one. @default the median distance between samples
   */
  interval?: Duration | undefined
}

/** A part of a trace. All times are in milliseconds on the clock of the trace: since 1970 where it has dates. */
export interface TraceSpan {
  /** When it begins. */
  readonly start: number
  /** When it ends; `undefined` if it lasts to the end of the trace. */
  readonly end: number | undefined
}

/** A breach that would have happened. */
export interface SimulatedBreach extends TraceSpan {
  /** The evidence; that of the first limit if several were breached at once. */
  readonly breach: Breach
  /** The evidence of each limit that was breached by then. */
  readonly breaches: readonly Breach[]
}

/** The result for one limit. */
export interface SimulatedLimit {
  /** Its metric. */
  readonly metric: MetricName
  /** The metric with its selector, as a trace has it: `'disk.free(/data)'`. */
  readonly key: MetricText
  /** The side of the line on which a value is a breach. */
  readonly direction: 'above' | 'below'
  /** The line, in the unit of the metric. */
  readonly limit: number
  /** When it would have been crossed for long enough. `mode` and `minHold` belong to the guard and have no effect here. */
  readonly breaches: readonly SimulatedBreach[]
}

/** The result of a simulation. */
export interface Simulation extends TraceSpan {
  /** The end of the trace. */
  readonly end: number
  /** The number of samples in the trace. */
  readonly samples: number
  /** The breaches of a guard with all the limits, in order. */
  readonly breaches: readonly SimulatedBreach[]
  /** The result for each limit by itself, in the order in which the limits were given. */
  readonly limits: readonly SimulatedLimit[]
  /** When the guard would have been unavailable, because a metric was missing. */
  readonly unavailable: readonly TraceSpan[]
  /** The times in which nothing was observed; see {@link SimulateOptions.interval}. */
  readonly gaps: readonly TraceSpan[]
}

const OPTION_KEYS = ['mode', 'minHold', 'name', 'interval']

/**
 * Plays a recorded trace through limits, and returns which of them would have been breached, when, and for how long. The
 * decisions are those of a real guard: `for`, `clearFor`, `clear`, `minHold`, `mode` and `onMissing` have the same meaning.
 * Crossings happen at samples, because the values between them are unknown. The machine is not read and need not have the
 * metrics.
 *
 * A limit takes the values under its key, such as `'disk.free(/data)'`, or else those of the metric without a selector.
 *
 * @param trace samples `{ time, values }`, items of `samples()`, or lines of `tripline watch --json` read by {@link readTrace}
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

/** The key of a limit's values in a trace. */
function keyIn(rows: readonly Row[], limit: ParsedLimit): string {
  const label = textOf(limit)
  const has = (key: string): boolean => rows.some(({ values }) => values.has(key))
  const found = [label, limit.info.name].find(has)
  if (found !== undefined) return found
  const there = [...new Set(rows.flatMap(({ values }) => [...values.keys()]))]
  const known = there.length === 0 ? 'no values at all' : there.map((key) => `'${key}'`).join(', ')
  throw invalidValue('trace argument', `one with values of '${label}'`, known)
}

function play(
  limits: readonly ParsedLimit[],
  keys: readonly string[],
  rows: readonly Row[],
  interval: number,
  all: boolean,
  minHold: number,
): Simulation {
  const guard = new Observed(limits, all, minHold, rows[0]!.time)
  const single: Observed[] = []
  const gaps: TraceSpan[] = []
  try {
    for (const limit of limits) single.push(new Observed([limit], false, 0, rows[0]!.time))
    for (const step of toSteps(rows, keys, interval)) {
      const { time, gap, values } = step
      if (gap > 0) gaps.push({ start: time - gap, end: time })
      guard.step(step)
      single.forEach((each, place) => each.step({ time, gap, values: values.subarray(place, place + 1) }))
    }
    return {
      start: rows[0]!.time,
      end: rows.at(-1)!.time,
      samples: rows.length,
      breaches: guard.breaches,
      limits: limits.map((limit, place) => ({
        metric: limit.info.name,
        key: textOf(limit),
        direction: limit.direction,
        limit: limit.enter,
        breaches: single[place]!.breaches,
      })),
      unavailable: guard.unavailable,
      gaps,
    }
  } finally {
    for (const each of [guard, ...single]) each.close()
  }
}

interface Open<T extends TraceSpan> {
  /** All spans so far; the last may still be open. */
  readonly spans: (T & { end: number | undefined })[]
}

/** A rehearsal, and the spans of its breaches. */
class Observed {
  readonly #rehearsal: Rehearsal
  readonly #breached: Open<SimulatedBreach> = { spans: [] }
  readonly #lost: Open<TraceSpan> = { spans: [] }

  constructor(limits: readonly ParsedLimit[], all: boolean, minHold: number, start: number) {
    this.#rehearsal = new Rehearsal(limits, { all, minHold }, start, {
      breached: (time, breaches) => {
        endLast(this.#breached, time)
        this.#breached.spans.push({ start: time, end: undefined, breach: breaches[0]!, breaches })
      },
      clear: (time) => endLast(this.#breached, time),
      missing: (time, isMissing) => {
        if (!isMissing) endLast(this.#lost, time)
        else if (!isOpen(this.#lost)) this.#lost.spans.push({ start: time, end: undefined })
      },
    })
  }

  get breaches(): readonly SimulatedBreach[] {
    return this.#breached.spans
  }

  get unavailable(): readonly TraceSpan[] {
    return this.#lost.spans
  }

  step(step: Step): void {
    this.#rehearsal.step(step)
  }

  close(): void {
    this.#rehearsal.close()
  }
}

function isOpen(open: Open<TraceSpan>): boolean {
  const last = open.spans.at(-1)
  return last !== undefined && last.end === undefined
}

function endLast(open: Open<TraceSpan>, end: number): void {
  if (isOpen(open)) open.spans.at(-1)!.end = end
}
