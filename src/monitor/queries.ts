/** Which metrics to read: names, texts with a selector, and objects. */
import { checkKeys, invalidType, invalidValue } from '../base/errors.js'
import type { Duration } from '../base/units.js'
import type { Selector } from '../base/selector.js'
import type { MetricName } from '../addon/metrics.js'
import type { SeriesKey } from '../addon/sampler.js'
import { parseMetric, type MetricText } from './metric-text.js'
import { SELECTOR_KEYS, checkMetric, toSeriesKey } from './selectors.js'

/** A metric: its name, a text with its selector (`'disk(/data)'`), or an object with selector and averaging window. */
export type MetricQuery =
  | MetricText
  | ({
      /** The name of the metric. */
      metric: MetricName
      /** Averaging window of a share or rate. @default the metric's own */
      over?: Duration | undefined
    } & Selector)

/** @throws TypeError, RangeError with Node's codes */
export function parseQueries(metrics: MetricQuery | readonly MetricQuery[]): SeriesKey[] {
  const queries: readonly MetricQuery[] = Array.isArray(metrics) ? metrics : [metrics as MetricQuery]
  if (queries.length === 0) throw invalidValue('metrics', 'at least one metric', '[]')
  return queries.map(parseQuery)
}

/** @throws TypeError, RangeError with Node's codes */
export function parseQuery(query: MetricQuery): SeriesKey {
  if (typeof query === 'string') {
    const { info, selector } = parseMetric(query)
    return toSeriesKey(info, selector, undefined, info.name)
  }
  if (typeof query !== 'object' || query === null) {
    throw invalidType(
      'metrics',
      "names of metrics, texts such as 'disk(/data)', or objects such as { metric, over }",
      query,
    )
  }
  const { metric, over, ...selector } = query
  const info = checkMetric(metric)
  checkKeys(selector, 'metric option', SELECTOR_KEYS)
  return toSeriesKey(info, selector, over, metric)
}
