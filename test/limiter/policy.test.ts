/** The policy of limiters on a clock of its own: many kinds of load on a machine that is a model. */
import { array, assert, boolean, constantFrom, double, integer, nat, property, record, tuple } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FIRST_PACE, pace } from '../../src/limiter/latency.js'
import { firstState, nextState, nextCut, type Outlook, type Observation } from '../../src/limiter/policy.js'
import { SETTINGS, between, changesOf, cutsOf, play, type Scenario } from './model.js'

const limitsOf = (scenario: Scenario): number[] => play(scenario).map(({ limit }) => limit)

describe('growth', () => {
  it('adds one step per interval while the guards are clear and the limit is used, up to max', () => {
    const moments = play({ seconds: 20, capacity: () => 1000 })
    const changes = changesOf(moments)
    expect(changes.every(({ from, to }) => to - from === SETTINGS.step || to === SETTINGS.max)).toBe(true)
    expect(changes.slice(1).every(({ at }, index) => at - changes[index]!.at >= SETTINGS.interval)).toBe(true)
    expect(moments.at(-1)!.limit).toBe(SETTINGS.max)
  })

  it('does not happen while the limit is not used', () => {
    expect(new Set(limitsOf({ seconds: 30, demand: () => 3 }))).toEqual(new Set([SETTINGS.initial]))
  })

  it('follows bursts only as far as they use the limit', () => {
    const moments = play({ seconds: 60, demand: (at) => (at % 5000 < 500 ? 12 : 1) })
    expect(Math.max(...moments.map(({ limit }) => limit))).toBeLessThanOrEqual(12 + SETTINGS.step)
    expect(cutsOf(moments)).toEqual([])
  })

  it('waits while a guard is pending or clearing', () => {
    expect(new Set(limitsOf({ seconds: 30, outlook: () => 'wary' }))).toEqual(new Set([SETTINGS.initial]))
  })

  it('goes to the first limit again, and no further, while a guard is unavailable', () => {
    const moments = play({ seconds: 40, outlook: (at) => (at < 5000 ? 'breached' : 'unknown') })
    expect(between(moments, 4, 5).at(-1)!.limit).toBe(SETTINGS.min)
    expect(moments.at(-1)!.limit).toBe(SETTINGS.initial)
  })

  it('keeps what it had when a guard becomes unavailable', () => {
    const moments = play({ seconds: 40, outlook: (at) => (at < 10_000 ? 'clear' : 'unknown') })
    expect(moments.at(-1)!.limit).toBe(between(moments, 9.9, 10).at(-1)!.limit)
    expect(moments.at(-1)!.limit).toBeGreaterThan(SETTINGS.initial)
  })

  it('stops while tasks take more than twice as long as usual, and goes on when that is usual', () => {
    const heavier: Scenario = {
      seconds: 60,
      weight: (at) => (at < 8000 ? 1 : 9),
      outlook: () => 'clear',
      latency: true,
    }
    const plain = play({ ...heavier, latency: false })
    const hinted = play(heavier)
    const before = between(hinted, 7.9, 8).at(-1)!.limit
    expect(between(plain, 12, 12)[0]!.limit).toBeGreaterThan(before + SETTINGS.step)
    expect(between(hinted, 12, 12)[0]!.limit).toBeLessThanOrEqual(before + SETTINGS.step)
    expect(hinted.at(-1)!.limit).toBe(SETTINGS.max)
  })
})

describe('a cut', () => {
  it('halves the limit once for one breach', () => {
    const moments = play({
      seconds: 30,
      capacity: () => 1000,
      outlook: (at) => (at === 15_000 ? 'breached' : undefined),
    })
    const cuts = cutsOf(moments)
    expect(cuts).toHaveLength(1)
    expect(cuts[0]!.to).toBe(Math.floor(cuts[0]!.from / 2))
    expect(moments.at(-1)!.limit).toBeGreaterThan(SETTINGS.max * 0.8)
  })

  it('is followed by the next one only after the hold', () => {
    const cuts = cutsOf(play({ seconds: 30, outlook: (at) => (at >= 10_000 ? 'breached' : 'clear') }))
    expect(cuts.length).toBeGreaterThan(3)
    expect(cuts.slice(1).every(({ at }, index) => at - cuts[index]!.at >= SETTINGS.hold)).toBe(true)
    expect(cuts.at(-1)!.to).toBe(SETTINGS.min)
  })

  it('counts its hold from when the running tasks have come down to it', () => {
    const cuts = cutsOf(play({ seconds: 40, duration: 10_000, outlook: (at) => (at >= 15_000 ? 'breached' : 'clear') }))
    expect(cuts[1]!.at - cuts[0]!.at).toBeGreaterThan(4000)
  })

  it('starts from what runs, if that is less than the limit, but takes three quarters at most', () => {
    const settings = { ...SETTINGS, max: 100, initial: 80 }
    const observation: Observation = {
      now: 5000,
      active: 50,
      used: false,
      outlook: 'breached',
      broke: true,
      slow: false,
    }
    expect(nextState(settings, firstState(settings, 0), observation).limit).toBe(25)
    expect(nextState(settings, firstState(settings, 0), { ...observation, active: 0 }).limit).toBe(20)
    expect(nextState(settings, firstState(settings, 0), { ...observation, active: 80, used: true }).limit).toBe(40)
  })

  it('comes at most once per hold from a guard that flaps', () => {
    const moments = play({
      seconds: 60,
      capacity: () => 1000,
      outlook: (at) => (at % 300 === 0 ? 'breached' : 'clear'),
    })
    const cuts = cutsOf(moments)
    expect(cuts.slice(1).every(({ at }, index) => at - cuts[index]!.at >= SETTINGS.hold)).toBe(true)
  })

  it('is due again only while the breach lasts', () => {
    const observation: Observation = { now: 5000, active: 4, used: true, outlook: 'breached', broke: true, slow: false }
    const cut = nextState(SETTINGS, firstState(SETTINGS, 0), observation)
    expect(cut).toMatchObject({ limit: 2, settling: true })
    expect(nextCut(SETTINGS, cut, 'breached')).toBe(Infinity)
    const settled = nextState(SETTINGS, cut, { ...observation, now: 5100, active: 2 })
    expect(nextCut(SETTINGS, settled, 'breached')).toBe(5100 + SETTINGS.hold)
    expect(nextCut(SETTINGS, settled, 'clear')).toBe(Infinity)
  })
})

describe('a machine under load', () => {
  it('is found to take what it can: the limit stays near the capacity', () => {
    const settled = between(play({ seconds: 120 }), 30, 120)
    const mean = settled.reduce((sum, { limit }) => sum + limit, 0) / settled.length
    expect(mean).toBeGreaterThan(18)
    expect(mean).toBeLessThan(34)
    // Near the load at which it broke, it grows slowly: one breach per several seconds.
    expect(cutsOf(settled).length).toBeLessThan(18)
  })

  it('is relieved of tasks that become five times as heavy, and is used again afterwards', () => {
    const moments = play({ seconds: 60, weight: (at) => (at >= 20_000 && at < 25_000 ? 5 : 1) })
    expect(between(moments, 23.5, 25).every(({ load }) => load <= 32 * 1.25)).toBe(true)
    expect(Math.min(...moments.map(({ limit }) => limit))).toBeGreaterThan(1)
    expect(Math.max(...between(moments, 25, 40).map(({ limit }) => limit))).toBeGreaterThan(24)
  })

  it('is followed when its capacity shrinks slowly', () => {
    const moments = play({ seconds: 180, capacity: (at) => 40 - at / 6000 })
    const late = between(moments, 150, 180)
    expect(late.filter(({ outlook }) => outlook === 'breached').length).toBeLessThan(late.length / 3)
    expect(Math.max(...late.map(({ limit }) => limit))).toBeLessThan(18)
  })

  it('that can take nothing gets the least, and with a least of 0 nothing', () => {
    expect(play({ seconds: 20, capacity: () => 0 }).at(-1)!.limit).toBe(1)
    expect(play({ seconds: 20, settings: { min: 0 }, outlook: () => 'breached' }).at(-1)!.limit).toBe(0)
  })
})

describe('whatever is seen', () => {
  const observation = record({
    passed: integer({ min: 0, max: 3000 }),
    active: integer({ min: 0, max: 100 }),
    used: boolean(),
    outlook: constantFrom<Outlook>('clear', 'wary', 'breached', 'unknown'),
    broke: boolean(),
    slow: boolean(),
  })
  const settings = tuple(
    nat(8),
    nat(60),
    nat(1000),
    integer({ min: 1, max: 9 }),
    double({ min: 0.01, max: 0.99, noNaN: true }),
  ).map(([min, more, first, step, factor]) => {
    const max = Math.max(1, min + more)
    return { min, max, initial: min + (first % (max - min + 1)), step, factor, interval: 500, hold: 1000 }
  })

  it('the limit is a whole number from min to max, and is cut at most once per hold', () => {
    assert(
      property(settings, array(observation, { maxLength: 200 }), (given, sights) => {
        let state = firstState(given, 0)
        let now = 0
        let cutAt = -Infinity
        for (const { passed, ...seen } of sights) {
          now += passed
          const next = nextState(given, state, { now, ...seen })
          expect(Number.isInteger(next.limit)).toBe(true)
          expect(next.limit).toBeGreaterThanOrEqual(given.min)
          expect(next.limit).toBeLessThanOrEqual(given.max)
          expect(next.limit - state.limit).toBeLessThanOrEqual(given.step)
          if (next.limit < state.limit) {
            expect(now - cutAt).toBeGreaterThanOrEqual(given.hold)
            expect(next.limit).toBeGreaterThanOrEqual(Math.floor(state.limit * given.factor ** 2) - 1)
            cutAt = now
          }
          state = next
        }
      }),
    )
  })
})

describe('the pace', () => {
  it('is slow at more than twice the usual mean, until that is usual', () => {
    let each = pace(FIRST_PACE, 100, 10)
    expect(each).toEqual({ usual: 10, slow: false })
    each = pace(each, 250, 10)
    expect(each.slow).toBe(true)
    let intervals = 0
    for (; each.slow; intervals++) each = pace(each, 250, 10)
    expect(intervals).toBeGreaterThan(3)
    expect(pace(each, 0, 0)).toBe(each)
  })
})
