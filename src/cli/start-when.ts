/** Waits until the conditions of `--start-when` hold. */
import { guard } from '../monitor/guard.js'
import type { Limits } from '../monitor/limits.js'

/** The longest time between two checks of the deadline. */
const CHECK_MS = 50

/**
 * Resolves with true as soon as all conditions hold at once, or with false if that takes longer than `wait` milliseconds.
 *
 * @throws MetricUnavailableError
 */
export function untilHolds(conditions: Limits, wait: number): Promise<boolean> {
  const watched = guard(conditions, { mode: 'all', name: 'start-when' })
  return new Promise((resolve) => {
    const finish = (holds: boolean): void => {
      clearInterval(timer)
      watched.close()
      resolve(holds)
    }
    const deadline = performance.now() + wait
    // The interval also keeps the process alive, which the guard does not.
    const timer = setInterval(() => performance.now() >= deadline && finish(false), Math.min(wait, CHECK_MS))
    watched.on('breach', () => finish(true))
    if (watched.isBreached) finish(true)
  })
}
