/** The one clock: monotonic, in milliseconds with fractions. Wall-clock time is for logs and for `Date` deadlines only. */

/** Node treats a delay above this, in milliseconds, as 1 ms. */
export const LONGEST_DELAY: number = 2 ** 31 - 1

const clock = globalThis.performance

/** Milliseconds since some fixed moment; never steps back. */
export function now(): number {
  return clock.now()
}
