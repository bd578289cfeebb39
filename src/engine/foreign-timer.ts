/**
 * A timer on a clock other than the real one, such as a test's. Each member has a timer of its own there, armed for
 * exactly its duration. So every way of advancing a fake clock works, and the clock need not show its time.
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
   * @param delay in milliseconds; above Node's longest delay it is armed in steps
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

  /** Cancels it. If its clock has been removed, it may still fire. */
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
  // Bound now: the clock may be uninstalled while the timer is pending.
  const read = performance.now.bind(performance)
  // A fake clock without a fake `performance` has no time that can be read.
  const isShown = !isFake(setTimeout) || !isPerformanceReal()
  return {
    arm: (callback, delay) => setTimeout(callback, delay),
    clear: (timer) => clearTimeout(timer as NodeJS.Timeout),
    now: () => (isShown ? read() : NaN),
    mayClear: (timer) =>
      globalThis.clearTimeout === clearTimeout && (!isOfNodeTest(timer) || isSameRunOfNodeTest(Date)),
  }
}

function isOfNodeTest(timer: unknown): boolean {
  return typeof timer === 'object' && timer !== null && 'priorityQueuePosition' in timer
}

/**
 * `node:test` installs the same functions each time its mocks are enabled. A timer from an earlier time is no longer in
 * its queue, and clearing it would remove a different timer. Only its mocked `Date` is new each time.
 */
function isSameRunOfNodeTest(date: DateConstructor): boolean {
  return globalThis.Date === date && 'isMock' in date
}
