/** The table of metrics in TypeScript and in the addon. */
import { describe, expect, it } from 'vitest'
import { METRIC_NAMES } from '../../src/addon/metrics.js'
import { loadAddon } from '../../src/addon/native.js'

describe('the table of metrics', () => {
  // A metric is a number between JavaScript and the addon.
  it("is in the addon's order", () => {
    expect(loadAddon().metrics()).toEqual(METRIC_NAMES)
  })
})
