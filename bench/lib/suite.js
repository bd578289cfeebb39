// The rows and statistics of a suite. bench/README.md says how to write one.

/**
 * One measured figure. Without a target, it is shown for orientation only.
 *
 * @param {string} name a description of what was measured
 * @param {number | undefined} value undefined if it could not be measured; the note then says why
 * @param {string} unit
 * @param {{ atMost?: number, atLeast?: number, under?: number, note?: string }} [options]
 */
export function row(name, value, unit, options = {}) {
  const { atMost, atLeast, under, note = '' } = options
  const measured = value !== undefined && Number.isFinite(value)
  const target =
    atMost !== undefined
      ? `at most ${atMost}`
      : atLeast !== undefined
        ? `at least ${atLeast}`
        : under !== undefined
          ? `under ${under}`
          : ''
  const met =
    target === '' || !measured
      ? null
      : atMost !== undefined
        ? value <= atMost
        : atLeast !== undefined
          ? value >= atLeast
          : value < under
  return { name, value: measured ? round(value) : null, unit, target, met, note }
}

function round(value) {
  return Number(value.toPrecision(4))
}

export function min(values) {
  return Math.min(...values)
}

export function median(values) {
  return quantile(values, 0.5)
}

export function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}
