/** What counts as idle, on a scripted clock. */
import { beforeEach, expect, test, vi } from 'vitest'
import { IdleWatch } from '../../src/engine/idle-watch.js'
import { scriptedClock, type ScriptedClock } from '../helpers/scripted-clock.js'

let clock: ScriptedClock
let ends: number
let watch: IdleWatch

beforeEach(() => {
  clock = scriptedClock()
  ends = 0
  watch = new IdleWatch(100, () => ends++)
})

test('a sign of life only notes the time; the timer then waits for the rest', () => {
  watch.start()
  clock.time = 30
  watch.touch()
  clock.time = 60
  watch.touch()
  expect(clock.dues).toEqual([100])
  clock.fire()
  expect([ends, clock.dues]).toEqual([0, [160]])
  clock.fire()
  expect([ends, clock.dues]).toEqual([1, []])
})

test('a sign of life in the moment of the start gives no time', () => {
  watch.start()
  watch.touch()
  clock.fire()
  expect([ends, clock.dues]).toEqual([1, []])
})

test('on a clock that stands still, it ends when its timer fires, unless there was a sign of life', () => {
  watch.start()
  clock.fire(0)
  expect([ends, clock.dues]).toEqual([1, []])
  watch.start()
  watch.touch()
  clock.fire(0)
  expect([ends, clock.dues]).toEqual([1, [100]])
  clock.fire(0)
  expect([ends, clock.dues]).toEqual([2, []])
})

test('to start it again while it runs is a sign of life', () => {
  watch.start()
  clock.time = 50
  watch.start()
  expect(clock.dues).toEqual([100])
  clock.fire()
  expect([ends, clock.dues]).toEqual([0, [150]])
})

test('polling ends it when it is due, and once', () => {
  watch.poll()
  watch.start()
  clock.time = 99
  watch.poll()
  expect([ends, clock.dues]).toEqual([0, [100]])
  clock.time = 100
  watch.poll()
  watch.poll()
  expect([ends, clock.dues]).toEqual([1, []])
})

test('once it is stopped, it does not end, and starts anew', () => {
  watch.start()
  watch.stop()
  clock.time = 500
  watch.poll()
  expect([ends, clock.dues]).toEqual([0, []])
  watch.start()
  expect(clock.dues).toEqual([600])
})

test('a region is notified of each sign of life, and watches only what runs', async () => {
  vi.resetModules()
  const { IdleWatch: Fresh } = await import('../../src/engine/idle-watch.js')
  const { observe } = await import('../../src/engine/watching.js')
  const unobserved = new Fresh(1000, () => undefined)
  unobserved.touch()
  let changes = 0
  observe({ marked: () => undefined, changed: () => changes++ })
  unobserved.touch()
  expect([changes, unobserved.terms]).toEqual([1, []])
  unobserved.start()
  expect([changes, unobserved.terms.length]).toEqual([2, 1])
  unobserved.stop()
  expect(unobserved.terms).toEqual([])
})
