/** Limits as text, as on the command line: `temperature > 80 for 2s`, `disk(/data) > 90% clear 80%`. */
import type { MetricInfo, MetricName } from '../addon/metrics.js'
import { ExpressionError } from '../base/errors.js'
import { parseDuration, parsePercent } from '../base/units.js'
import { parseLimits, parseValue, type Limit, type Limits } from './limits.js'
import { takeMetric } from './metric-text.js'
import { checkMetric } from './selectors.js'
import { Reader } from './text-reader.js'

export interface LimitExpression {
  readonly metric: MetricName
  readonly limit: Limit
}

const OPERATOR = /[<>]/y
const VALUE = /-?[\d.]+(?:\s*(?!(?:for|clear|over)\b)(?:[A-Za-z]+(?:\/s)?|%|°C))?/y
const KEYWORD = /for|clear|over/y
const DURATION = /[\d.]+\s*[a-z]+/y

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
  const lineAt = reader.at
  limit[operator.text === '>' ? 'above' : 'below'] = takeValue(reader, info)
  // Refuses a line that can never be crossed.
  reader.check(lineAt, () => parseLimits({ [info.name]: limit }))
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
  const bare = /^-?[\d.]+$/.test(value.text)
  const [, letter] = /[\d.]\s*([kKMGT])$/.exec(value.text) ?? []
  if (info.unit.startsWith('bytes') && (bare || letter !== undefined)) {
    const which = letter === undefined ? '' : `: ${letter}B is powers of 1000, ${letter.toUpperCase()}iB of 1024`
    throw reader.error(value.at, `expected ${help}${which}`)
  }
  try {
    return parseValue(info, value.text, info.name)
  } catch {
    const unit = /[^-\d.\s].*$/.exec(value.text)
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
