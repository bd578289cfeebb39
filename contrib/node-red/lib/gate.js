/** What becomes of each message of a guard node: passed, held or dropped. Pure rules, without timers. */
'use strict'

class Gate {
  #settings
  #queue = []
  #seen = 0
  #passedAt = -Infinity
  dropped = 0

  /** @param settings `policy`: hold, drop, every (one in `every`), interval (one per `interval` ms); `capacity` of the queue */
  constructor(settings) {
    this.#settings = settings
  }

  get held() {
    return this.#queue.length
  }

  /** A new breach: counts and thinning start anew. */
  start() {
    this.dropped = 0
    this.#seen = 0
    this.#passedAt = -Infinity
  }

  /** @returns 'pass', 'hold' (it is in the queue), 'drop', or 'swap' (it is in the queue, and the oldest is due for it) */
  accept(item, breached, now) {
    if (!breached) return this.held === 0 ? 'pass' : this.#swap(item)
    const { policy } = this.#settings
    if (policy === 'hold') return this.#hold(item)
    if (policy !== 'drop' && this.#isDue(policy, now)) return 'pass'
    return this.#drop()
  }

  /** Takes up to `count` items out, the oldest first. */
  release(count) {
    return this.#queue.splice(0, count)
  }

  #hold(item) {
    if (this.held >= this.#settings.capacity) return this.#drop()
    this.#queue.push(item)
    return 'hold'
  }

  /**
   * Behind messages that are still held, another one waits too, so that the order stays. One is due in its place, so that the
   * queue gets shorter however many come.
   */
  #swap(item) {
    this.#queue.push(item)
    return 'swap'
  }

  #drop() {
    this.dropped++
    return 'drop'
  }

  #isDue(policy, now) {
    if (policy === 'every') return this.#seen++ % this.#settings.every === 0
    if (now - this.#passedAt < this.#settings.interval) return false
    this.#passedAt = now
    return true
  }
}

module.exports = { Gate }
