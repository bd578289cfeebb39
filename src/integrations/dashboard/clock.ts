/** The page shows times on the wall clock, as it is now set. */
import { realNow } from '../../base/clock.js'

/** @param at on the clock of `performance.now()`, in milliseconds */
export function toWall(at: number): number {
  return Math.round(Date.now() - (realNow() - at))
}
