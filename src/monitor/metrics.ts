/**
 * The metrics by name: what each means, its unit and its direction. `native/metrics.def` is THE table; a test holds this
 * one against it. Sources and traps of each, per operating system: docs/metrics.md.
 */

/** Every metric there is; whether this machine has it, `capabilities()` tells. */
export type MetricName =
  | 'cpu'
  | 'cpu.host'
  | 'cpu.steal'
  | 'cpu.iowait'
  | 'cpu.throttled'
  | 'load'
  | 'memory'
  | 'memory.available'
  | 'memory.host'
  | 'swap'
  | 'pressure.cpu'
  | 'pressure.memory'
  | 'pressure.io'
  | 'disk'
  | 'disk.free'
  | 'disk.inodes'
  | 'process.cpu'
  | 'process.rss'
  | 'process.threads'
  | 'eventLoop.delay'
  | 'eventLoop.utilization'
  | 'heap'

/** `level`: the value itself; `ratio`: a share over a window; `rate`: an amount per second over a window. */
export type MetricKind = 'level' | 'ratio' | 'rate'
export type MetricUnit = '%' | 'bytes' | 'bytes/s' | 'per CPU' | 'count' | '°C' | 'flag' | 'ms'

/** Which selectors of a limit tell one series of the metric from another. */
export type MetricScope = 'machine' | 'path' | 'zone' | 'process'

export interface MetricInfo {
  readonly name: MetricName
  readonly unit: MetricUnit
  readonly kind: MetricKind
  /** The direction in which a bare number limits. */
  readonly worse: 'above' | 'below'
  /** What the source can tell, in milliseconds: reading faster yields nothing new, or does harm. */
  readonly minPeriod: number
  /** Default averaging window in milliseconds; 0 for levels. */
  readonly window: number
  /** Default of a limit's `for`, in milliseconds. */
  readonly for: number
  readonly scope: MetricScope
  /** The largest sensible value, where there is one. */
  readonly max: number
}

type Row = readonly [
  unit: MetricUnit,
  kind: MetricKind,
  worse: 'above' | 'below',
  minPeriod: number,
  window: number,
  dwell: number,
  scope?: MetricScope,
]

const ROWS: Readonly<Record<MetricName, Row>> = {
  /** The larger of: busy share of the CPUs that this process may use, and its cgroup's use of its quota. */
  cpu: ['%', 'ratio', 'above', 100, 500, 1000],
  /** Busy share of the whole machine. */
  'cpu.host': ['%', 'ratio', 'above', 100, 500, 1000],
  /** Share of time that the hypervisor gave to others. */
  'cpu.steal': ['%', 'ratio', 'above', 100, 500, 1000],
  /** Share of time in which CPUs were idle because of I/O. */
  'cpu.iowait': ['%', 'ratio', 'above', 100, 500, 1000],
  /** Share of time in which this process's cgroup was held back by its quota. */
  'cpu.throttled': ['%', 'ratio', 'above', 100, 500, 1000],
  /** 1-minute load average over usable CPUs. */
  load: ['per CPU', 'level', 'above', 5000, 0, 1000],
  /** 100 x (1 - `memory.available` / the limit that is tightest). */
  memory: ['%', 'level', 'above', 1, 0, 0],
  /** Least headroom of the host and of every cgroup up the chain; page cache counts as available. */
  'memory.available': ['bytes', 'level', 'below', 1, 0, 0],
  /** 100 x (1 - available / total) of the whole machine. */
  'memory.host': ['%', 'level', 'above', 10, 0, 0],
  /** Swap in use. */
  swap: ['%', 'level', 'above', 10, 0, 0],
  /** PSI: share of time in which some task waited for a CPU. Never read faster than once a second. */
  'pressure.cpu': ['%', 'ratio', 'above', 1000, 1000, 1000],
  /** PSI: share of time in which some task waited for memory. */
  'pressure.memory': ['%', 'ratio', 'above', 1000, 1000, 1000],
  /** PSI: share of time in which some task waited for I/O. */
  'pressure.io': ['%', 'ratio', 'above', 1000, 1000, 1000],
  /** Used share of a file system, as `df` counts it. */
  disk: ['%', 'level', 'above', 250, 0, 0, 'path'],
  /** What an unprivileged user may still write to a file system. */
  'disk.free': ['bytes', 'level', 'below', 250, 0, 0, 'path'],
  /** Used share of a file system's inodes. */
  'disk.inodes': ['%', 'level', 'above', 250, 0, 0, 'path'],
  /** CPU time of a process, in percent of one CPU. */
  'process.cpu': ['%', 'ratio', 'above', 1, 250, 1000, 'process'],
  /** Resident memory of a process. */
  'process.rss': ['bytes', 'level', 'above', 1, 0, 0, 'process'],
  /** Threads of a process. */
  'process.threads': ['count', 'level', 'above', 10, 0, 0, 'process'],
  /** How long the event loop takes to get round to something new, seen from outside: it grows while the loop is blocked. */
  'eventLoop.delay': ['ms', 'level', 'above', 10, 0, 0],
  /** Share of the window in which the event loop was busy; a loop that does not answer is. */
  'eventLoop.utilization': ['%', 'ratio', 'above', 100, 1000, 1000],
  /** V8 heap in use, of its limit. */
  heap: ['%', 'level', 'above', 100, 0, 0],
}

/** In the order of `native/metrics.def`: a metric's place is its number in the addon. */
export const METRICS: readonly MetricInfo[] = Object.entries(ROWS).map(([name, row]) => toInfo(name as MetricName, row))

export const METRIC_NAMES: readonly MetricName[] = METRICS.map((each) => each.name)

const BY_NAME = new Map(METRICS.map((each, number) => [each.name as string, { info: each, number }]))

/** The metric's row and its number in the addon; undefined for a name that is none. */
export function findMetric(name: string): { readonly info: MetricInfo; readonly number: number } | undefined {
  return BY_NAME.get(name)
}

function toInfo(name: MetricName, row: Row): MetricInfo {
  const [unit, kind, worse, minPeriod, window, dwell, scope = 'machine'] = row
  // A process may use several CPUs, and counts of everything else have no natural end.
  const max = unit === '%' && name !== 'process.cpu' ? 100 : Infinity
  return { name, unit, kind, worse, minPeriod, window, for: dwell, scope, max }
}
