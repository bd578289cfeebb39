import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { METRICS } from '../../src/addon/metrics.js'

/** Milliseconds as the page writes them. */
function inWords(milliseconds: number): string {
  return milliseconds >= 1000 ? `${milliseconds / 1000} s` : `${milliseconds} ms`
}

function read(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
}

/** The metrics that an OS only has a reason for: those after the comment that says so in its families.cc. */
function missingOn(os: string): string[] {
  const names = new Map(
    [...read('native/port/metrics.def').matchAll(/^METRIC\((\w+),\s*"([^"]+)"/gm)].map(([, id, name]) => [id, name!]),
  )
  const rest = read(`native/${os}/families.cc`)
    .split(/\/\/ What \w+ (?:does not have|never has)/)
    .at(-1)
  return [...rest!.matchAll(/case Metric::k(\w+):/g)].map(([, id]) => names.get(id)!)
}

describe('docs/metrics.md', () => {
  const rows = read('docs/metrics.md')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.slice(2, -2).split(' | '))
    .map(([name, unit, linux, macos, windows, period, window, dwell]) => ({
      name: name!.replaceAll('`', ''),
      unit,
      sources: { linux, darwin: macos, windows },
      numbers: { period, window, dwell },
    }))

  it('has the rows of metrics.def, each once', () => {
    expect(rows).toHaveLength(METRICS.length)
    expect(new Set(rows.map((row) => row.name))).toEqual(new Set(METRICS.map((metric) => metric.name)))
  })

  it.each(METRICS.map((metric) => [metric.name, metric] as const))('says what holds for %s', (name, metric) => {
    const row = rows.find((each) => each.name === name)!
    expect(row.unit).toBe(metric.unit + (metric.worse === 'below' ? ', *below*' : ''))
    expect(row.numbers).toEqual({
      period: inWords(metric.minPeriod),
      window: metric.window === 0 ? '-' : inWords(metric.window),
      dwell: metric.for === 0 ? '0' : inWords(metric.for),
    })
    expect(row.sources.linux).not.toBe('-')
  })

  it.each(['darwin', 'windows'] as const)('has a dash where %s has nothing', (os) => {
    const dashes = rows.filter((row) => row.sources[os] === '-').map((row) => row.name)
    expect(new Set(dashes)).toEqual(new Set(missingOn(os)))
  })
})
