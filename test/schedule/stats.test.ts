/** The statistics of a ticker on a scripted clock: rates and times count what they should, and stop at its end. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type * as Clock from '../../src/base/clock.js'
import type * as Stats from '../../src/schedule/stats.js'

let time: number
let scheduling: object | undefined
let counts: Stats.TickerCounts

beforeEach(async () => {
  time = 1000
  scheduling = undefined
  vi.resetModules()
  vi.doMock('../../src/base/clock.js', async (original) => ({
    ...(await original<typeof Clock>()),
    realNow: () => time,
  }))
  vi.doMock('../../src/addon/sampler.js', () => ({ samplerStats: () => scheduling }))
  const { TickerCounts } = await import('../../src/schedule/stats.js')
  counts = new TickerCounts()
})
afterEach(() => {
  vi.doUnmock('../../src/base/clock.js')
  vi.doUnmock('../../src/addon/sampler.js')
  vi.resetModules()
})

test('the rate is per second of the time in which it was not paused', () => {
  counts.ticks = 10
  expect(counts.toStats(0).rate).toBe(0)
  time = 3000
  expect(counts.toStats(0)).toMatchObject({ rate: 5, paused: 0, slowed: 0 })
  counts.paused.run(true)
  time = 4000
  // It is paused already.
  counts.paused.run(true)
  time = 5000
  expect(counts.toStats(0)).toMatchObject({ rate: 5, paused: 2000, slowed: 0 })
  counts.paused.run(false)
  counts.paused.run(false)
  time = 6000
  expect(counts.toStats(0)).toMatchObject({ rate: 10 / 3, paused: 2000 })
  counts.paused.run(true)
  time = 6500
  expect(counts.toStats(0)).toMatchObject({ rate: 10 / 3, paused: 2500 })
})

test('its end stops all clocks', () => {
  counts.ticks = 3
  counts.slowed.run(true)
  time = 2000
  counts.slowed.run(false)
  counts.paused.run(true)
  time = 2500
  counts.end()
  const { rate, paused, slowed } = counts.toStats(0)
  expect([rate, paused, slowed]).toEqual([3, 500, 1000])
  time = 9000
  expect(counts.toStats(0)).toMatchObject({ rate, paused, slowed })
})

test('also the one that runs while it is slowed down', () => {
  counts.slowed.run(true)
  time = 1250
  counts.end()
  time = 9000
  expect(counts.toStats(0)).toMatchObject({ slowed: 250, paused: 0 })
})

test('how late it was is unknown before the first beat', () => {
  expect(counts.toStats(0).late).toEqual({ p50: NaN, p99: NaN, max: NaN })
  for (const late of [1, 1, 1, 40]) counts.late.add(late)
  const { p50, p99, max } = counts.toStats(0).late
  expect([p50 < 1.1, p99 > 36, max]).toEqual([true, true, 40])
})

test('counts are passed on, and the scheduling as the system reports it', () => {
  Object.assign(counts, { ticks: 1, missed: 2, overruns: 3, timeouts: 4 })
  expect(counts.toStats(5)).toMatchObject({ ticks: 1, missed: 2, overruns: 3, timeouts: 4, running: 5 })
  expect(counts.toStats(0).scheduling).toEqual({ timerSlack: 0, slice: 0, realTime: false })
  scheduling = { timerSlack: 0.05, slice: 3, realTime: true }
  expect(counts.toStats(0).scheduling).toEqual(scheduling)
})
