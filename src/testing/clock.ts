/** A clock of a test's own, in the place of the real one: time passes only where the test says so. */
import { realNow, substituteClock, useClock as substitute, type Clock } from '../base/clock.js'
import { invalidState } from '../base/errors.js'
import { nextTurn } from '../base/real-timers.js'
import { parseDuration, type Duration } from '../base/units.js'
import { deliverNews } from './news.js'

/** A clock on which time passes only by {@link TestClock.advance}. Disposing of it gives the real clock back. */
export interface TestClock extends Disposable {
  /** The time on this clock, in milliseconds; at first that of `performance.now()`, rounded up. */
  now(): number
  /** How many timers are armed on it: timeouts, sleeps, intervals of conditions, graces, the `for` of faked breaches. */
  readonly pending: number
  /**
   * Lets time pass: fires the timers that fall due, each at its own time and the earliest first, and lets the event loop turn
   * after each, so that what follows from one is armed before the next. Calls are carried out one after the other.
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

// A breach is delivered in a turn, the operation that it cancels settles in the next, and what awaits that goes on after it.
const TURNS = 4

/** @internal */
export class OwnClock implements TestClock, Clock {
  // In the order in which they fire.
  readonly #armed: Armed[] = []
  readonly #aheadOfDate: number
  // Whole, so that sums of it are exact.
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
    await this.advanceUntil(parseDuration(duration, 'duration'), () => false)
  }

  /** Lets `ms` milliseconds pass, or less where `isDone` says so after a timer. */
  async advanceUntil(ms: number, isDone: () => boolean): Promise<void> {
    this.#checkInForce()
    const advanced = this.#last.then(() => this.#advanceBy(ms, isDone))
    this.#last = advanced.catch(() => undefined)
    await advanced
  }

  async #advanceBy(ms: number, isDone: () => boolean): Promise<void> {
    const until = this.#time + ms
    // What was started just before the call gets to its first timer.
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
 * Puts a clock of the test's own in the place of the real one, for everything that is armed from here on: timeouts,
 * deadlines, sleeps, intervals of conditions, graces, and the `for`, `clearFor` and `minHold` of {@link fakeBreach}. `Date`,
 * `performance` and timers that are not tripline's stay as they are, and so do the machine's own values, tickers and
 * commands.
 *
 * What is expected of a promise that rejects meanwhile must be said ahead of `advance()`, as with all fake timers: the
 * process would take it for an unhandled rejection.
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
