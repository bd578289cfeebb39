/** A clock for tests, which replaces the real one: time passes only when the test advances it. */
import { realNow, substituteClock, useClock as substitute, type Clock } from '../base/clock.js'
import { invalidState } from '../base/errors.js'
import { nextTurn } from '../base/real-timers.js'
import { parseDuration, type Duration } from '../base/units.js'
import { deliverNews } from './news.js'

/** A clock on which time passes only by {@link TestClock.advance}. Disposing of it restores the real clock. */
export interface TestClock extends Disposable {
  /** The time on this clock, in milliseconds; at first that of `performance.now()`, rounded up. */
  now(): number
  /** The number of armed timers: timeouts, sleeps, intervals of conditions, grace periods, the `for` of fake breaches. */
  readonly pending: number
  /**
   * Lets time pass: fires timers in the order in which they are due, each at its own time, and lets the event loop turn after
   * each, so that code that reacts to one timer can arm the next. Calls are executed one after the other.
   *
   * @throws TypeError, RangeError for a bad duration; Error `ERR_INVALID_STATE` once the clock is disposed of (all as
   *   rejections)
   */
  advance(duration: Duration): Promise<void>
}

interface Armed {
  readonly due: number
  readonly callback: () => void
}

// A breach is delivered in one turn, the operation that it cancels settles in the next, and code that awaits it continues in a
// third.
const TURNS = 4

/** @internal */
export class OwnClock implements TestClock, Clock {
  // Sorted by the order in which they fire.
  readonly #armed: Armed[] = []
  readonly #aheadOfDate: number
  // A whole number, so that sums are exact.
  #time = Math.ceil(realNow())
  #last: Promise<void> = Promise.resolve()

  constructor() {
    this.#aheadOfDate = Date.now() - this.#time
  }

  now(): number {
    return this.#time
  }

  date(): number {
    return this.#time + this.#aheadOfDate
  }

  get pending(): number {
    return this.#armed.length
  }

  setTimeout(callback: () => void, delay: number): unknown {
    const armed: Armed = { due: this.#time + delay, callback }
    const place = this.#armed.findIndex((each) => each.due > armed.due)
    this.#armed.splice(place === -1 ? this.#armed.length : place, 0, armed)
    return armed
  }

  clearTimeout(timer: unknown): void {
    const place = this.#armed.indexOf(timer as Armed)
    if (place !== -1) this.#armed.splice(place, 1)
  }

  async advance(duration: Duration): Promise<void> {
    await this.advanceUntil(parseDuration(duration, 'duration argument'), () => false)
  }

  /** Lets `ms` milliseconds pass, or less if `isDone` returns true after a timer. */
  async advanceUntil(ms: number, isDone: () => boolean): Promise<void> {
    this.#checkInForce()
    const advanced = this.#last.then(() => this.#advanceBy(ms, isDone))
    this.#last = advanced.catch(() => undefined)
    await advanced
  }

  async #advanceBy(ms: number, isDone: () => boolean): Promise<void> {
    const until = this.#time + ms
    // Let code that was started just before the call arm its first timer.
    await turns()
    for (let first = this.#armed[0]; first !== undefined && first.due <= until; first = this.#armed[0]) {
      if (isDone()) return
      this.#checkInForce()
      this.#armed.shift()
      this.#time = Math.max(this.#time, first.due)
      first.callback()
      await turns()
    }
    if (!isDone()) this.#time = until
  }

  #checkInForce(): void {
    if (substituteClock() !== this) throw invalidState('The test clock was disposed of')
  }

  [Symbol.dispose](): void {
    if (substituteClock() === this) substitute(undefined)
  }
}

/** Lets the event loop turn a few times, and delivers what guards have to report. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) {
    await new Promise<void>(nextTurn)
    deliverNews()
  }
}

/** The test clock in force, if there is one. */
export function clockInForce(): OwnClock | undefined {
  const clock = substituteClock()
  return clock instanceof OwnClock ? clock : undefined
}

/**
 * Replaces the real clock by one that the test controls, for everything that is armed from now on: timeouts, deadlines,
 * sleeps, intervals of conditions, grace periods, and the `for`, `clearFor` and `minHold` of {@link fakeBreach}. `Date`,
 * `performance`, other timers, the machine's own values, tickers and commands are not affected. A guard stays on the real
 * clock, with the conditions in it: the machine's values and the conditions are judged together.
 *
 * As with all fake timers, attach handlers to promises before calling `advance()`: a promise that rejects without a handler
 * is an unhandled rejection.
 *
 * @example
 * using clock = useClock()
 * const rejected = assert.rejects(fetchAll({ timeout: '1m' }), TimeoutCancelation)
 * await clock.advance('1m')
 * await rejected
 * @throws Error `ERR_INVALID_STATE` while another test clock is in force
 */
export function useClock(): TestClock {
  if (substituteClock() !== undefined) throw invalidState('Another test clock is in force; dispose of it first')
  const clock = new OwnClock()
  substitute(clock)
  return clock
}
