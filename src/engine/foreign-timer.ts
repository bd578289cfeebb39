/**
 * A timer on another clock than the real one: a test's. Each member of a timer list has one of its own there, armed for just
 * its duration, so that every way of moving a fake clock moves it, and none has to show what time it is.
 */
import { isPerformanceReal, LONGEST_DELAY, substituteClock } from '../base/clock.js'
import { isFake } from '../base/real-timers.js'

/** The functions of a clock, as they were when a timer was armed. */
interface ArmedClock {
  readonly arm: (callback: () => void, delay: number) => unknown
  readonly clear: (timer: unknown) => void
  /** The time; NaN where the clock does not show it. */
  readonly now: () => number
  /** Whether a timer that was armed with it may be cleared. */
  readonly mayClear: (timer: unknown) => boolean
}

export class ForeignTimer {
  readonly #clock: ArmedClock = clockInForce()
  readonly #keepsAlive: boolean
  readonly #expired: () => void
  #timer: unknown

  /**
   * Arms it.
   *
   * @param delay in milliseconds; fake clocks have Node's longest one
   * @param keepsAlive whether it keeps the process alive, as far as the clock's timers do
   * @param expired must not throw
   */
  constructor(delay: number, keepsAlive: boolean, expired: () => void) {
    this.#keepsAlive = keepsAlive
    this.#expired = expired
    this.#arm(delay)
  }

  /** The time on its clock; NaN where that does not show it. */
  now(): number {
    return this.#clock.now()
  }

  /** Takes it back. It may fire nevertheless if its clock was taken away. */
  cancel(): void {
    const timer = this.#timer
    if (timer === undefined) return
    this.#timer = undefined
    if (this.#clock.mayClear(timer)) this.#clock.clear(timer)
  }

  #arm(delay: number): void {
    const first = Math.min(delay, LONGEST_DELAY)
    this.#timer = this.#clock.arm(() => {
      this.#timer = undefined
      if (delay > first) this.#arm(delay - first)
      else this.#expired()
    }, first)
    // Ids of browsers, and of some fake clocks, are numbers.
    if (!this.#keepsAlive) (this.#timer as Partial<NodeJS.Timeout> | undefined)?.unref?.()
  }
}

function clockInForce(): ArmedClock {
  const substitute = substituteClock()
  if (substitute === undefined) return globalClock()
  return {
    arm: (callback, delay) => substitute.setTimeout(callback, delay),
    clear: (timer) => substitute.clearTimeout(timer),
    now: () => substitute.now(),
    mayClear: () => true,
  }
}

function globalClock(): ArmedClock {
  const { setTimeout, clearTimeout, performance, Date } = globalThis
  // oxlint-disable-next-line typescript/unbound-method -- called with its object only
  const read = performance.now
  // A fake one that goes without `performance` stands still while the real time passes.
  const isShown = !isFake(setTimeout) || !isPerformanceReal()
  return {
    arm: (callback, delay) => setTimeout(callback, delay),
    clear: (timer) => clearTimeout(timer as NodeJS.Timeout),
    now: () => (isShown ? read.call(performance) : NaN),
    mayClear: (timer) =>
      globalThis.clearTimeout === clearTimeout && (!isOfNodeTest(timer) || isSameRunOfNodeTest(Date)),
  }
}

function isOfNodeTest(timer: unknown): boolean {
  return typeof timer === 'object' && timer !== null && 'priorityQueuePosition' in timer
}

/**
 * The functions of `node:test` are the same each time its mocks are enabled, but a timer of an earlier time is not in its
 * queue any more, and clearing it would take another one out. Only the mocked `Date` is a new one.
 */
function isSameRunOfNodeTest(date: DateConstructor): boolean {
  return globalThis.Date === date && 'isMock' in date
}
