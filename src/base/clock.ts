/** The one clock: monotonic, in milliseconds, fractions included. Wall-clock time is for people and for `Date` deadlines. */

const clock = globalThis.performance

/** Milliseconds since some fixed moment; never steps back. */
export function now(): number {
  return clock.now()
}
