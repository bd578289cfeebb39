/** Metrics as text, in one form everywhere: `disk(/data)`, `process.rss(812)`, `temperature`. */
import { SELECTORS, findMetric, type MetricInfo, type MetricName, type SelectableMetric } from '../addon/metrics.js'
import { invalidType } from '../base/errors.js'
import { printable } from '../base/printable.js'
import type { Selector } from '../base/selector.js'
import { checkMetric, toSeriesKey } from './selectors.js'
import { Reader } from './text-reader.js'

/** The name of a metric, optionally with a selector in brackets: `'cpu'`, `'disk(/data)'`, `'process.rss(812)'`. */
export type MetricText = MetricName | `${SelectableMetric}(${string})`

/** A metric with its selector. */
export interface SelectedMetric {
  readonly info: MetricInfo
  readonly selector: Selector
}

const NAME = /[A-Za-z][\w.]*/y
// A selector may itself contain pairs of brackets, as in the name of a folder.
const SELECTOR = /\((?:[^()]|\([^()]*\))*\)/y

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

/** The same for reading, which also says that the descendants of a process are included. The name may be anything. */
export function selectedText(metric: SelectedMetric): string {
  return printable(metricText(metric)) + (metric.selector.tree === true ? ' with its tree' : '')
}

/** Takes a metric from the text, and puts its selector into `selector`. */
export function takeMetric(reader: Reader, selector: Selector): MetricInfo {
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
