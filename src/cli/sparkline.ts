/** A row of bars that shows how a value changed. */

const BARS = '▁▂▃▄▅▆▇█'

/** Bars from `bottom` to `top`; a value that is not known is a blank. */
export function sparkline(values: readonly number[], bottom: number, top: number): string {
  const size = top - bottom
  const bars = values.map((value) => {
    if (Number.isNaN(value)) return ' '
    const place = size > 0 ? Math.floor(((value - bottom) / size) * BARS.length) : 0
    return BARS[Math.max(0, Math.min(BARS.length - 1, place))]
  })
  return bars.join('')
}
