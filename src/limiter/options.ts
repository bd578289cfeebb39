/** The options of a limiter and of its runs, and their checks. */
import type { CancelableOptions } from '../cancelable/cancelable.js'
import { CANCELABLE_OPTIONS } from '../cancelable/options.js'
import { invalidType, invalidValue, outOfRange } from '../base/errors.js'
import { readOptions } from '../base/options.js'
import { checkWhole, parseDuration, type Duration } from '../base/units.js'
import type { Guard } from '../monitor/guard.js'
import type { Limits } from '../monitor/limits.js'
import { checkResources } from '../sources/resource.js'
import type { PolicySettings } from './policy.js'

/** The options of a limiter. All but `max` and `resources` are optional. */
export interface LimiterOptions {
  /** The most functions that may run at the same time, 1 or more. */
  max: number
  /** The limit never goes below this; with 0, nothing starts while a breach lasts. @default 1 */
  min?: number | undefined
  /** The limit at the start, from `min` to `max`. @default min, or 1 if that is 0 */
  initial?: number | undefined
  /**
   * Limits, shared with all users of equal ones, or a guard; several in an array, each of which counts. May be left out if
   * `min` and `max` are equal, so that the limit never changes.
   */
  resources?: Limits | Guard | readonly (Limits | Guard)[] | undefined
  /** What is added to the limit at once. @default a 32nd of `max`, at least 1 */
  step?: number | undefined
  /** The shortest time between two additions. @default 500 ms */
  interval?: Duration | undefined
  /** What a breach multiplies the limit by: more than 0 and less than 1. @default 0.5 */
  factor?: number | undefined
  /**
   * How long a cut may take to show before the next one follows, if the breach lasts; and how long the guards must have been
   * clear before the limit grows again. Make it at least as long as the window of the metrics. @default 1 s
   */
  hold?: Duration | undefined
  /** Whether the limit stops growing while the functions take more than twice as long as usual. @default true */
  latency?: boolean | undefined
  /**
   * The most runs that may wait. One more is refused with `ERR_TRIPLINE_NOT_ADMITTED`, or takes the place of one with a lower
   * priority. @default Infinity
   */
  maxWaiting?: number | undefined
  /**
   * How long the body of an abandoned operation still counts as running, unless it ends before: it still uses the machine, but
   * may never end. @default 30 s
   */
  holdAbandoned?: Duration | undefined
  /** For messages and diagnostics. @default 'limiter' */
  name?: string | undefined
}

/**
 * The options of one run: those of its operation, and two more. What can cancel the operation can also cancel it while it
 * waits, except for `timeout` and `idle`, which count from its start, and `resources`.
 */
export interface LimiterRunOptions extends CancelableOptions {
  /** The highest goes first; among equals, the oldest. Any number. @default 0 */
  priority?: number | undefined
  /** The longest wait for a slot; then it is refused with `ERR_TRIPLINE_NOT_ADMITTED`. @default Infinity */
  wait?: Duration | undefined
}

/** The checked options of a limiter. Times are in milliseconds. */
export interface LimiterSettings extends PolicySettings {
  readonly resources: readonly (Limits | Guard)[]
  readonly latency: boolean
  readonly maxWaiting: number
  readonly holdAbandoned: number
  readonly name: string
}

const KEYS: readonly (keyof LimiterOptions)[] = [
  'max',
  'min',
  'initial',
  'resources',
  'step',
  'interval',
  'factor',
  'hold',
  'latency',
  'maxWaiting',
  'holdAbandoned',
  'name',
]
const RUN_KEYS: readonly string[] = [...CANCELABLE_OPTIONS, 'priority', 'wait']

/** The shortest time between two changes of the limit, in milliseconds: with less, every task would change it. */
const SHORTEST_MS = 10

/** @throws TypeError, RangeError with Node's codes, naming the option */
export function parseLimiter(options: LimiterOptions): LimiterSettings {
  readOptions(options, 'limiter option', KEYS)
  const { min = 1, max, name = 'limiter', factor = 0.5, latency = true, maxWaiting = Infinity } = options
  checkWhole(max, 'max', 1)
  checkWhole(min, 'min', 0)
  if (min > max) throw outOfRange('min', `at most 'max', which is ${max}`, min)
  const { initial = Math.min(max, Math.max(1, min)), step = Math.max(1, Math.round(max / 32)) } = options
  checkWhole(initial, 'initial', min)
  if (initial > max) throw outOfRange('initial', `at most 'max', which is ${max}`, initial)
  checkWhole(step, 'step', 1)
  if (typeof factor !== 'number') throw invalidType('factor', 'a number', factor)
  if (!(factor > 0 && factor < 1)) throw outOfRange('factor', 'more than 0 and less than 1', factor)
  if (typeof latency !== 'boolean') throw invalidType('latency', 'true or false', latency)
  checkWhole(maxWaiting, 'maxWaiting', 0, Infinity, true)
  if (typeof name !== 'string') throw invalidType('name', 'a string', name)
  return {
    min,
    max,
    initial,
    step,
    interval: parseSpan(options.interval ?? 500, 'interval'),
    factor,
    hold: parseSpan(options.hold ?? 1000, 'hold'),
    latency,
    maxWaiting,
    holdAbandoned: parseDuration(options.holdAbandoned ?? 30_000, 'holdAbandoned', true),
    name,
    resources: readResources(options),
  }
}

function readResources({ resources, min = 1, max }: LimiterOptions): readonly (Limits | Guard)[] {
  const all = resources === undefined ? [] : Array.isArray(resources) ? resources : [resources as Limits | Guard]
  if (all.length === 0 && min !== max) {
    throw invalidValue('resources', "limits, a guard, or several of them, unless 'min' and 'max' are equal", resources)
  }
  for (const each of all as readonly (Limits | Guard)[]) {
    checkResources(each)
    if ((each as Partial<Guard>).closed === true) throw invalidValue('resources', 'a guard that is not closed', each)
  }
  return all as readonly (Limits | Guard)[]
}

function parseSpan(value: Duration, name: string): number {
  const span = parseDuration(value, name)
  if (span < SHORTEST_MS) throw outOfRange(name, `${SHORTEST_MS} ms or more`, value)
  return span
}

/** The options of a run, taken apart. */
export interface RunSettings {
  readonly priority: number
  /** In milliseconds. */
  readonly wait: number
  /** Those of the operation; it checks them itself. */
  readonly operation: CancelableOptions | undefined
}

const PLAIN: RunSettings = { priority: 0, wait: Infinity, operation: undefined }

/** @throws TypeError, RangeError with Node's codes, naming the option */
export function parseRun(options: LimiterRunOptions | undefined): RunSettings {
  if (options === undefined) return PLAIN
  const { priority = 0, wait, ...operation } = readOptions(options, 'option', RUN_KEYS)
  if (typeof priority !== 'number' || Number.isNaN(priority)) throw invalidType('priority', 'a number', priority)
  return { priority, wait: wait === undefined ? Infinity : parseDuration(wait, 'wait', true), operation }
}

/** The options of an operation that stands in for another one while that waits. */
export function whileWaiting(options: CancelableOptions | undefined): CancelableOptions {
  if (options === undefined) return {}
  const { token, signal, abortSignal, signals, deadline, condition, sources, parent, name, metadata } = options
  return { token, signal, abortSignal, signals, deadline, condition, sources, parent, name, metadata }
}
