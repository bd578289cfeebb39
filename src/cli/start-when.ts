/** Waits until the machine can take the command. */
import { guard } from '../monitor/guard.js'
import type { Limits } from '../monitor/limits.js'

/**
 * Resolves with true as soon as all of these hold at once, and with false when `wait` milliseconds have passed before.
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
    // The interval also keeps the process alive; a guard does not.
    const timer = setInterval(() => performance.now() >= deadline && finish(false), Math.min(wait, 50))
    watched.on('breach', () => finish(true))
    if (watched.isBreached) finish(true)
  })
}
