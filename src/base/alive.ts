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

/** An object's hold on the process for its `ref()` and `unref()`: a repeated call has no effect. */
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
