/** Guards that operations with equal `resources` share. */
import { outsideContexts } from '../base/async-context.js'
import { realTimers } from '../base/real-timers.js'
import { Guard } from './guard.js'
import { parseLimits, type Limits, type ParsedLimit, type ParsedLimits } from './limits.js'

// Checked this often, and closed when found unused a second time: a loop of operations keeps its baselines, without which a
// share over time would be unknown for each of them.
const SWEEP_MS = 5000

interface Shared {
  readonly guard: Guard
  readonly key: string
  uses: number
  /** Whether it counts from when it was made, so that what happened before an operation would end it. */
  readonly counts: boolean
  /** Whether it calls functions of the user's, which must not go on after the operation. */
  readonly checks: boolean
  /** Whether the sweep has already seen it unused once. */
  stale: boolean
}

const byKey = new Map<string, Shared>()
// The usual case is one options object for many operations: no parsing then.
const byLimits = new WeakMap<Limits, Shared>()
const byGuard = new WeakMap<Guard, Shared>()
let sweeper: NodeJS.Timeout | undefined

/**
 * The guard for `limits`, shared by all callers with equal ones until each has called {@link releaseGuard}.
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
  // For all callers with equal limits, and so in the context of none.
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

/** Equal conditions have the same function. */
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
