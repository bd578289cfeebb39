/** The families of the metrics, read from a monitor that keeps them warm. */
import { findMetric, SELECTORS, type MetricInfo } from '../../addon/metrics.js'
import type { SeriesKey } from '../../addon/sampler.js'
import { parseQuery, type MetricQuery } from '../../monitor/queries.js'
import type { Monitor, MonitorReading } from '../../monitor/monitor.js'
import type { Selector } from '../../base/selector.js'
import { PLAIN, CONVENTIONS, COUNTERS, HELP, dotted, unitOf } from './names.js'
import { wellFormed, type Family, type Labels } from './families.js'

/** A reading that is older than so many intervals, and this long, is not the state of the machine any more. */
const STALE_INTERVALS = 5
const STALE_MS = 5000

/** One series of a metric. */
interface Line {
  readonly query: MetricQuery
  readonly info: MetricInfo
  readonly labels: Labels
}

/** The labels for a selector, which texts and numbers alike. */
export function selectorLabels(selector: Selector): Labels {
  return Object.fromEntries(
    Object.entries(selector)
      .filter(([, value]) => value !== undefined && value !== false)
      .map(([key, value]) => [key, wellFormed(String(value))]),
  )
}

/** A label for an averaging window that is not the metric's own. */
export function windowLabel(info: MetricInfo, { window }: SeriesKey): Labels {
  return window === info.window ? {} : { window: `${window}ms` }
}

/** The families of all metrics of a monitor, and one that says which of them have a value. */
export function metricFamilies(monitor: Monitor, queries: readonly MetricQuery[]): Family[] {
  const seen = new Set<string>()
  const lines = queries
    .map((query) => toLine(monitor, query))
    .filter(({ info, labels }) => {
      const key = JSON.stringify([info.name, labels])
      return !seen.has(key) && seen.add(key)
    })
  const names = new Set(lines.map(({ info }) => info.name))
  const families = [...names].map((name) =>
    toFamily(
      monitor,
      lines.filter(({ info }) => info.name === name),
    ),
  )
  return [...families, upFamily(monitor, lines)]
}

function toLine(monitor: Monitor, query: MetricQuery): Line {
  const { metric, selector } = monitor.get(query)
  const { info } = findMetric(metric)!
  return { query, info, labels: { ...selectorLabels(selector), ...windowLabel(info, parseQuery(query)) } }
}

function toFamily(monitor: Monitor, lines: readonly Line[]): Family {
  const { info } = lines[0]!
  const unit = unitOf(info)
  return {
    id: dotted(info.name),
    type: COUNTERS.has(info.name) ? 'counter' : 'gauge',
    unit,
    help: HELP[info.name],
    labels: [...SELECTORS[info.scope], 'window'],
    convention: CONVENTIONS[info.name],
    read: (emit) => {
      for (const { query, labels } of lines) {
        const value = valueOf(monitor, monitor.get(query))
        if (value !== undefined) emit(labels, value / unit.divisor)
      }
    },
  }
}

/** Left out, and never 0, if it is missing. */
function valueOf(monitor: Monitor, reading: MonitorReading): number | undefined {
  if (reading.state !== 'known') return undefined
  const { info } = findMetric(reading.metric)!
  const stale = Math.max(STALE_MS, STALE_INTERVALS * Math.max(monitor.interval, info.minPeriod))
  return reading.age > stale ? undefined : reading.value
}

function upFamily(monitor: Monitor, lines: readonly Line[]): Family {
  return {
    id: 'metric.up',
    type: 'gauge',
    unit: PLAIN,
    help: '1 if the metric has a value, 0 if it is missing here, pending or stale.',
    labels: ['metric', 'window', ...new Set(lines.flatMap(({ info }) => SELECTORS[info.scope]))],
    read: (emit) => {
      for (const { query, info, labels } of lines) {
        emit({ metric: info.name, ...labels }, valueOf(monitor, monitor.get(query)) === undefined ? 0 : 1)
      }
    },
  }
}
