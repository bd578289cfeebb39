/** The histogram of a ticker's delays. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Histogram } from '../../src/base/histogram.js'

describe('a histogram', () => {
  it('without values has no quantiles', () => {
    expect(new Histogram().quantile(0.5)).toBeNaN()
  })

  it('keeps microseconds apart, and the maximum exactly', () => {
    const histogram = new Histogram()
    for (let us = 0; us < 10; us++) histogram.add(us / 1000)
    expect(histogram.quantile(0.5)).toBeCloseTo(0.005)
    histogram.add(1234.5678)
    expect(histogram.max).toBe(1234.5678)
    expect(histogram.quantile(1)).toBe(1234.5678)
    expect(histogram.count).toBe(11)
  })

  it('holds durations of years', () => {
    const histogram = new Histogram()
    histogram.add(1e11)
    expect(histogram.quantile(0.5)).toBeGreaterThan(1e9)
  })

  it('is never below the true quantile, and above it by no more than a bucket', () => {
    const times = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(times, fc.double({ min: 0.01, max: 1, noNaN: true }), (list, share) => {
        const histogram = new Histogram()
        for (const each of list) histogram.add(each)
        const exact = list.toSorted((a, b) => a - b)[Math.ceil(share * list.length) - 1]!
        const found = histogram.quantile(share)
        expect(found).toBeGreaterThanOrEqual(exact)
        expect(found).toBeLessThanOrEqual(exact * 1.07 + 0.001)
      }),
    )
  })
})
