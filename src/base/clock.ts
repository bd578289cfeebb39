/**
 * Time: what is in force, which tests may replace, and what is real. Both are monotonic, in milliseconds with fractions;
 * wall-clock time is for logs and `Date` deadlines only.
 *
 * Operations follow the clock that is in force when they arm a timer, so that the fake timers of a test runner move them.
 * What is due to the machine itself (guards, tickers, commands, housekeeping) stays on the real one: a fake clock stands
 * still, and is gone after the test.
 */
import { loadBuiltin } from './builtin.js'
import { areTimersReal, isFake } from './real-timers.js'

/** Node treats a delay above this, in milliseconds, as 1 ms. */
export const LONGEST_DELAY: number = 2 ** 31 - 1

/** A clock that takes the place of the globals; see {@link useClock}. */
export interface Clock {
  /** Milliseconds since some fixed moment; never steps back. */
  now(): number
  /** The wall clock: milliseconds since 1970. */
  date(): number
  /** Calls back once, `delay` milliseconds from now, and returns what `clearTimeout` takes. */
  setTimeout(callback: () => void, delay: number): unknown
  /** Takes a timer back; nothing happens if it has fired. */
  clearTimeout(timer: unknown): void
}

type Performance = typeof globalThis.performance

const performance: Performance = isFake(globalThis.performance)
  ? loadBuiltin('node:perf_hooks').performance
  : globalThis.performance
const ownNow = performance.now

let substitute: Clock | undefined
/** Whether the latest reading of {@link now} was real. */
let nowIsReal = true

/**
 * Puts a clock in the place of the globals, for all timers that are armed from here on; `undefined` takes it away. Timers
 * that were armed with it stay with it. The one user is `tripline/testing`.
 */
export function useClock(clock: Clock | undefined): void {
  substitute = clock
}

/** What {@link useClock} was given. */
export function substituteClock(): Clock | undefined {
  return substitute
}

/** The real time, whatever a test has put in the place of `performance`. */
export function realNow(): number {
  return performance.now === ownNow ? performance.now() : ownNow.call(performance)
}

/** The time on the clock in force. */
export function now(): number {
  const inForce = globalThis.performance
  if (inForce !== performance || substitute !== undefined || inForce.now !== ownNow) return otherNow(inForce)
  nowIsReal = true
  return inForce.now()
}

function otherNow(inForce: Performance | undefined): number {
  // A context without one has Node's own.
  nowIsReal = substitute === undefined && inForce === undefined
  if (substitute !== undefined) return substitute.now()
  return inForce === undefined ? realNow() : inForce.now()
}

/** The wall clock in force: milliseconds since 1970. */
export function wallTime(): number {
  return substitute === undefined ? Date.now() : substitute.date()
}

/** Whether timers and time in force are the real ones. To be called right after {@link now}. */
export function isClockReal(): boolean {
  return nowIsReal && areTimersReal()
}

/** Whether a reading of the global `performance` is one of the real clock. */
export function isPerformanceReal(): boolean {
  return globalThis.performance === performance && performance.now === ownNow
}
