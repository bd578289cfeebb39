/** Releases held messages at a bounded rate. */
'use strict'

/** Timers are not exact: several messages per step reach rates that one per step would not. */
const SHORTEST_STEP = 20

class Release {
  #rate
  #take
  #step
  #timer
  #credit = 0

  /**
   * @param rate messages per second
   * @param take sends up to that many messages, and returns whether more are held
   */
  constructor(rate, take) {
    this.#rate = rate
    this.#take = take
    this.#step = Math.max(SHORTEST_STEP, 1000 / rate)
  }

  get running() {
    return this.#timer !== undefined
  }

  start() {
    if (this.running) return
    this.#credit = 0
    this.#timer = setInterval(() => this.#run(), this.#step)
  }

  stop() {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #run() {
    // By steps, not by the clock: a late timer causes no burst. The margin is for sums such as 3 x 0.333…
    this.#credit += (this.#rate * this.#step) / 1000
    const count = Math.floor(this.#credit + 1e-9)
    this.#credit -= count
    if (!this.#take(count)) this.stop()
  }
}

module.exports = { Release }
