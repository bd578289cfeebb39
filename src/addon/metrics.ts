/**
 * The metrics by name, from the rows of `native/port/metrics.def` (metrics-table.ts). Sources and traps of each, per
 * operating system: docs/metrics.md.
 */
import { ROWS, type MetricName, type MetricRow, type MetricScope, type MetricUnit } from './metrics-table.js'

export type { MetricName, MetricScope, MetricUnit } from './metrics-table.js'

/** `level`: the value itself; `ratio`: a share over a window; `rate`: an amount per second, or per operation, over a window. */
export type MetricKind = 'level' | 'ratio' | 'rate'

export interface MetricInfo {
  readonly name: MetricName
  readonly unit: MetricUnit
  readonly kind: MetricKind
  /** The direction in which a bare number limits. */
  readonly worse: 'above' | 'below'
  /** The source's own period, in milliseconds: reading faster yields nothing new, or does harm. */
  readonly minPeriod: number
  /** Default averaging window in milliseconds; 0 for levels. */
  readonly window: number
  /** Default of a limit's `for`, in milliseconds. */
  readonly for: number
  /** Which selectors of a limit distinguish series of the metric. */
  readonly scope: MetricScope
  /** The largest sensible value, where there is one. */
  readonly max: number
}

/** A key of a limit that narrows a metric to one thing. */
export type SelectorName = TextSelector | 'pid' | 'tree'

/** One whose value is a text; a metric takes one at most. */
export type TextSelector = 'scope' | 'path' | 'interface' | 'zone' | 'gpu'

/** The selectors that metrics of a scope take. The first one is what stands in brackets in words: `disk(/data)`. */
export const SELECTORS: Readonly<Record<MetricScope, readonly SelectorName[]>> = {
  machine: [],
  group: ['scope'],
  path: ['path'],
  interface: ['interface'],
  zone: ['zone'],
  gpu: ['gpu'],
  process: ['pid', 'tree'],
  guard: [],
  environment: [],
}

/** In the order of `native/port/metrics.def`: a metric's place is its number in the addon. */
export const METRICS: readonly MetricInfo[] = Object.entries(ROWS).map(([name, row]) => toInfo(name as MetricName, row))

export const METRIC_NAMES: readonly MetricName[] = METRICS.map((each) => each.name)

const BY_NAME = new Map(METRICS.map((each, number) => [each.name as string, { info: each, number }]))

/** The metric's row and its number in the addon; undefined for an unknown name. */
export function findMetric(name: string): { readonly info: MetricInfo; readonly number: number } | undefined {
  return BY_NAME.get(name)
}

function toInfo(name: MetricName, row: MetricRow): MetricInfo {
  const [unit, kind, worse, minPeriod, window, dwell, scope] = row
  // A process may use several CPUs, and counts of everything else have no natural end.
  const max = unit === '%' && name !== 'process.cpu' ? 100 : Infinity
  return { name, unit, kind, worse, minPeriod, window, for: dwell, scope, max }
}
