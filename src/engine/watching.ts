/**
 * What is watched from outside while a thread is blocked in a region: every source says what makes it cancel, as tests that
 * need no JavaScript. See `native/sampler/regions.h`.
 */

export const TEST_TIME: number = 0
export const TEST_SHARED: number = 1
export const TEST_GUARD: number = 2
export const TEST_SIGNAL: number = 3

/** Something that comes true once and for all. */
export interface Test {
  /** One of the `TEST_*`. */
  readonly kind: number
  /** A time on the clock of `performance.now()`; the index of a word; a guard's flag; a signal's number. */
  readonly value: number
  /** Of a guard, the breaches that do not count. */
  readonly except?: number
  /** Shared memory, whose word is 0 until then. */
  readonly words?: Int32Array
  /** Marks the target, where polling does not. */
  readonly happened?: () => void
}

/** A source cancels when all tests of one of its terms are true. */
export type Term = readonly Test[]

export const NO_TERMS: readonly Term[] = []

interface Observer {
  /** Something has been marked. */
  marked(): void
  /** What is to be watched may be different. */
  changed(): void
}

/** The module of regions, once it is used. */
export let regions: Observer | null = null

export function observe(by: Observer): void {
  regions ??= by
}
