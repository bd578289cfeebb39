/** Limits as people write them: `temperature > 80 for 2s`, `disk(/data) > 90% clear 80%`. */
import { invalidValue } from '../errors.js'
import { checkMetric, parseValue, type Limit, type Limits } from '../monitor/limits.js'
import type { MetricInfo, MetricName } from '../monitor/metrics.js'
import { parseDuration } from '../units.js'
import { UsageError } from './usage.js'

export interface LimitExpression {
  readonly metric: MetricName
  readonly limit: Limit
}

const NAME = /[A-Za-z][\w.]*/y
const SELECTOR = /\(([^)]*)\)/y
const OPERATOR = /[<>]/y
const VALUE = /[\d.]+(?:\s*(?!(?:for|clear|over)\b)(?:[A-Za-z]+(?:\/s)?|%|°C))?/y
const KEYWORD = /for|clear|over/y
const DURATION = /[\d.]+\s*[a-z]+/y

/**
 * `METRIC[(PATH | ZONE | PID)] > VALUE [for DURATION] [clear VALUE] [over DURATION]`, or with `<`.
 *
 * @throws UsageError with a caret under the place that could not be read
 */
export function parseExpression(text: string): LimitExpression {
  const reader = new Reader(text)
  const name = reader.take(NAME, 'the name of a metric')
  const info = reader.check(name.at, () => checkMetric(name.text))
  const limit: Limit = {}
  if (text[reader.at] === '(') selectBy(info, reader, limit)
  const operator = reader.take(OPERATOR, "'>' or '<'")
  limit[operator.text === '>' ? 'above' : 'below'] = takeValue(reader, info)
  while (!reader.done) {
    const keyword = reader.take(KEYWORD, "'for', 'clear', 'over' or the end")
    if (keyword.text === 'clear') {
      limit.clear = takeValue(reader, info)
    } else {
      const duration = reader.take(DURATION, "a duration such as '2s'")
      limit[keyword.text as 'for' | 'over'] = reader.check(duration.at, () =>
        parseDuration(duration.text, keyword.text),
      )
    }
  }
  return { metric: info.name, limit }
}

/** Several of them as one set of limits. @throws UsageError */
export function parseLimits(texts: readonly string[]): Limits {
  const limits: { [metric: string]: Limit[] } = {}
  for (const { metric, limit } of texts.map(parseExpression)) (limits[metric] ??= []).push(limit)
  return limits
}

function takeValue(reader: Reader, info: MetricInfo): number {
  const value = reader.take(VALUE, 'a value')
  return reader.check(value.at, () => {
    const bare = /^[\d.]+$/.test(value.text)
    if (bare && info.unit.startsWith('bytes')) {
      throw invalidValue(info.name, "a size with its unit, such as '150MB' or '150MiB'", value.text)
    }
    return parseValue(info, bare ? Number(value.text) : value.text, info.name)
  })
}

function selectBy(info: MetricInfo, reader: Reader, limit: Limit): void {
  const selector = reader.take(SELECTOR, "a selector in '(...)'")
  const text = selector.text.slice(1, -1).trim()
  switch (info.scope) {
    case 'path':
      limit.path = text
      break
    case 'zone':
      limit.zone = text
      break
    case 'process':
      limit.pid = Number(text)
      break
    case 'machine':
      throw reader.error(selector.at, `'${info.name}' takes no selector`)
  }
}

class Reader {
  readonly #text: string
  at = 0

  constructor(text: string) {
    this.#text = text
    this.#skipSpace()
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

  /** Runs `parse` and points at `at` where it throws. */
  check<T>(at: number, parse: () => T): T {
    try {
      return parse()
    } catch (error) {
      throw this.error(at, error instanceof Error ? error.message : String(error))
    }
  }

  error(at: number, message: string): UsageError {
    return new UsageError(`This limit cannot be read: ${message}\n  ${this.#text}\n  ${' '.repeat(at)}^`)
  }

  #skipSpace(): void {
    while (this.#text[this.at] === ' ') this.at++
  }
}
