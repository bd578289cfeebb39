/** Guards that operations with equal `resources` share. */
import { outsideContexts } from '../base/async-context.js'
import { realTimers } from '../base/real-timers.js'
import { Guard } from './guard.js'
import { parseLimits, type Limits, type ParsedLimit, type ParsedLimits } from './limits.js'

// Guards are checked this often, and closed when found unused twice in a row. A loop of operations so keeps its baselines,
// without which a share over time would be unknown at the start of each.
const SWEEP_MS = 5000

interface Shared {
  readonly guard: Guard
  readonly key: string
  uses: number
  /** Whether a metric counts from when the guard was made: what happened before an operation must not end it. */
  readonly counts: boolean
  /** Whether it calls the user's functions, which must not happen after the operation has ended. */
  readonly checks: boolean
  /** Whether a sweep has already found it unused. */
  stale: boolean
}

const byKey = new Map<string, Shared>()
// Many operations usually share one options object, which is then parsed once.
const byLimits = new WeakMap<Limits, Shared>()
const byGuard = new WeakMap<Guard, Shared>()
let sweeper: NodeJS.Timeout | undefined

/**
 * Returns the guard for `limits`, which callers with equal limits share until each has called {@link releaseGuard}.
 *
 * @throws as `guard()` does
 */
export function acquireGuard(limits: Limits): Guard {
  let shared = byLimits.get(limits)
  if (shared === undefined || shared.guard.closed) {
    shared = find(limits)
    if (!shared.counts) byLimits.set(limits, shared)
  }
  shared.uses++
  return shared.guard
}

export function releaseGuard(guard: Guard): void {
  const shared = byGuard.get(guard)
  if (shared === undefined || --shared.uses > 0) return
  if (shared.checks) return drop(shared)
  shared.stale = false
  sweeper ??= outsideContexts(() => realTimers.setInterval(sweep, SWEEP_MS).unref())
}

/** A text that is the same for equal limits in the same order. */
export function keyOf(limits: ParsedLimits | ParsedLimit): string {
  return JSON.stringify(limits, (name, value: unknown) => {
    if (name === 'info') return undefined
    return typeof value === 'function' ? numberOf(value) : value
  })
}

function find(limits: Limits): Shared {
  const parsed = parseLimits(limits)
  const key = keyOf(parsed)
  const found = byKey.get(key)
  if (found !== undefined) return found
  // Outside of all contexts, because it serves every caller with equal limits.
  const guard = outsideContexts(() => new Guard(parsed, {}))
  const shared: Shared = {
    guard,
    key,
    uses: 0,
    counts: parsed.limits.some(({ info }) => info.scope === 'guard'),
    checks: parsed.conditions.length > 0,
    stale: false,
  }
  byKey.set(key, shared)
  byGuard.set(guard, shared)
  return shared
}

function drop({ key, guard }: Shared): void {
  byKey.delete(key)
  guard.close()
}

let functions = 0
const numbers = new WeakMap<object, number>()

/** A number for a function: conditions are equal only if they call the same one. */
function numberOf(check: object): number {
  let number = numbers.get(check)
  if (number === undefined) numbers.set(check, (number = ++functions))
  return number
}

function sweep(): void {
  for (const each of byKey.values()) {
    if (each.uses > 0) continue
    if (each.stale) drop(each)
    each.stale = true
  }
  if (byKey.size > 0) return
  realTimers.clearInterval(sweeper)
  sweeper = undefined
}
