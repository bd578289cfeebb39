/** Durations, sizes, percentages and counts: parsing, checking, printing. */
import { invalidType, invalidValue, outOfRange } from './errors.js'

/** The shape of a `Temporal.Duration`, by which it is recognized: Node 20 has no Temporal. */
export interface DurationLike {
  /** `'Temporal.Duration'`. */
  readonly [Symbol.toStringTag]: string
  /** The whole duration in one unit. */
  total(options: {
    /** The unit of the result. */
    unit: 'millisecond'
  }): number
}

/**
 * A span of time: a number of milliseconds, a string such as `'250us'`, `'10ms'`, `'2s'`, `'5m'`, `'1h'` or `'1d'`,
 * or a `Temporal.Duration`.
 */
export type Duration = number | string | DurationLike

const DURATION_UNITS: ReadonlyMap<string, number> = new Map([
  ['us', 1e-3],
  ['ms', 1],
  ['s', 1e3],
  ['m', 6e4],
  ['h', 3.6e6],
  ['d', 8.64e7],
])

const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ['B', 1],
  ['kB', 1e3],
  ['KB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['TB', 1e12],
  ['KiB', 2 ** 10],
  ['MiB', 2 ** 20],
  ['GiB', 2 ** 30],
  ['TiB', 2 ** 40],
])

const QUANTITY = /^\s*(\d+(?:\.\d+)?|\.\d+)\s*([A-Za-z%°]+)\s*$/u

const SIGNED = /^\s*(-?(?:\d+(?:\.\d+)?|\.\d+))\s*([A-Za-z%°]*)\s*$/u
const BARE = /^\s*(?:\d+(?:\.\d+)?|\.\d+)\s*$/

const DURATION_HELP =
  "a number of milliseconds, a string like '250us', '10ms', '2s', '5m', '1h' or '1d', or a Temporal.Duration"
const SIZE_HELP = "a number of bytes or a string like '64MB' (10^6) or '64MiB' (2^20)"

/**
 * Converts a {@link Duration} to milliseconds. `Infinity` is allowed only with `infinite`, which says that "never" makes
 * sense.
 *
 * @param name the name of the option, for the message
 * @throws TypeError `ERR_INVALID_ARG_TYPE`; RangeError `ERR_OUT_OF_RANGE`; TypeError `ERR_INVALID_ARG_VALUE`
 */
export function parseDuration(value: unknown, name: string, infinite: boolean = false): number {
  const ms = durationToMs(value, name)
  if (Number.isNaN(ms) || ms < 0 || (ms === Infinity && !infinite)) {
    throw outOfRange(name, infinite ? '0 to Infinity' : '0 or more and finite', value)
  }
  return ms
}

/** Like `parseDuration()`, where the unit is known to be milliseconds: it may be left out of a string, too. */
export function parseMilliseconds(value: unknown, name: string): number {
  return parseDuration(typeof value === 'string' && BARE.test(value) ? Number(value) : value, name)
}

/** Like `parseDuration()`, but the duration must be more than 0. */
export function parsePeriod(value: unknown, name: string, infinite: boolean = false): number {
  const ms = parseDuration(value, name, infinite)
  if (ms === 0) throw outOfRange(name, 'more than 0', value)
  return ms
}

function durationToMs(value: unknown, name: string): number {
  if (typeof value === 'number') return value
  if (typeof value === 'string') {
    const match = QUANTITY.exec(value)
    const scale = match ? DURATION_UNITS.get(match[2]!) : undefined
    if (match !== null && scale !== undefined) return Number(match[1]) * scale
    if (isNegative(value, DURATION_UNITS)) throw outOfRange(name, '0 or more', value)
    throw invalidValue(name, DURATION_HELP + durationHint(value), value)
  }
  if (isDurationLike(value)) {
    try {
      return value.total({ unit: 'millisecond' })
    } catch {
      throw invalidValue(name, 'a Temporal.Duration without years, months or weeks', value)
    }
  }
  throw invalidType(name, DURATION_HELP, value)
}

/** Whether it is a quantity below zero that is right otherwise: `'-5s'`. */
function isNegative(text: string, units: ReadonlyMap<string, number>): boolean {
  const [, number, unit] = SIGNED.exec(text) ?? []
  return Number(number) < 0 && units.has(unit!)
}

/** What is probably meant by a duration with a longer unit: '5 sec', '2min', '1 hour'. */
function durationHint(text: string): string {
  const [, number, unit] = /^\s*([\d.]+)\s*(ms|s|m|h|d)[a-z]*\s*$/i.exec(text) ?? []
  return unit === undefined ? '' : `, so '${number}${unit.toLowerCase()}'`
}

function isDurationLike(value: unknown): value is DurationLike {
  return (
    typeof value === 'object' &&
    value !== null &&
    (value as DurationLike)[Symbol.toStringTag] === 'Temporal.Duration' &&
    typeof (value as DurationLike).total === 'function'
  )
}

/** What is probably meant by a size whose unit is short, or in other letters: '200m', '200Mb', '200 mib'. */
function sizeHint(text: string): string {
  const [, number, letter, binary] = /^\s*([\d.]+)\s*([kmgt])(i?)b?\s*$/i.exec(text) ?? []
  if (letter === undefined) return ''
  const large = letter.toUpperCase()
  const inBinary = `'${number}${large}iB'`
  return binary === '' ? `, so '${number}${large === 'K' ? 'k' : large}B' or ${inBinary}` : `, so ${inBinary}`
}

/** Converts a number or a string with a unit to bytes, which are finite and not negative. */
export function parseSize(value: unknown, name: string): number {
  let bytes: number
  if (typeof value === 'number') {
    bytes = value
  } else if (typeof value === 'string') {
    const match = QUANTITY.exec(value)
    const scale = match ? SIZE_UNITS.get(match[2]!) : undefined
    if (match === null || scale === undefined) {
      if (isNegative(value, SIZE_UNITS)) throw outOfRange(name, '0 bytes or more and finite', value)
      throw invalidValue(name, SIZE_HELP + sizeHint(value), value)
    }
    bytes = Number(match[1]) * scale
  } else {
    throw invalidType(name, SIZE_HELP, value)
  }
  if (!(bytes >= 0 && bytes < Infinity)) throw outOfRange(name, '0 bytes or more and finite', value)
  return bytes
}

/** Parses a percentage: a number or a string such as `'90%'`, from 0 to `max`. */
export function parsePercent(value: unknown, name: string, max: number = 100): number {
  const percent = parseNumber(value, name, '%')
  if (!(percent >= 0 && percent <= max))
    throw outOfRange(name, max === Infinity ? '0 or more' : `0 to ${max} (%)`, value)
  return percent
}

/** Parses a plain number, also as a string, or a string of a number followed by one of `units` (`'80C'`, `'90%'`). */
export function parseNumber(value: unknown, name: string, ...units: readonly string[]): number {
  const help = units.length > 0 ? `a number or a string like '80${units[0]}'` : 'a number'
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw outOfRange(name, 'a finite number', value)
    return value
  }
  if (typeof value !== 'string') throw invalidType(name, help, value)
  const match = SIGNED.exec(value)
  if (match !== null && (match[2] === '' || units.includes(match[2]!))) return Number(match[1])
  throw invalidValue(name, help, value)
}

/**
 * Checks a whole number between two bounds, which are both included.
 *
 * @param orInfinity whether `Infinity` is allowed too, which says that there is no bound
 * @throws TypeError `ERR_INVALID_ARG_TYPE`; RangeError `ERR_OUT_OF_RANGE`
 */
export function checkWhole(
  value: unknown,
  name: string,
  min: number,
  max: number = Infinity,
  orInfinity: boolean = false,
): number {
  if (typeof value !== 'number') throw invalidType(name, 'a number', value)
  if ((Number.isInteger(value) && value >= min && value <= max) || (orInfinity && value === Infinity)) return value
  const range = max === Infinity ? `of ${min} or more` : `from ${min} to ${max}`
  throw outOfRange(name, `a whole number ${range}${orInfinity ? ', or Infinity' : ''}`, value)
}

/** Prints a duration in a suitable unit, with at most three decimals: `1500` becomes `'1.5s'`. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return ms === Infinity ? 'never' : String(ms)
  if (ms === 0) return '0ms'
  const size = Math.abs(ms)
  if (size < 1) return `${round(ms * 1e3)}us`
  if (size < 1e3) return `${round(ms)}ms`
  if (size < 120e3) return `${round(ms / 1e3)}s`
  if (size < 7.2e6) return `${round(ms / 6e4)}m`
  if (size < 172.8e6) return `${round(ms / 3.6e6)}h`
  return `${round(ms / 8.64e7)}d`
}

/** Prints a moment to the second: `'2026-01-02 03:04:05 UTC'`. */
export function formatDate(ms: number): string {
  return `${new Date(ms).toISOString().replace('T', ' ').replace(/\..*/, '')} UTC`
}

const BINARY_NAMES = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const
const DECIMAL_NAMES = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

/** The base in which a size was given: 1024 for whole KiB or MiB that are no round number of kB or MB, such as `'64MiB'`. */
function baseOf(bytes: number): 1000 | 1024 {
  const isBinary = bytes >= 2 ** 20 ? bytes % 2 ** 20 === 0 : bytes % 2 ** 10 === 0 && bytes % 1000 !== 0
  return isBinary ? 1024 : 1000
}

/** Prints a size, in the powers of 1000 that limits are given in: `'150MB'`; with a base of 1024, in powers of that: `'143MiB'`. */
export function formatSize(bytes: number, base: 1000 | 1024 = 1000, digits: number = 3): string {
  let value = bytes
  let at = 0
  while (Math.abs(value) >= base && at < BINARY_NAMES.length - 1) {
    value /= base
    at++
  }
  const whole = Math.trunc(Math.abs(value)).toString().length
  const text = at === 0 ? String(round(value)) : value.toFixed(Math.max(0, digits - whole))
  return `${text}${(base === 1024 ? BINARY_NAMES : DECIMAL_NAMES)[at]}`
}

/**
 * Prints a value of a metric with its unit, for people.
 *
 * @param line a limit beside it: a size is printed in the base in which that was given
 */
export function formatValue(value: number, unit: string, line: number = 0): string {
  if (unit.startsWith('bytes')) return formatSize(value, baseOf(line)) + unit.slice('bytes'.length)
  if (unit === '%') return `${value.toFixed(1)}%`
  if (unit === 'ms') return formatDuration(value)
  if (unit === 'flag') return value === 0 ? 'no' : 'yes'
  if (unit === 'count') return String(round(value))
  return `${round(value)} ${unit}`
}

/** Prints a limit: a size in the base in which it was given, and nothing that is not 0 as 0. */
export function formatLine(line: number, unit: string): string {
  const text = formatValue(line, unit, line)
  return isHidden(line, text) ? toDigits(line, unit, 3) : text
}

/** Whether a value that is not 0 is printed as 0. */
function isHidden(value: number, text: string): boolean {
  return value !== 0 && Number.parseFloat(text) === 0
}

/** Prints a value that is no size with a number of significant digits. */
function toDigits(value: number, unit: string, digits: number): string {
  const text = Number(value.toPrecision(digits)).toString()
  if (unit === 'count') return text
  return unit === '%' || unit === 'ms' ? text + unit : `${text} ${unit}`
}

/**
 * Prints a value and a limit beside it with enough digits to distinguish them: `['150.3MB', '150.0MB']`. Sizes use the base in
 * which the limit was given.
 */
export function formatPair(value: number, line: number, unit: string): [value: string, line: string] {
  if (!unit.startsWith('bytes')) {
    const pair: [string, string] = [formatValue(value, unit), formatValue(line, unit)]
    const isClear = (pair[0] !== pair[1] || value === line) && !isHidden(line, pair[1])
    if (isClear || unit === 'flag') return pair
    let digits = 3
    while (digits < 17 && value.toPrecision(digits) === line.toPrecision(digits)) digits++
    return [toDigits(value, unit, digits), toDigits(line, unit, digits)]
  }
  const base = baseOf(line)
  const rest = unit.slice('bytes'.length)
  let digits = 3
  while (digits < 12 && formatSize(value, base, digits) === formatSize(line, base, digits)) digits++
  return [formatSize(value, base, digits) + rest, formatSize(line, base, digits) + rest]
}

function round(value: number): number {
  return Number(value.toFixed(3))
}
