/** Parses metrics and limits written as text: `disk(/data)`, `temperature > 80 for 2s`, `disk(/data) > 90% clear 80%`. */
import { SELECTORS, findMetric, type MetricInfo, type MetricName } from '../addon/metrics.js'
import { ExpressionError, invalidType } from '../base/errors.js'
import { replaceUnprintable } from '../base/printable.js'
import { parseDuration, parsePercent } from '../base/units.js'
import { checkMetric, parseLimits, parseValue, toSeriesKey, type Limit, type Limits, type Selector } from './limits.js'

/** The name of a metric, optionally with a selector in brackets: `'cpu'`, `'disk(/data)'`, `'process.rss(812)'`. */
export type MetricText = MetricName | `${MetricName}(${string})`

/** A metric with its selector. */
export interface SelectedMetric {
  readonly info: MetricInfo
  readonly selector: Selector
}

export interface LimitExpression {
  readonly metric: MetricName
  readonly limit: Limit
}

const NAME = /[A-Za-z][\w.]*/y
// A selector may itself contain pairs of brackets, as in the name of a folder.
const SELECTOR = /\((?:[^()]|\([^()]*\))*\)/y
const OPERATOR = /[<>]/y
const VALUE = /[\d.]+(?:\s*(?!(?:for|clear|over)\b)(?:[A-Za-z]+(?:\/s)?|%|°C))?/y
const KEYWORD = /for|clear|over/y
const DURATION = /[\d.]+\s*[a-z]+/y

/** Parses `METRIC[(SELECTOR)]`. @throws TypeError; ExpressionError, with a caret, for text that is more than a name */
export function parseMetric(text: string): SelectedMetric {
  if (typeof text !== 'string') throw invalidType('metric', 'the name of a metric', text)
  const found = findMetric(text)
  if (found !== undefined) return { info: found.info, selector: {} }
  if (/^[\w.]*$/.test(text)) return { info: checkMetric(text), selector: {} }
  const reader = new Reader('metric', text)
  const selector: Selector = {}
  const info = takeMetric(reader, selector)
  if (!reader.done) throw reader.error(reader.at, "expected a selector in '(...)' or the end")
  return { info, selector }
}

/** Prints a metric as {@link parseMetric} reads it. Selectors that have no place in the brackets are left out. */
export function metricText({ info, selector }: SelectedMetric): string {
  const [key] = SELECTORS[info.scope]
  const selected = key === undefined ? undefined : selector[key]
  return selected === undefined ? info.name : `${info.name}(${selected})`
}

/** Says why an expression makes no sense where it is used; undefined if it does. */
export type Refuse = (expression: LimitExpression) => string | undefined

/**
 * Parses `METRIC[(SELECTOR)] > VALUE [for DURATION] [clear VALUE] [over DURATION]`, or with `<`.
 *
 * @throws ExpressionError with a caret under the place that could not be read, or under the metric that is refused
 */
export function parseExpression(text: string, refuse?: Refuse): LimitExpression {
  if (text.trim() === '') throw new ExpressionError("Expected a limit such as 'memory>90%'; received an empty one")
  const reader = new Reader('limit', text)
  const { at } = reader
  const limit: Limit = {}
  const info = takeMetric(reader, limit)
  const operator = reader.take(OPERATOR, "'>' or '<'")
  limit[operator.text === '>' ? 'above' : 'below'] = takeValue(reader, info)
  takeRest(reader, info, limit)
  const expression = { metric: info.name, limit }
  const why = refuse?.(expression)
  if (why !== undefined) throw reader.error(at, why)
  return expression
}

/**
 * Parses what follows the `>` of an expression, the value of an option such as `--memory '1GB for 2s'`.
 *
 * @param whole what 100 % is; only with it may the value be a percentage
 * @throws ExpressionError
 */
export function parseAbove(option: string, metric: MetricName, text: string, whole?: () => number): LimitExpression {
  const reader = new Reader('limit', `${option} ${text}`, option.length + 1)
  const info = checkMetric(metric)
  const { at } = reader
  const limit: Limit = { above: takeValue(reader, info, whole) }
  if (limit.above === 0) throw reader.error(at, 'it must be more than 0, or every command is ended at once')
  takeRest(reader, info, limit)
  return { metric, limit }
}

/** Combines expressions into one set of limits. */
export function toLimits(expressions: readonly LimitExpression[]): Limits {
  const limits: { [metric: string]: Limit[] } = {}
  for (const { metric, limit } of expressions) (limits[metric] ??= []).push(limit)
  return limits
}

function takeRest(reader: Reader, info: MetricInfo, limit: Limit): void {
  const given = new Set<string>()
  while (!reader.done) {
    const keyword = reader.take(KEYWORD, "'for', 'clear', 'over' or the end")
    if (given.has(keyword.text)) throw reader.error(keyword.at, `'${keyword.text}' was given twice`)
    given.add(keyword.text)
    const { at } = reader
    if (keyword.text === 'clear') {
      limit.clear = takeValue(reader, info)
    } else {
      const duration = reader.take(DURATION, "a duration such as '2s'")
      limit[keyword.text as 'for' | 'over'] = reader.check(at, () => parseDuration(duration.text, keyword.text))
    }
    // Refuses combinations that no limit can have.
    reader.check(at, () => parseLimits({ [info.name]: limit }))
  }
}

function takeValue(reader: Reader, info: MetricInfo, whole?: () => number): number {
  const help = describeValues(info) + (whole === undefined ? '' : ", or a share such as '50%'")
  const equals = reader.next === '=' ? `${help}; '>=' and '<=' are not supported` : help
  const value = reader.take(VALUE, equals)
  const share = whole === undefined ? undefined : /^([\d.]+)\s*%$/.exec(value.text)?.[1]
  if (share !== undefined) {
    return (reader.check(value.at, () => parsePercent(Number(share), info.name)) / 100) * whole!()
  }
  const bare = /^[\d.]+$/.test(value.text)
  const [, letter] = /[\d.]\s*([kKMGT])$/.exec(value.text) ?? []
  if (info.unit.startsWith('bytes') && (bare || letter !== undefined)) {
    const which = letter === undefined ? '' : `: ${letter}B is powers of 1000, ${letter.toUpperCase()}iB of 1024`
    throw reader.error(value.at, `expected ${help}${which}`)
  }
  try {
    const text = info.unit === 'bytes/s' ? value.text.replace(/\/s$/, '') : value.text
    return parseValue(info, bare ? Number(text) : text, info.name)
  } catch {
    const unit = /[^\d.\s].*$/.exec(value.text)
    const what = unit === null ? '' : `'${unit[0]}' is not a unit of '${info.name}': `
    throw reader.error(value.at + (unit?.index ?? 0), `${what}expected ${help}`)
  }
}

/** Describes the values that a metric's limit takes. */
function describeValues({ unit, max }: MetricInfo): string {
  switch (unit) {
    case 'bytes':
    case 'bytes/s':
      return "a size with its unit, such as '150MB' or '150MiB'"
    case '%':
      return max === Infinity ? "a percentage such as '150'" : `a percentage from 0 to ${max}`
    case 'ms':
      return "a duration such as '100ms', or a number of milliseconds"
    case '°C':
      return "a temperature such as '80' or '80C'"
    case 'count':
    case 'flag':
    case 'per CPU':
    case 'per s':
      return 'a number without a unit'
  }
}

function takeMetric(reader: Reader, selector: Selector): MetricInfo {
  const name = reader.take(NAME, 'the name of a metric')
  const info = reader.check(name.at, () => checkMetric(name.text))
  if (reader.next === '(') selectBy(info, reader, selector)
  return info
}

function selectBy(info: MetricInfo, reader: Reader, into: Selector): void {
  const selector = reader.take(SELECTOR, "a selector in '(...)'")
  const text = selector.text.slice(1, -1).trim()
  const at = selector.at + 1
  const [key] = SELECTORS[info.scope]
  if (key === undefined) throw reader.error(selector.at, `'${info.name}' takes no selector`)
  if (text === '') throw reader.error(at, `expected a ${key === 'pid' ? 'process id' : key}`)
  if (key === 'pid') {
    if (!/^\d{1,9}$/.test(text) || Number(text) === 0) throw reader.error(at, 'expected a process id')
    into.pid = Number(text)
  } else {
    Object.assign(into, { [key]: text })
    reader.check(at, () => toSeriesKey(info, into, undefined, info.name))
  }
}

class Reader {
  readonly #what: 'metric' | 'limit'
  readonly #text: string
  at: number

  /** @param at where reading begins; the text before that is only shown in errors */
  constructor(what: 'metric' | 'limit', text: string, at: number = 0) {
    this.#what = what
    // The caret is in the right place only if every character is one column wide.
    this.#text = text.replaceAll(/\s/g, ' ')
    this.at = at
    this.#skipSpace()
  }

  get next(): string | undefined {
    return this.#text[this.at]
  }

  get done(): boolean {
    return this.at >= this.#text.length
  }

  /** The next word that matches `pattern`, which must be sticky. */
  take(pattern: RegExp, expected: string): { text: string; at: number } {
    pattern.lastIndex = this.at
    const match = pattern.exec(this.#text)
    if (match === null) throw this.error(this.at, `expected ${expected}`)
    const at = this.at
    this.at = pattern.lastIndex
    this.#skipSpace()
    return { text: match[0], at }
  }

  /** Runs `parse`, and points at `at` if it throws. */
  check<T>(at: number, parse: () => T): T {
    try {
      return parse()
    } catch (error) {
      throw this.error(at, withoutOptionName(error))
    }
  }

  error(at: number, message: string): ExpressionError {
    const shown = replaceUnprintable(this.#text, () => '\uFFFD')
    return new ExpressionError(`This ${this.#what} cannot be read: ${message}`, `  ${shown}`, `  ${' '.repeat(at)}^`)
  }

  #skipSpace(): void {
    while (this.#text[this.at] === ' ') this.at++
  }
}

/** Removes the name of the library's option from a message, because the text does not contain it. */
function withoutOptionName(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  const [, allowed] = /^The "[^"]*" option (?:is out of range: it )?must be (.*)\. Received /s.exec(message) ?? []
  if (allowed === undefined) return message
  return allowed.startsWith('left out: ') ? allowed.slice('left out: '.length) : `expected ${allowed}`
}
