import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { METRICS } from '../../src/addon/metrics.js'
import { loadAddon } from '../../src/addon/native.js'

describe('the table of metrics', () => {
  it("is the addon's", () => {
    const ours = METRICS.map(({ name, unit, kind, worse, minPeriod, window, for: dwell }) => ({
      name,
      unit,
      kind,
      worse,
      minPeriod,
      window,
      for: dwell,
    }))
    expect(ours).toEqual(loadAddon().metrics())
  })

  it('is that of metrics.def', () => {
    const text = readFileSync(new URL('../../native/port/metrics.def', import.meta.url), 'utf8')
    const names = [...text.matchAll(/^METRIC\(\w+,\s*"([^"]+)"/gm)].map((match) => match[1])
    expect(METRICS.map((each) => each.name)).toEqual(names)
  })
})
