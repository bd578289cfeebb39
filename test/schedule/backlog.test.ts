/** How beats that could not be delivered in time are handled. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Backlog, POLICIES, type Beat } from '../../src/schedule/backlog.js'

const PERIOD = 10

/** Takes all beats that can be taken now. */
function takeAll(backlog: Backlog): Beat[] {
  const taken: Beat[] = []
  for (const beat: Beat = { index: 0, due: 0, missed: 0 }; backlog.take(beat);) taken.push({ ...beat })
  return taken
}

describe('beats that came in time', () => {
  it.each(POLICIES)('are delivered one by one (%s)', (policy) => {
    const backlog = new Backlog(policy, 3)
    for (let index = 0; index < 5; index++) {
      backlog.add(1, index, index * PERIOD, PERIOD, false)
      expect(takeAll(backlog)).toEqual([{ index, due: index * PERIOD, missed: 0 }])
    }
  })
})

describe('beats that came too late', () => {
  it.each(['coalesce', 'delay'] as const)('are delivered as one, the latest (%s)', (policy) => {
    const backlog = new Backlog(policy, 100)
    backlog.add(5000, 4999, 49_990, PERIOD, false)
    expect(takeAll(backlog)).toEqual([{ index: 4999, due: 49_990, missed: 4999 }])
  })

  it('are all delivered by a burst, the oldest first', () => {
    const backlog = new Backlog('burst', 100)
    backlog.add(3, 7, 70, PERIOD, false)
    expect(takeAll(backlog)).toEqual([
      { index: 5, due: 50, missed: 0 },
      { index: 6, due: 60, missed: 0 },
      { index: 7, due: 70, missed: 0 },
    ])
  })

  it('beyond the bound of a burst are missed', () => {
    const backlog = new Backlog('burst', 2)
    backlog.add(5000, 4999, 49_990, PERIOD, false)
    expect(takeAll(backlog)).toEqual([
      { index: 4998, due: 49_980, missed: 4998 },
      { index: 4999, due: 49_990, missed: 0 },
    ])
  })

  it('are due when they were, although the period has changed since', () => {
    const backlog = new Backlog('burst', 5)
    backlog.add(4, 3, 30, PERIOD, true)
    backlog.add(1, 4, 80, 50, true)
    // On another grid of the same period.
    backlog.add(2, 6, 190, 50, true)
    expect(takeAll(backlog)).toEqual([
      { index: 2, due: 20, missed: 2 },
      { index: 3, due: 30, missed: 0 },
      { index: 4, due: 80, missed: 0 },
      { index: 5, due: 140, missed: 0 },
      { index: 6, due: 190, missed: 0 },
    ])
    backlog.add(1, 7, 200, PERIOD, true)
    backlog.add(1, 8, 300, 50, true)
    backlog.drop()
    expect(backlog.uncounted).toBe(2)
    expect(takeAll(backlog)).toEqual([])
  })

  it('are missed whole where those of a newer grid take all the room of a burst', () => {
    const backlog = new Backlog('burst', 2)
    backlog.add(2, 1, 10, PERIOD, true)
    backlog.add(2, 3, 110, 50, true)
    expect(takeAll(backlog)).toEqual([
      { index: 2, due: 60, missed: 2 },
      { index: 3, due: 110, missed: 0 },
    ])
  })

  it('are dropped by skip, and reported with the next one', () => {
    const backlog = new Backlog('skip', 1)
    backlog.add(5, 4, 40, PERIOD, false)
    expect(takeAll(backlog)).toEqual([])
    expect(backlog.uncounted).toBe(5)
    backlog.add(1, 5, 50, PERIOD, false)
    expect(takeAll(backlog)).toEqual([{ index: 5, due: 50, missed: 5 }])
    expect(backlog.uncounted).toBe(0)
  })

  it('do not starve a body whose loop is always late', () => {
    const backlog = new Backlog('skip', 1)
    let bodies = 0
    for (let turn = 1; turn <= 10; turn++) {
      backlog.add(5, turn * 5 - 1, (turn * 5 - 1) * PERIOD, PERIOD, false)
      bodies += takeAll(backlog).length
    }
    expect(bodies).toBe(5)
  })

  it('because the body was running wait for its end, except with skip', () => {
    const coalesce = new Backlog('coalesce', 1)
    coalesce.add(1, 3, 30, PERIOD, true)
    coalesce.add(2, 5, 50, PERIOD, true)
    expect(takeAll(coalesce)).toEqual([{ index: 5, due: 50, missed: 2 }])
    const skip = new Backlog('skip', 1)
    skip.add(3, 5, 50, PERIOD, true)
    expect(takeAll(skip)).toEqual([])
    skip.add(1, 6, 60, PERIOD, false)
    expect(takeAll(skip)).toEqual([{ index: 6, due: 60, missed: 3 }])
  })

  it('and are dropped count as missed', () => {
    const backlog = new Backlog('burst', 10)
    backlog.add(4, 3, 30, PERIOD, true)
    backlog.drop()
    expect(takeAll(backlog)).toEqual([])
    expect(backlog.uncounted).toBe(4)
  })
})

describe('whatever comes', () => {
  const arrivals = fc.array(fc.record({ beats: fc.integer({ min: 1, max: 300 }), busy: fc.boolean() }))

  it.each(POLICIES)('every beat is delivered or missed, once, in order (%s)', (policy) => {
    fc.assert(
      fc.property(arrivals, fc.integer({ min: 1, max: 50 }), (list, bound) => {
        const backlog = new Backlog(policy, bound)
        const taken: Beat[] = []
        let passed = 0
        for (const { beats, busy } of list) {
          passed += beats
          backlog.add(beats, passed - 1, (passed - 1) * PERIOD, PERIOD, busy)
          if (!busy) taken.push(...takeAll(backlog))
        }
        taken.push(...takeAll(backlog))
        let last = -1
        for (const { index, due, missed } of taken) {
          expect(index).toBe(last + missed + 1)
          expect(due).toBe(index * PERIOD)
          last = index
        }
        expect(last + 1 + backlog.uncounted).toBe(passed)
      }),
    )
  })
})
