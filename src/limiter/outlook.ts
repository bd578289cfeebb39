/** The guards of one limiter, seen as one. */
import { outsideContexts } from '../base/async-context.js'
import { reportError } from '../base/diagnostics.js'
import { Guard } from '../monitor/guard.js'
import type { Limits } from '../monitor/limits.js'
import { acquireGuard, releaseGuard } from '../monitor/shared-guards.js'
import type { Outlook } from './policy.js'

/** Watches guards until it is disposed of; those for limits are shared with everything that has equal ones. */
export class Guards implements Disposable {
  readonly #guards: readonly Guard[]
  readonly #own: readonly Guard[]
  readonly #subscriptions: readonly Disposable[]
  readonly #seen: number[]

  /**
   * @param changed called in a turn of its own when one of them is breached, clear or unavailable
   * @throws as `guard()` does
   */
  constructor(resources: readonly (Limits | Guard)[], changed: () => void) {
    const own: Guard[] = []
    const guards: Guard[] = []
    try {
      for (const each of resources) {
        const guard = each instanceof Guard ? each : acquireGuard(each)
        if (!(each instanceof Guard)) own.push(guard)
        guards.push(guard)
      }
    } catch (error) {
      for (const each of own) releaseGuard(each)
      throw error
    }
    this.#guards = guards
    this.#own = own
    // A breach from before counts only while it lasts.
    this.#seen = guards.map(({ breachCount }) => breachCount)
    this.#subscriptions = outsideContexts(() =>
      guards.flatMap((each) => [
        each.on('breach', changed),
        each.on('clear', changed),
        each.on('unavailable', (error) => {
          // The limiter goes on without this guard, which must be reported.
          reportError(error, 'guard', each.name)
          changed()
        }),
      ]),
    )
  }

  /** Reads the states, which takes no native call. A guard that only reports counts as clear. */
  outlook(): Outlook {
    let worst: Outlook = 'clear'
    for (const guard of this.#guards) {
      const each = outlookOf(guard)
      if (ORDER.indexOf(each) > ORDER.indexOf(worst)) worst = each
    }
    return worst
  }

  /** The guard that is breached, or was since the last call. */
  takeBroken(): Guard | undefined {
    let broken: Guard | undefined
    for (const [index, guard] of this.#guards.entries()) {
      const count = guard.breachCount
      const isNew = count !== this.#seen[index]
      this.#seen[index] = count
      if ((isNew || guard.state === 'breached') && !guard.dryRun) broken ??= guard
    }
    return broken
  }

  [Symbol.dispose](): void {
    for (const each of this.#subscriptions) each[Symbol.dispose]()
    for (const each of this.#own) releaseGuard(each)
  }
}

/** The worst last. */
const ORDER: readonly Outlook[] = ['clear', 'unknown', 'wary', 'breached']

function outlookOf(guard: Guard): Outlook {
  // A closed guard watches nothing.
  if (guard.closed) return 'unknown'
  if (guard.dryRun) return 'clear'
  switch (guard.state) {
    case 'clear':
      return 'clear'
    case 'pending':
    case 'clearing':
      return 'wary'
    case 'breached':
      return 'breached'
    case 'unavailable':
      return 'unknown'
  }
}
