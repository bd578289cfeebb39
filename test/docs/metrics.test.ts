import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { METRICS } from '../../src/monitor/metrics.js'

/** Milliseconds as the page writes them. */
function inWords(milliseconds: number): string {
  return milliseconds >= 1000 ? `${milliseconds / 1000} s` : `${milliseconds} ms`
}

describe('docs/metrics.md', () => {
  const text = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
  const rows = [...text.matchAll(/^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm)].map(
    ([, name, unit, , period, window, dwell]) => ({ name, unit, period, window, dwell }),
  )

  it('has the rows of metrics.def, each once', () => {
    expect(rows).toHaveLength(METRICS.length)
    expect(new Set(rows.map((row) => row.name))).toEqual(new Set(METRICS.map((metric) => metric.name)))
  })

  it.each(METRICS.map((metric) => [metric.name, metric] as const))('says what holds for %s', (name, metric) => {
    expect(rows.find((row) => row.name === name)).toEqual({
      name,
      unit: metric.unit + (metric.worse === 'below' ? ', *below*' : ''),
      period: inWords(metric.minPeriod),
      window: metric.window === 0 ? '-' : inWords(metric.window),
      dwell: metric.for === 0 ? '0' : inWords(metric.for),
    })
  })
})
