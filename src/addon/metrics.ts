/**
 * The metrics by name, from the rows of `native/port/metrics.def` (metrics-table.ts). docs/metrics.md has the sources and
 * caveats of each on every operating system.
 */
import { ROWS, type MetricName, type MetricRow, type MetricScope, type MetricUnit } from './metrics-table.js'

export type { MetricName, MetricScope, MetricUnit, SelectableMetric } from './metrics-table.js'

/** `level`: a value as it is; `ratio`: a share over a window; `rate`: an amount per second, or per operation, over a window. */
export type MetricKind = 'level' | 'ratio' | 'rate'

export interface MetricInfo {
  readonly name: MetricName
  readonly unit: MetricUnit
  readonly kind: MetricKind
  /** The direction in which a bare number is a limit. */
  readonly worse: 'above' | 'below'
  /** The shortest useful period, in milliseconds: faster reads give nothing new, or do harm. */
  readonly minPeriod: number
  /** Default averaging window in milliseconds; 0 for levels. */
  readonly window: number
  /** Default of a limit's `for`, in milliseconds. */
  readonly for: number
  /** Says which selectors distinguish series of the metric. */
  readonly scope: MetricScope
  /** The largest possible value; Infinity if there is none. */
  readonly max: number
}

/** A key of a limit that narrows a metric to one thing. */
export type SelectorName = TextSelector | 'pid' | 'tree'

/** A selector whose value is a text; a metric takes at most one. */
export type TextSelector = 'scope' | 'path' | 'interface' | 'zone' | 'gpu'

/** The selectors that metrics of a scope take. In text, the first one stands in the brackets: `disk(/data)`. */
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

/** In the order of `native/port/metrics.def`, because a metric's index is its number in the addon. */
export const METRICS: readonly MetricInfo[] = Object.entries(ROWS).map(([name, row]) => toInfo(name as MetricName, row))

export const METRIC_NAMES: readonly MetricName[] = METRICS.map((each) => each.name)

const BY_NAME = new Map(METRICS.map((each, number) => [each.name as string, { info: each, number }]))

/** Finds a metric's row and its number in the addon; undefined for an unknown name. */
export function findMetric(name: string): { readonly info: MetricInfo; readonly number: number } | undefined {
  return BY_NAME.get(name)
}

function toInfo(name: MetricName, row: MetricRow): MetricInfo {
  const [unit, kind, worse, minPeriod, window, dwell, scope] = row
  // `process.cpu` exceeds 100 % on several CPUs, and other units have no upper end.
  const max = unit === '%' && name !== 'process.cpu' ? 100 : Infinity
  return { name, unit, kind, worse, minPeriod, window, for: dwell, scope, max }
}
