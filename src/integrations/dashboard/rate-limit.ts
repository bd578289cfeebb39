/** A limit on how often something happens, as a token bucket: a burst at once, and then a number per second. */
import { realNow } from '../../base/clock.js'

export class RateLimit {
  readonly #burst: number
  readonly #perSecond: number
  #left: number
  #at: number = realNow()

  constructor(burst: number, perSecond: number) {
    this.#burst = burst
    this.#perSecond = perSecond
    this.#left = burst
  }

  /** Whether it may happen once more now. */
  take(): boolean {
    const now = realNow()
    this.#left = Math.min(this.#burst, this.#left + ((now - this.#at) / 1000) * this.#perSecond)
    this.#at = now
    if (this.#left < 1) return false
    this.#left--
    return true
  }
}
