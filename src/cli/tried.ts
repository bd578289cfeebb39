/** Reads metrics once, because some sources exist but turn out to be empty only when they are read. */
import { MetricUnavailableError } from '../base/errors.js'
import { Series } from '../addon/sampler.js'
import type { MetricUnit } from '../addon/metrics.js'
import type { Capability } from '../monitor/capabilities.js'
import { metricText, parseMetric, type MetricText } from '../monitor/metric-text.js'
import { parseQuery } from '../monitor/queries.js'
import { sample } from '../monitor/snapshot.js'

export interface Tried {
  /** The metric with its selector: `'disk(/data)'`. */
  readonly label: string
  readonly unit: MetricUnit
  /** Whether the user named it with a selector. */
  readonly isSelected: boolean
  readonly available: boolean
  /** Undefined if it is unavailable, or if its counters stand still. */
  readonly value?: number | undefined
  readonly origin: string
  readonly why: string
}

export async function tryMetric(capability: Capability): Promise<Tried> {
  const { metric, unit, available, origin, why } = capability
  const tried = { label: metric, unit, isSelected: false, available, origin, why }
  return available ? readOnce(metric, tried) : tried
}

/** Reads a metric that may have a selector. @throws TypeError; ExpressionError */
export async function tryText(text: string): Promise<Tried> {
  const metric = parseMetric(text)
  const label = metricText(metric)
  const tried = { label, unit: metric.info.unit, isSelected: label !== metric.info.name, available: true, why: '' }
  try {
    const series = Series.open(parseQuery(label as MetricText), true)
    try {
      return await readOnce(label as MetricText, { ...tried, origin: series.describe().origin })
    } finally {
      series.release()
    }
  } catch (error) {
    if (!(error instanceof MetricUnavailableError)) throw error
    return { ...tried, available: false, origin: '', why: error.why }
  }
}

async function readOnce(metric: MetricText, tried: Tried): Promise<Tried> {
  try {
    return { ...tried, value: (await sample(metric)).get(metric)?.value }
  } catch (error) {
    if (!(error instanceof MetricUnavailableError)) throw error
    return { ...tried, available: false, why: error.why }
  }
}
