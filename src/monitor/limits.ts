/** Limits as users write them: checked, and converted for the sampler. */
import { resolve } from 'node:path'
import { isMarked } from '../base/copies.js'
import { checkKeys, invalidType, invalidValue, outOfRange, unknownName } from '../base/errors.js'
import { printable } from '../base/printable.js'
import { INT32_MAX } from '../base/int32.js'
import { parseDuration, parseNumber, parsePercent, parseSize, type Duration } from '../base/units.js'
import {
  METRIC_NAMES,
  SELECTORS,
  findMetric,
  type MetricInfo,
  type MetricName,
  type MetricScope,
  type SelectorName,
  type TextSelector,
} from '../addon/metrics.js'
import type { SeriesKey } from '../addon/sampler.js'
import { isCheck, parseConditions, type GuardCheck, type GuardCondition, type ParsedCondition } from './conditions.js'

/** A number in the metric's unit, or a string with a unit: `90`, `'90%'`, `'500MB'`, `'80C'`. */
export type Value = number | string

/** Narrows a metric to one file system, network interface, sensor, GPU or process. */
export interface Selector {
  /** `disk*`: any path on the file system. @default the working directory */
  path?: string | undefined
  /** `network.*`: the interface's name, or its alias on Windows. @default the sum of all that connect to the outside */
  interface?: string | undefined
  /** `temperature`: the type of a thermal zone, or a sensor's name. @default the hottest sensor of the CPU or its chip */
  zone?: string | undefined
  /** `gpu*`: the GPU's name in `/sys/class/drm` (`'card1'`), or its PCI address. @default all of them */
  gpu?: string | undefined
  /** `pressure.*`: that of the machine, or of this process's control group (version 2 only). @default 'machine' */
  scope?: 'machine' | 'group' | undefined
  /** `process.*`: the id of a process. @default this process */
  pid?: number | undefined
  /** `process.*`: whether the metric includes all descendants of the process. @default false */
  tree?: boolean | undefined
}

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
 * Limits by metric, and conditions beside them. A bare value is a limit in the direction in which the metric gets worse.
 *
 * @example
 * const limits: Limits = {
 *   memory: 90,
 *   temperature: { above: '80C', for: '5s' },
 *   'disk.free': { below: '1GB', path: '/data' },
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
export type MetricLimits = { readonly [metric in MetricName]?: Value | Limit | readonly Limit[] | undefined }

/** Limits and conditions, checked and complete. */
export interface ParsedLimits {
  readonly limits: readonly ParsedLimit[]
  readonly conditions: readonly ParsedCondition[]
}

/** A limit, checked and complete. */
export interface ParsedLimit {
  readonly series: SeriesKey
  readonly info: MetricInfo
  readonly direction: 'above' | 'below'
  readonly enter: number
  readonly exit: number
  readonly for: number
  readonly clearFor: number
  readonly onMissing: 'throw' | 'ignore' | 'breach'
  readonly stack: boolean
}

export const SELECTOR_KEYS: readonly SelectorName[] = Object.values(SELECTORS).flat()

const LIMIT_KEYS = ['above', 'below', 'for', 'clear', 'clearFor', 'over', ...SELECTOR_KEYS, 'onMissing', 'stack']
/** What the value of each text selector must be. */
const TEXTS: Readonly<Record<TextSelector, string>> = {
  scope: "'machine' or 'group'",
  path: 'a path',
  interface: "the name of a network interface such as 'eth0'",
  zone: 'the type of a thermal zone',
  gpu: "the name of a GPU such as 'card0'",
}
const ON_MISSING = ['throw', 'ignore', 'breach'] as const

/** The names of the metrics and conditions, without duplicates. */
export function namesOf({ limits, conditions }: ParsedLimits): string {
  const names = [...limits.map(({ info }) => info.name), ...conditions.map(({ name }) => name)]
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
    const info = checkMetric(name)
    // As with every option, `undefined` means that it was left out.
    if (value === undefined) continue
    if (Array.isArray(value)) {
      if (value.length === 0) throw invalidValue(name, 'at least one limit', '[]')
      value.forEach((each: Limit, index) => parsed.push(parseLimit(info, each, `${name}[${index}]`)))
    } else {
      parsed.push(parseLimit(info, value as Value | Limit, name))
    }
  }
  const conditions = parseConditions(given)
  if (parsed.length + conditions.length === 0) {
    throw invalidValue('limits', 'at least one limit on one metric, or one condition', '{}')
  }
  return { limits: parsed, conditions }
}

/** Looks up a metric by its name. @throws TypeError that suggests the nearest name, for an unknown one */
export function checkMetric(name: unknown): MetricInfo {
  if (typeof name !== 'string') throw invalidType('metric', 'the name of a metric', name)
  const found = findMetric(name)
  if (found === undefined) throw unknownName('metric', name, METRIC_NAMES)
  return found.info
}

function parseLimit(info: MetricInfo, limit: Value | Limit, name: string): ParsedLimit {
  if (typeof limit === 'number' || typeof limit === 'string') return parseLimit(info, { [info.worse]: limit }, name)
  if (typeof limit !== 'object' || limit === null || Array.isArray(limit)) {
    throw invalidType(name, 'a value or a limit such as { above: 90 }', limit)
  }
  checkKeys(limit, 'limit option', LIMIT_KEYS)
  if ((limit.above === undefined) === (limit.below === undefined)) {
    const given = limit.above === undefined ? 'neither' : 'both'
    throw invalidValue(name, "a limit with exactly one of 'above' and 'below'", given)
  }
  const direction = limit.above === undefined ? 'below' : 'above'
  const enter = parseValue(info, limit[direction], `${name}.${direction}`)
  const onMissing = limit.onMissing ?? 'throw'
  if (!ON_MISSING.includes(onMissing)) {
    throw invalidValue(`${name}.onMissing`, "'throw', 'ignore' or 'breach'", onMissing)
  }
  return {
    series: toSeriesKey(info, limit, limit.over, name),
    info,
    direction,
    enter,
    exit: parseExit(info, limit.clear, direction, enter, name),
    for: limit.for === undefined ? info.for : parseDuration(limit.for, `${name}.for`),
    clearFor: limit.clearFor === undefined ? 0 : parseDuration(limit.clearFor, `${name}.clearFor`),
    onMissing,
    stack: parseStack(info, limit.stack, direction, `${name}.stack`),
  }
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
    case 'bytes/s':
      return parseSize(value, name)
    case 'ms':
      return parseDuration(value, name)
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

/** Builds the key of a metric's series, with all defaults filled in. */
export function toSeriesKey(info: MetricInfo, selector: Selector, over: Duration | undefined, name: string): SeriesKey {
  for (const key of SELECTOR_KEYS) {
    const given = selector[key]
    if (given !== undefined && !SELECTORS[info.scope].includes(key)) {
      throw invalidValue(`${name}.${key}`, `left out: '${info.name}' has no ${key}`, given)
    }
  }
  const { pid, tree } = selector
  const [key] = SELECTORS[info.scope]
  const text = isTextSelector(key) ? checkText(selector[key], key, `${name}.${key}`) : undefined
  if (pid !== undefined && (typeof pid !== 'number' || !Number.isInteger(pid) || pid <= 0 || pid > INT32_MAX)) {
    throw outOfRange(`${name}.pid`, `a process id from 1 to ${INT32_MAX}`, pid)
  }
  if (tree !== undefined && typeof tree !== 'boolean') throw invalidType(`${name}.tree`, 'true or false', tree)
  if (over !== undefined && info.kind === 'level') {
    throw invalidValue(`${name}.over`, `left out: '${info.name}' is a level, not a share over time`, over)
  }
  return {
    metric: info.name,
    window: over === undefined ? info.window : Math.max(parseDuration(over, `${name}.over`), info.minPeriod),
    name: nameOf(info.scope, text),
    pid: pid === process.pid ? 0 : (pid ?? 0),
    tree: tree ?? false,
  }
}

/** Whether a series matches a key, whatever its window. */
export function isSeriesOf(wanted: SeriesKey, { key, info }: { key: SeriesKey; info: MetricInfo }): boolean {
  if (key.metric !== wanted.metric) return false
  // Each such series has a unique name, which no other key can have.
  return info.scope === 'guard' || (key.name === wanted.name && key.pid === wanted.pid && key.tree === wanted.tree)
}

let lastGuard = 0

/** What distinguishes a series from others of its metric. */
function nameOf(scope: MetricScope, text: string | undefined): string {
  // Resolved now, so that a later chdir does not change what is watched.
  if (scope === 'path') return resolve(text ?? '.')
  // Never shared: it counts from when it is made.
  if (scope === 'guard') return String(++lastGuard)
  return text === undefined || (scope === 'group' && text === 'machine') ? '' : text
}

function isTextSelector(key: SelectorName | undefined): key is TextSelector {
  return key !== undefined && Object.hasOwn(TEXTS, key)
}

function checkText(text: unknown, key: TextSelector, name: string): string | undefined {
  if (text === undefined) return undefined
  if (typeof text !== 'string' || text === '' || text.includes('\0')) throw invalidType(name, TEXTS[key], text)
  if (key === 'scope' && text !== 'machine' && text !== 'group') throw invalidValue(name, TEXTS[key], text)
  return text
}

const NO_SELECTOR: Selector = Object.freeze({})

/** Converts a key back to selectors, leaving out those that have their default. */
export function selectorOf(scope: MetricScope, { name, pid, tree }: SeriesKey): Selector {
  if (name === '' && pid === 0 && !tree) return NO_SELECTOR
  const [key] = SELECTORS[scope]
  return {
    ...(isTextSelector(key) && name !== '' && { [key]: name }),
    ...(pid !== 0 && { pid }),
    ...(tree && { tree: true }),
  }
}
