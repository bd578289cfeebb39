/** Binds limits to a command: `process.*` means its whole process tree. */
import { guard } from '../monitor/guard.js'
import { parseMetric } from '../monitor/metric-text.js'
import {
  parseLimits,
  type Limit,
  type Limits,
  type MetricLimits,
  type ParsedLimit,
  type ParsedLimits,
  type Value,
} from '../monitor/limits.js'
import { NO_SELECTOR } from '../monitor/selectors.js'

/**
 * Throws for limits that this machine cannot watch, by trying them on this process. Checks of conditions are not called.
 *
 * @throws TypeError, RangeError with Node's codes; MetricUnavailableError
 */
export function checkLimits(limits: Limits): void {
  parseLimits(limits)
  const { conditions: _, ...metrics } = limits
  if (Object.keys(metrics).length > 0) guard(bindTo(metrics, { pid: process.pid, tree: true })).close()
}

/** Parses limits, with those on `process.*` bound to the tree under `root`, unless they name another process. */
export function parseBound(limits: Limits, root: number): ParsedLimits {
  // The metrics are known to exist. If the tree does not exist, the command ended before the first read.
  const { conditions, ...metrics } = limits
  const bound = {
    ...bindTo(metrics, { pid: root, tree: true, onMissing: 'ignore' }),
    ...(conditions && { conditions }),
  }
  const parsed = parseLimits(bound)
  // In breaches, the metrics of the command have no selector: none was given, and the id is its supervisor's.
  const unselected = (limit: ParsedLimit): ParsedLimit =>
    limit.series.pid === root ? { ...limit, selector: NO_SELECTOR } : limit
  return { ...parsed, limits: parsed.limits.map(unselected) }
}

function bindTo(limits: MetricLimits, tree: Limit): MetricLimits {
  const bound: { [metric: string]: Value | Limit | readonly Limit[] } = {}
  for (const [metric, limit] of Object.entries(limits)) {
    if (limit === undefined) continue
    const { info, selector } = parseMetric(metric)
    bound[metric] = info.scope === 'process' && selector.pid === undefined ? bind(limit, tree) : limit
  }
  return bound
}

function bind(limit: Value | Limit | readonly Limit[], tree: Limit): Value | Limit | Limit[] {
  if (typeof limit === 'number' || typeof limit === 'string') return { above: limit, ...tree }
  if (Array.isArray(limit)) return limit.map((each: Limit) => bindOne(each, tree))
  return bindOne(limit as Limit, tree)
}

function bindOne(limit: Limit, tree: Limit): Limit {
  return limit.pid === undefined ? { ...limit, ...tree } : limit
}
