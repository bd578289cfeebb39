/** Limits and conditions as the addon takes them. */
import type { Series } from '../addon/sampler.js'
import type { EncodedGuard } from '../evidence/helper.js'
import type { ParsedCondition } from './conditions.js'
import type { GuardSettings } from './guard-options.js'
import type { ParsedLimit } from './limits.js'

/** Stands in for the subscription of a condition, which has no series. */
const NO_SERIES = 2 ** 32 - 1
const ON_MISSING_CODES = { throw: 0, ignore: 1, breach: 2 } as const

/** Limits in the form that the addon takes; without a series, the guard is simulated. @internal */
export function encode(
  limits: readonly ParsedLimit[],
  series: readonly Series[],
  conditions: readonly ParsedCondition[] = [],
): Float64Array {
  return Float64Array.from([
    ...limits.flatMap((each, index) => [
      series[index]?.subscription ?? 0,
      each.direction === 'above' ? 1 : 0,
      each.enter,
      each.exit,
      each.for,
      each.clearFor,
      ON_MISSING_CODES[each.onMissing],
      each.stack ? 1 : 0,
    ]),
    // 1, a condition that does not hold, is beyond the line, and 0 is not.
    ...conditions.flatMap((each) => [
      NO_SERIES,
      1,
      0.5,
      0.5,
      each.for,
      each.clearFor,
      ON_MISSING_CODES[each.onMissing],
      0,
    ]),
  ])
}

/**
 * The same limits for a guard of another thread, which is to see breaches while this one is blocked; undefined if it could not
 * see them better than this one.
 */
export function encodeForHelper(
  { all, within, interval, minHold }: GuardSettings,
  limits: readonly ParsedLimit[],
  series: readonly Series[],
  conditions: readonly ParsedCondition[],
): EncodedGuard | undefined {
  // Only JavaScript of this thread can check conditions, and only the event loop is blocked while it is at work.
  if (conditions.length > 0 || !limits.some(({ info }) => info.scope === 'environment')) return undefined
  // Stacks are taken for the guard of this thread.
  const alike = limits.map((each) => ({ ...each, stack: false }))
  return { all, within, interval, minHold, limits: encode(alike, series) }
}
