/** Whether tasks take much longer than they used to: a hint, because heavier tasks do so as well. Pure functions. */

/** What is remembered of how long tasks take. */
export interface Pace {
  /** The usual mean, in milliseconds; 0 before the first tasks have ended. */
  readonly usual: number
  readonly slow: boolean
}

export const FIRST_PACE: Pace = { usual: 0, slow: false }

/** A mean of more than this many times the usual one is slow. */
const SLOW = 2
/** The weight of an interval in the usual mean. Tasks that stay slow are the usual ones after some 30 intervals. */
const WEIGHT = 0.1
const WEIGHT_SLOW = 0.03
/** Below this, in milliseconds, differences are those of the clock and of garbage collection. */
const SHORTEST_MS = 1

/** The pace after an interval in which `count` tasks have ended that took `total` milliseconds. */
export function pace(before: Pace, total: number, count: number): Pace {
  if (count === 0) return before
  const mean = Math.max(SHORTEST_MS, total / count)
  if (before.usual === 0) return { usual: mean, slow: false }
  const slow = mean > SLOW * before.usual
  return { usual: before.usual + (mean - before.usual) * (slow ? WEIGHT_SLOW : WEIGHT), slow }
}
