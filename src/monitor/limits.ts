/** Limits as users write them: checked, and converted for the sampler. */
import { isMarked } from '../base/copies.js'
import { checkKeys, invalidChoice, invalidType, invalidValue, outOfRange } from '../base/errors.js'
import { printable } from '../base/printable.js'
import { parseDuration, parseMilliseconds, parseNumber, parsePercent, parseSize, type Duration } from '../base/units.js'
import type { Selector } from '../base/selector.js'
import { findMetric, type MetricInfo } from '../addon/metrics.js'
import type { SeriesKey } from '../addon/sampler.js'
import { isCheck, parseConditions, type GuardCheck, type GuardCondition, type ParsedCondition } from './conditions.js'
import { parseMetric, selectedText, type MetricText } from './metric-text.js'
import { SELECTOR_KEYS, checkMetric, givenSelector, toSeriesKey } from './selectors.js'

/**
 * A number in the metric's unit, or a string with the number and the unit: `90`, `'90%'`, `'500MB'`, `'80C'`. A string may be
 * without the unit, `'90'`, unless it is a size.
 */
export type Value = number | string

/** One line drawn on one metric: exactly one of `above` and `below`. */
export interface Limit extends Selector {
  /** The line, in the unit of the metric: values above it are a breach. */
  above?: Value | undefined
  /** The line, in the unit of the metric: values below it are a breach. */
  below?: Value | undefined
  /** How long the value must be beyond the line. @default the metric's own: 1 s for shares over time, 0 for levels */
  for?: Duration | undefined
  /** Where it counts as recovered. @default 10 % of the limit inside it; for 0 or a flag, the limit itself */
  clear?: Value | undefined
  /** How long it must be recovered. @default 0 */
  clearFor?: Duration | undefined
  /** Averaging window of a share or rate. @default the metric's own */
  over?: Duration | undefined
  /**
   * `eventLoop.delay` with `above`: whether the evidence has the stack of the code that blocks the loop (`Breach.stack`).
   * @default false
   */
  stack?: boolean | undefined
  /** What it means that the metric is missing: an error from `guard()`, nothing, or a breach. @default 'throw' */
  onMissing?: 'throw' | 'ignore' | 'breach' | undefined
}

/**
 * Limits by metric, and conditions beside them. A key is the name of a metric, or a text with its selector. A bare value is a
 * limit in the direction in which the metric gets worse.
 *
 * @example
 * const limits: Limits = {
 *   memory: 90,
 *   temperature: { above: '80C', for: '5s' },
 *   'disk.free(/data)': '1GB',
 *   'process.rss': { above: '2GB', pid: 812, tree: true },
 *   conditions: { database: { check: (signal) => ping(signal), interval: '2s', for: '10s' } },
 * }
 */
export interface Limits extends MetricLimits {
  /**
   * What must hold beside the metrics, by a name of your own; see {@link GuardCondition}. Because these names are apart from
   * those of metrics, a metric that a later version adds cannot clash with them. @default none
   */
  readonly conditions?: Readonly<Record<string, GuardCheck | GuardCondition | undefined>> | undefined
}

/** Limits by metric alone. */
export type MetricLimits = { readonly [metric in MetricText]?: Value | Limit | readonly Limit[] | undefined }

/** Limits and conditions, checked and complete. */
export interface ParsedLimits {
  readonly limits: readonly ParsedLimit[]
  readonly conditions: readonly ParsedCondition[]
}

/** A limit, checked and complete. */
export interface ParsedLimit {
  readonly series: SeriesKey
  readonly info: MetricInfo
  /** As it was given, with the path made absolute; empty if none was. */
  readonly selector: Selector
  readonly direction: 'above' | 'below'
  readonly enter: number
  readonly exit: number
  readonly for: number
  readonly clearFor: number
  readonly onMissing: 'throw' | 'ignore' | 'breach'
  readonly stack: boolean
}

const LIMIT_KEYS = ['above', 'below', 'for', 'clear', 'clearFor', 'over', ...SELECTOR_KEYS, 'onMissing', 'stack']
const ON_MISSING = ['throw', 'ignore', 'breach'] as const

/** The metrics, with their selectors, and the names of the conditions, without duplicates. */
export function namesOf({ limits, conditions }: ParsedLimits): string {
  const names = [...limits.map(selectedText), ...conditions.map(({ name }) => name)]
  return [...new Set(names)].join(', ')
}

/** @throws TypeError, RangeError with Node's codes, naming the option */
export function parseLimits(limits: Limits): ParsedLimits {
  // An object of one of our classes has properties that would be taken for metrics.
  if (typeof limits !== 'object' || limits === null || Array.isArray(limits) || isMarked(limits)) {
    throw invalidType('limits', 'an object of limits by metric', limits)
  }
  const parsed: ParsedLimit[] = []
  const { conditions: given, ...metrics } = limits
  for (const [name, value] of Object.entries(metrics)) {
    if (isCheck(value) && findMetric(name) === undefined) {
      throw invalidValue(name, `among the conditions: { conditions: { ${printable(name)}: ... } }`, value)
    }
    const { info, selector } = name.includes('(') ? parseMetric(name) : { info: checkMetric(name), selector: {} }
    // As with every option, `undefined` means that it was left out.
    if (value === undefined) continue
    const option = printable(name)
    if (Array.isArray(value)) {
      if (value.length === 0) throw invalidValue(option, 'at least one limit', '[]')
      value.forEach((each: Limit, index) => parsed.push(parseLimit(info, selector, each, `${option}[${index}]`)))
    } else {
      parsed.push(parseLimit(info, selector, value as Value | Limit, option))
    }
  }
  const conditions = parseConditions(given)
  if (parsed.length + conditions.length === 0) {
    throw invalidValue('limits', 'at least one limit on one metric, or one condition', '{}')
  }
  return { limits: parsed, conditions }
}

/** @param selector what the metric's text names; the limit may add other selectors */
function parseLimit(info: MetricInfo, selector: Selector, limit: Value | Limit, name: string): ParsedLimit {
  if (typeof limit === 'number' || typeof limit === 'string') {
    return parseLimit(info, selector, { [info.worse]: limit }, name)
  }
  if (typeof limit !== 'object' || limit === null || Array.isArray(limit)) {
    const example = info.unit === 'flag' ? `{ ${info.worse}: ${info.worse === 'above' ? 0 : 1} }` : '{ above: 90 }'
    throw invalidType(name, `a value or a limit such as ${example}`, limit)
  }
  checkKeys(limit, 'limit option', LIMIT_KEYS)
  if ((limit.above === undefined) === (limit.below === undefined)) {
    const given = limit.above === undefined ? 'neither' : 'both'
    throw invalidValue(name, "a limit with exactly one of 'above' and 'below'", given)
  }
  for (const key of SELECTOR_KEYS) {
    if (selector[key] === undefined || limit[key] === undefined) continue
    throw invalidValue(`${name}.${key}`, 'left out: it is in the brackets already', limit[key])
  }
  const direction = limit.above === undefined ? 'below' : 'above'
  const enter = parseValue(info, limit[direction], `${name}.${direction}`)
  checkFlag(info, direction, enter, `${name}.${direction}`)
  const onMissing = limit.onMissing ?? 'throw'
  if (!ON_MISSING.includes(onMissing)) {
    throw invalidChoice(`${name}.onMissing`, ON_MISSING, onMissing)
  }
  const selected = { ...limit, ...selector }
  const series = toSeriesKey(info, selected, limit.over, name)
  return {
    series,
    info,
    selector: givenSelector(selected, info, series),
    direction,
    enter,
    exit: parseExit(info, limit.clear, direction, enter, name),
    for: limit.for === undefined ? info.for : parseDuration(limit.for, `${name}.for`),
    clearFor: limit.clearFor === undefined ? 0 : parseDuration(limit.clearFor, `${name}.clearFor`),
    onMissing,
    stack: parseStack(info, limit.stack, direction, `${name}.stack`),
  }
}

/** A flag is 0 or 1, so that most lines would never be crossed, as `throttled: 1`. */
function checkFlag(
  { name: metric, unit }: MetricInfo,
  direction: 'above' | 'below',
  enter: number,
  name: string,
): void {
  if (unit !== 'flag' || (direction === 'above' ? enter < 1 : enter > 0 && enter <= 1)) return
  const line = direction === 'above' ? 0 : 1
  const meaning = `'${metric}' is 0 or 1, so { ${direction}: ${line} } is crossed while it is ${1 - line}`
  throw outOfRange(name, `${line}: ${meaning}`, enter)
}

function parseStack(info: MetricInfo, given: unknown, direction: 'above' | 'below', name: string): boolean {
  if (given === undefined) return false
  if (typeof given !== 'boolean') throw invalidType(name, 'true or false', given)
  if (info.name !== 'eventLoop.delay' || direction !== 'above') {
    throw invalidValue(name, "left out: only a limit on 'eventLoop.delay' with 'above' has a stack", given)
  }
  return given
}

/** Converts a value to a number in the metric's unit. */
export function parseValue(info: MetricInfo, value: unknown, name: string): number {
  switch (info.unit) {
    case '%':
      return parsePercent(value, name, info.max)
    case 'bytes':
      return parseSize(value, name)
    case 'bytes/s':
      return parseSize(typeof value === 'string' ? value.replace(/\/s\s*$/, '') : value, name)
    case 'ms':
      return parseMilliseconds(value, name)
    case '°C':
      return parseNumber(value, name, 'C', '°C')
    case 'flag':
    case 'count':
    case 'per CPU':
    case 'per s': {
      const number = parseNumber(value, name)
      if (number < 0) throw outOfRange(name, '0 or more', value)
      return number
    }
  }
}

function parseExit(
  info: MetricInfo,
  clear: Value | undefined,
  direction: 'above' | 'below',
  enter: number,
  name: string,
): number {
  if (clear !== undefined) {
    const exit = parseValue(info, clear, `${name}.clear`)
    const inside = direction === 'above' ? exit <= enter : exit >= enter
    if (!inside) throw outOfRange(`${name}.clear`, `${direction === 'above' ? 'at most' : 'at least'} ${enter}`, clear)
    return exit
  }
  if (info.unit === 'flag') return enter
  const margin = Math.abs(enter) * 0.1
  if (direction === 'above') return enter - margin
  // Close to the end of the scale, where 10 % would lie beyond it, half of the rest.
  return Math.min(enter + margin, (enter + info.max) / 2)
}
