/** Quantiles of sorted values. */

/** The smallest value that at least `share` (0 to 1) of all values do not exceed. */
export function quantileOf(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!
}
