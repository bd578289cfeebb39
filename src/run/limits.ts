/** Limits as `run` means them: `process.*` is the command with all that it has started. */
import type { Limit, Limits, Value } from '../monitor/limits.js'

/** The same limits, with those on `process.*` bound to the tree under `root`, unless they name another process. */
export function bindToTree(limits: Limits, root: number): Limits {
  const bound: { [metric: string]: Value | Limit | readonly Limit[] } = {}
  for (const [metric, limit] of Object.entries(limits)) {
    if (limit === undefined) continue
    bound[metric] = metric.startsWith('process.') ? bind(limit, root) : limit
  }
  return bound
}

function bind(limit: Value | Limit | readonly Limit[], root: number): Limit | Limit[] {
  if (typeof limit === 'number' || typeof limit === 'string') return { above: limit, pid: root, tree: true }
  if (Array.isArray(limit)) return limit.map((each: Limit) => bindOne(each, root))
  return bindOne(limit as Limit, root)
}

function bindOne(limit: Limit, root: number): Limit {
  return limit.pid === undefined ? { ...limit, pid: root, tree: true } : limit
}
