/**
 * Two clocks: the one in force, which tests may replace, and the real one. Both are monotonic, in milliseconds with
 * fractions; wall-clock time is for logs and `Date` deadlines only.
 *
 * Operations use the clock that is in force when they arm a timer, so that the fake timers of a test runner control them.
 * Guards, tickers, commands and housekeeping stay on the real clock: a fake clock stands still, and is gone after the
 * test.
 */
import { loadBuiltin } from './builtin.js'
import { INT32_MAX } from './int32.js'
import { areTimersReal, isFake } from './real-timers.js'

/** Node treats a delay above this, in milliseconds, as 1 ms. */
export const LONGEST_DELAY: number = INT32_MAX

/** A clock that replaces the globals; see {@link useClock}. */
export interface Clock {
  /** Milliseconds since some fixed moment; never steps back. */
  now(): number
  /** The wall clock: milliseconds since 1970. */
  date(): number
  /** Calls back once, `delay` milliseconds from now, and returns what `clearTimeout` takes. */
  setTimeout(callback: () => void, delay: number): unknown
  /** Cancels a timer; does nothing if the timer has fired. */
  clearTimeout(timer: unknown): void
}

type Performance = typeof globalThis.performance

const performance: Performance = isFake(globalThis.performance)
  ? loadBuiltin('node:perf_hooks').performance
  : globalThis.performance
// oxlint-disable-next-line typescript/unbound-method -- kept to be compared; called with its object
const ownNow = performance.now
const ownDate = globalThis.Date

let substitute: Clock | undefined
/** Whether the real clock was in force at the latest call of {@link now}. */
let wasReal = true

/**
 * Replaces the globals by a clock for all timers that are armed from now on; `undefined` restores the globals. Timers that
 * were armed with the clock stay with it. Only `tripline/testing` uses this.
 */
export function useClock(clock: Clock | undefined): void {
  substitute = clock
}

/** The clock that was given to {@link useClock}, if any. */
export function substituteClock(): Clock | undefined {
  return substitute
}

/** The time on the real clock, even if a test has replaced `performance`. */
export function realNow(): number {
  return performance.now === ownNow ? performance.now() : ownNow.call(performance)
}

/**
 * The time on the clock in force. A fake clock is recognized by its timers, its `Date`, or a mocked `performance.now`.
 * A check of the global `performance` itself, which is a getter, would make each operation a tenth slower.
 */
export function now(): number {
  if (performance.now !== ownNow || globalThis.Date !== ownDate || substitute !== undefined || !areTimersReal()) {
    return otherNow()
  }
  wasReal = true
  return performance.now()
}

function otherNow(): number {
  const inForce = globalThis.performance as Performance | undefined
  // In a context without `performance`, Node's own clock is in force.
  wasReal = substitute === undefined && (inForce === undefined || isPerformanceReal()) && areTimersReal()
  if (substitute !== undefined) return substitute.now()
  return inForce === undefined ? realNow() : inForce.now()
}

/** The wall clock in force: milliseconds since 1970. */
export function wallTime(): number {
  return substitute === undefined ? Date.now() : substitute.date()
}

/** Whether the timers and the clock in force are the real ones. Call it right after {@link now}. */
export function isClockReal(): boolean {
  return wasReal
}

/** Whether the global `performance` is the real clock. */
export function isPerformanceReal(): boolean {
  return globalThis.performance === performance && performance.now === ownNow
}
