/** Timers on clocks that others have put in place of the real one. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { LONGEST_DELAY } from '../../src/base/clock.js'
import { ForeignTimer } from '../../src/engine/foreign-timer.js'
import { isForeign, timeOf, Timer } from '../../src/engine/timers.js'
import { scriptedClock } from '../helpers/scripted-clock.js'

afterEach(() => {
  vi.unstubAllGlobals()
})

/** A global `Date`. */
const makeDate = (isMock: boolean): object => (isMock ? { isMock } : {})

/** The time that a timer shows which is armed now. */
const shownTime = (): number => new ForeignTimer(5, false, () => undefined).now()

describe('on a clock for tests', () => {
  test('it is armed for exactly its duration, above the longest delay in steps', () => {
    const clock = scriptedClock()
    let expired = 0
    const longest = new ForeignTimer(LONGEST_DELAY, false, () => expired++)
    clock.fire()
    expect([expired, clock.armed]).toEqual([1, []])
    clock.time = 0
    const long = new ForeignTimer(2 * LONGEST_DELAY + 5, false, () => expired++)
    expect(clock.dues).toEqual([LONGEST_DELAY])
    clock.fire()
    expect(clock.dues).toEqual([2 * LONGEST_DELAY])
    clock.fire()
    expect([expired, clock.dues]).toEqual([1, [2 * LONGEST_DELAY + 5]])
    clock.fire()
    expect([expired, clock.armed]).toEqual([2, []])
    expect(long.now()).toBe(2 * LONGEST_DELAY + 5)
    longest.cancel()
  })

  test('it is cleared once, and not after it has fired', () => {
    const clock = scriptedClock()
    let clears = 0
    clock.clearTimeout = () => clears++
    const canceled = new ForeignTimer(5, false, () => undefined)
    canceled.cancel()
    canceled.cancel()
    expect(clears).toBe(1)
    clock.armed.length = 0
    const fired = new ForeignTimer(5, false, () => undefined)
    clock.fire()
    fired.cancel()
    expect(clears).toBe(1)
  })

  test('it keeps the process alive only if it should, as far as the clock can', () => {
    const clock = scriptedClock()
    let unrefs = 0
    const armed = [{ unref: () => unrefs++ }, { unref: () => unrefs++ }, 5, undefined]
    clock.setTimeout = () => armed.shift() as never
    new ForeignTimer(5, true, () => undefined).cancel()
    expect(unrefs).toBe(0)
    new ForeignTimer(5, false, () => undefined).cancel()
    expect(unrefs).toBe(1)
    for (let i = 0; i < 2; i++) new ForeignTimer(5, false, () => undefined).cancel()
  })

  test('a timer belongs to it until it expires or is stopped, and its time is then the real one again', () => {
    const clock = scriptedClock()
    let expired = 0
    const timer = new Timer(() => expired++, false)
    expect([isForeign(timer), timeOf(timer, 7)]).toEqual([false, 7])
    timer.start(2.5)
    clock.time = 1
    expect([isForeign(timer), timeOf(timer, 7), clock.dues]).toEqual([true, 1, [3]])
    clock.fire()
    expect([expired, isForeign(timer), timeOf(timer, 7)]).toEqual([1, false, 7])
    timer.start(2)
    timer.stop()
    expect([isForeign(timer), clock.armed]).toEqual([false, []])
    new Timer(() => expired++, false, true).start(1e6)
    expect(clock.armed).toEqual([])
  })

  test('a clock that fires what was cleared does no harm', () => {
    const clock = scriptedClock()
    clock.clearTimeout = () => undefined
    let expired = 0
    const timer = new Timer(() => expired++, false)
    timer.start(5)
    timer.stop()
    clock.fire()
    expect(expired).toBe(0)
  })
})

describe('on globals that were replaced', () => {
  /** What the replaced `clearTimeout` was called with. */
  let cleared: unknown[]

  /** Replaces the global timers. */
  function replace(timer: unknown, isMarked = false): void {
    cleared = []
    const arm = (): unknown => timer
    vi.stubGlobal('setTimeout', isMarked ? Object.assign(arm, { clock: {} }) : arm)
    vi.stubGlobal('clearTimeout', (given: unknown) => void cleared.push(given))
  }

  test.each([5, null, {}, 'id'])('whatever stands for a timer is cleared: %j', (timer) => {
    replace(timer)
    new ForeignTimer(5, false, () => undefined).cancel()
    expect(cleared).toEqual([timer])
  })

  test('nothing is cleared after they were replaced again', () => {
    replace({})
    const timer = new ForeignTimer(5, false, () => undefined)
    const before = cleared
    replace({})
    timer.cancel()
    expect([before, cleared]).toEqual([[], []])
  })

  describe('by node:test', () => {
    const timer = { priorityQueuePosition: 0 }

    test.each([
      ['while the same mocks are enabled, it is cleared', makeDate(true), undefined, 1],
      ['after they were enabled again, it is not, because others are in that place', makeDate(true), makeDate(true), 0],
      ['after they were disabled, it is not', makeDate(true), makeDate(false), 0],
      ['without a mocked Date, it cannot be known, so it is not', makeDate(false), undefined, 0],
    ])('%s', (_name, date, later, count) => {
      replace(timer)
      vi.stubGlobal('Date', date)
      const foreign = new ForeignTimer(5, false, () => undefined)
      if (later !== undefined) vi.stubGlobal('Date', later)
      foreign.cancel()
      expect(cleared).toHaveLength(count)
    })
  })

  test('the time is that of `performance`, unless timers are faked without it', () => {
    replace({})
    expect(shownTime()).toBeGreaterThan(0)
    replace({}, true)
    expect(shownTime()).toBeNaN()
    vi.stubGlobal('performance', { now: () => 77 })
    const foreign = new ForeignTimer(5, false, () => undefined)
    vi.unstubAllGlobals()
    expect(foreign.now()).toBe(77)
  })
})
