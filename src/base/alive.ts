/** Keeps the process alive on request: deliveries of the addon never do. */
import { LONGEST_DELAY } from './clock.js'
import { realTimers } from './real-timers.js'

let holders = 0
let timer: NodeJS.Timeout | undefined

/** Holds the process until as many calls of {@link unref}. */
export function keepAlive(): void {
  holders++
  timer ??= realTimers.setInterval(() => undefined, LONGEST_DELAY)
}

/** Takes back one call of {@link keepAlive}. */
export function unref(): void {
  if (--holders > 0) return
  realTimers.clearInterval(timer)
  timer = undefined
}
