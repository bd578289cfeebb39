/** Keeps the process alive on request, because pending callbacks from the addon do not. */
import { outsideContexts } from './async-context.js'
import { LONGEST_DELAY } from './clock.js'
import { realTimers } from './real-timers.js'

let holders = 0
let timer: NodeJS.Timeout | undefined

/** Keeps the process alive until {@link unref} was called as many times. */
export function keepAlive(): void {
  holders++
  timer ??= outsideContexts(() => realTimers.setInterval(() => undefined, LONGEST_DELAY))
}

/** Undoes one call of {@link keepAlive}. */
export function unref(): void {
  if (--holders > 0) return
  realTimers.clearInterval(timer)
  timer = undefined
}

/** One holder of the process, as `ref()` and `unref()` of an object mean it: twice is once. */
export class AliveHold {
  #held = false

  hold(): void {
    if (!this.#held) keepAlive()
    this.#held = true
  }

  release(): void {
    if (this.#held) unref()
    this.#held = false
  }
}
