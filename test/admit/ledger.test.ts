/** The rules of reservations: what is spoken for, and which claim is next. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Claim } from '../../src/admit/claims.js'
import { PASSED_FOR_MS, fits, judge, spokenFor, type Entry, type Pool } from '../../src/admit/ledger.js'

interface Given extends Partial<Claim> {
  readonly key: string
  readonly levels?: readonly string[]
  readonly within?: string
  readonly tree?: string
  readonly grown?: number
}

function entry({ key, levels = ['memory', 'cpu'], within = '', tree = key, grown = 0, ...claim }: Given): Entry {
  return {
    key,
    levels: new Set(levels),
    within,
    tree,
    grown,
    claim: {
      number: 1,
      since: 0,
      at: 0,
      granted: 0,
      root: 1,
      base: 0,
      lacks: '',
      memory: 0,
      cpu: 0,
      lane: 'default',
      name: '',
      ...claim,
    },
  }
}

const held = (given: Given): Entry => entry({ granted: 1, ...given })
const memory = (free: number, id = 'memory'): Pool => ({ id, what: 'memory', free })
const next = (claim: Entry, others: readonly Entry[], pools: readonly Pool[], now = 0, idle = false): boolean =>
  judge(claim, others, pools, now, () => idle).granted

describe('what is spoken for', () => {
  it('is what was reserved less what was used', () => {
    expect(spokenFor([held({ key: 'a', memory: 10, grown: 3 })], 'memory', 'memory')).toBe(7)
    expect(spokenFor([held({ key: 'a', memory: 10, grown: 30 })], 'memory', 'memory')).toBe(0)
  })

  it('counts the growth of a tree once for all claims of it', () => {
    const both = [
      held({ key: 'a', tree: 't', memory: 10, grown: 12 }),
      held({ key: 'b', tree: 't', memory: 10, grown: 12 }),
    ]
    expect(spokenFor(both, 'memory', 'memory')).toBe(8)
    const apart = [held({ key: 'a', memory: 10, grown: 12 }), held({ key: 'b', memory: 10, grown: 0 })]
    expect(spokenFor(apart, 'memory', 'memory')).toBe(10)
  })

  it('is counted in the levels of a claim only', () => {
    const inGroup = held({ key: 'a', memory: 10, levels: ['memory', 'memory:7'] })
    const outside = held({ key: 'b', memory: 5 })
    expect(spokenFor([inGroup, outside], 'memory:7', 'memory')).toBe(10)
    expect(spokenFor([inGroup, outside], 'memory', 'memory')).toBe(15)
  })

  it('takes a claim within another out of that one', () => {
    const outer = held({ key: 'a', memory: 10, grown: 2, cpu: 2 })
    const inner = held({ key: 'b', memory: 5, within: 'a', cpu: 1 })
    expect(spokenFor([outer, inner], 'memory', 'memory')).toBe(8)
    expect(spokenFor([outer, inner], 'cpu', 'cpu')).toBe(2)
    const large = held({ key: 'c', memory: 12, within: 'a' })
    expect(spokenFor([outer, large], 'memory', 'memory')).toBe(12)
  })

  it('counts claims that contain each other', () => {
    const circle = [held({ key: 'a', memory: 4, within: 'b' }), held({ key: 'b', memory: 6, within: 'a' })]
    expect(spokenFor(circle, 'memory', 'memory')).toBe(6)
  })
})

describe('a claim', () => {
  it('is granted if every pool of it has room beside what is spoken for', () => {
    const claim = entry({ key: 'c', memory: 4, levels: ['memory', 'memory:7'] })
    const other = held({ key: 'a', memory: 10, levels: ['memory', 'memory:7'] })
    expect(fits(claim, [other], [memory(14), memory(14, 'memory:7')])).toEqual({ granted: true })
    expect(fits(claim, [other], [memory(20), memory(13, 'memory:7')])).toMatchObject({ lacks: 'memory:7' })
    expect(fits(claim, [other], [memory(13), memory(20, 'memory:7')])).toMatchObject({ lacks: 'memory' })
  })

  it('waits behind an older one of its lane that does not fit', () => {
    const large = entry({ key: 'a', memory: 20, since: 1 })
    const small = entry({ key: 'b', memory: 1, since: 2 })
    expect(judge(small, [large], [memory(10)], 3, () => false)).toEqual({
      granted: false,
      lacks: 'memory',
      behind: 'a',
    })
    expect(next(large, [small], [memory(20)])).toBe(true)
  })

  it('waits for the next older one, so that a change wakes only that', () => {
    const all = [1, 2, 3].map((since) => entry({ key: `k${since}`, memory: 20, since }))
    expect(judge(all[2]!, all.slice(0, 2), [memory(10)], 9, () => false)).toMatchObject({ behind: 'k2' })
  })

  it('leaves room for an older one that fits but has not taken it yet, unless that is idle', () => {
    const older = entry({ key: 'a', memory: 6, since: 1 })
    const younger = entry({ key: 'b', memory: 6, since: 2 })
    expect(next(younger, [older], [memory(10)])).toBe(false)
    expect(next(younger, [older], [memory(12)])).toBe(true)
    expect(next(younger, [older], [memory(10)], 3, true)).toBe(true)
  })

  it('passes an older one of another lane, for a minute', () => {
    const large = entry({ key: 'a', memory: 20, since: 1, lane: 'batch' })
    const small = entry({ key: 'b', memory: 1, since: 2 })
    expect(next(small, [large], [memory(10)], 3)).toBe(true)
    expect(next(small, [large], [memory(10)], PASSED_FOR_MS + 1)).toBe(false)
  })

  it('waits if too many older ones have to be compared first', () => {
    const older = Array.from({ length: 200 }, (_, index) =>
      entry({ key: String(index), since: index, lane: `lane${index}`, memory: 20 }),
    )
    const claim = entry({ key: 'mine', since: 1000, memory: 1 })
    expect(judge(claim, older.slice(0, 100), [memory(10)], 1000, () => false)).toEqual({ granted: true })
    expect(judge(claim, older, [memory(10)], 1000, () => false)).toMatchObject({ granted: false, behind: '128' })
  })

  it('does not wait for one that lacks something in another pool', () => {
    const inGroup = entry({ key: 'a', memory: 5, since: 1, levels: ['memory', 'memory:7'], lacks: 'memory:7' })
    expect(next(entry({ key: 'b', memory: 8, since: 2 }), [inGroup], [memory(10)])).toBe(true)
  })

  it('within a granted one waits for no other, and takes what that one has not used, however little is free', () => {
    const outer = held({ key: 'a', memory: 10 })
    const waiting = entry({ key: 'w', memory: 9, since: 1 })
    const inner = entry({ key: 'b', memory: 8, since: 2, within: 'a' })
    expect(next(inner, [outer, waiting], [memory(0)])).toBe(true)
    expect(next(entry({ key: 'c', memory: 11, within: 'a' }), [outer], [memory(10)])).toBe(false)
    expect(next(entry({ key: 'd', memory: 8, since: 2, within: 'gone' }), [outer], [memory(0)])).toBe(false)
  })

  it('never waits for one that waits for it', () => {
    const claims = fc.array(
      fc.record({ memory: fc.nat(30), since: fc.nat(5), lane: fc.constantFrom('x', 'y'), granted: fc.nat(1) }),
      { maxLength: 8 },
    )
    fc.assert(
      fc.property(claims, fc.nat(40), (list, free) => {
        const all = list.map((each, index) => entry({ key: `k${index}`, ...each }))
        const waiting = all.filter(({ claim }) => claim.granted === 0)
        const pools = [memory(free)]
        const verdicts = waiting.map((each) =>
          judge(
            each,
            all.filter((other) => other !== each),
            pools,
            9,
            () => false,
          ),
        )
        // If the oldest one fits, it is next; so whenever something fits, at least one claim is granted.
        const oldest = waiting.toSorted((a, b) => a.claim.since - b.claim.since || (a.key < b.key ? -1 : 1))[0]
        if (oldest === undefined) return true
        const holders = all.filter(({ claim }) => claim.granted > 0)
        expect(verdicts[waiting.indexOf(oldest)]!.granted).toBe(fits(oldest, holders, pools).granted)
        // What is granted together fits together.
        const chosen = waiting.filter((_, index) => verdicts[index]!.granted && waiting[index]!.claim.memory > 0)
        const sum = [...holders, ...chosen].reduce((total, { claim }) => total + claim.memory, 0)
        return chosen.length === 0 || sum <= free
      }),
    )
  })
})
