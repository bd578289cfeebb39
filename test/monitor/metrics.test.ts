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
})
