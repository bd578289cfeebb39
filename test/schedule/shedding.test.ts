/** Tickers under guards: which slow down, pause and come back, and in which order. */
import { describe, expect, it } from 'vitest'
import { guard } from '../../src/monitor/guard.js'
import type { TickerState } from '../../src/schedule/tick.js'
import { every, type Ticker, type TickerOptions } from '../../src/schedule/ticker.js'
import { eventually } from '../helpers/eventually.js'
import type { FakeMachine } from '../helpers/fake-machine.js'
import { onFreshMachines } from '../helpers/fresh-machine.js'

let machine: FakeMachine
onFreshMachines((fresh) => (machine = fresh))

const rest = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe('while its guard is breached', () => {
  it('a ticker pauses, and goes on afterwards', async () => {
    using memory = guard({ memory: 90 }, { within: 10 })
    let bodies = 0
    const ticker = every(1, () => void bodies++, { guard: memory })
    await eventually(() => bodies > 3)
    machine.setMemory(95)
    await eventually(() => ticker.state === 'paused')
    const before = bodies
    await rest(30)
    expect(bodies).toBe(before)
    // The ticker must not resume within the hysteresis.
    machine.setMemory(85)
    await rest(50)
    expect(ticker.state).toBe('paused')
    machine.setMemory(50)
    await eventually(() => bodies > before + 3)
    expect(ticker.stats.paused).toBeGreaterThan(50)
    await ticker.close()
  })

  it('a ticker comes back only when the guard has been clear for `clearFor`', async () => {
    using memory = guard({ memory: { above: 90, clearFor: '1h' } }, { within: 10 })
    const ticker = every(1, () => undefined, { guard: memory })
    machine.setMemory(95)
    await eventually(() => ticker.state === 'paused')
    machine.setMemory(10)
    await eventually(() => memory.state === 'clearing')
    await rest(50)
    expect(ticker.state).toBe('paused')
    await ticker.close()
  })

  it('a ticker slows down, and is as fast as before afterwards', async () => {
    using memory = guard({ memory: 90 }, { within: 10 })
    const dues: number[] = []
    const states: TickerState[] = []
    const ticker = every('2ms', (_cancel, tick) => void dues.push(tick.due), {
      guard: memory,
      whileBreached: { slow: 5 },
      onState: (state) => states.push(state),
    })
    machine.setMemory(95)
    await eventually(() => ticker.state === 'slowed')
    const slowedAt = dues.length
    await eventually(() => dues.length > slowedAt + 5)
    const slow = dues.slice(slowedAt + 2)
    for (const due of slow) expect(((due - slow[0]! + 5) % 10) - 5).toBeCloseTo(0, 2)
    expect(ticker.period).toBe(2)
    machine.setMemory(50)
    await eventually(() => ticker.state === 'running')
    const restoredAt = dues.length
    await eventually(() => dues.length > restoredAt + 20)
    const fast = dues.slice(restoredAt + 2)
    for (const due of fast) expect(((due - fast[0]! + 1) % 2) - 1).toBeCloseTo(0, 2)
    await ticker.close()
    expect(states).toEqual(['slowed', 'running', 'closed'])
    expect(ticker.stats.slowed).toBeGreaterThan(0)
  })

  it('a ticker ends, with the evidence', async () => {
    let bodies = 0
    using memory = guard({ memory: 90 }, { within: 10 })
    const ticker = every(1, () => void bodies++, { guard: memory, whileBreached: 'cancel' })
    await eventually(() => bodies > 0)
    machine.setMemory(95)
    const reason = await ticker.done
    expect(reason).toMatchObject({ kind: 'resource', breach: { metric: 'memory', value: 95, limit: 90 } })
  })

  it('a ticker goes on if a breach must not change anything', async () => {
    machine.setMemory(95)
    using memory = guard({ memory: 90 })
    let bodies = 0
    const ticker = every(1, () => void bodies++, { guard: memory, whileBreached: 'run' })
    await eventually(() => bodies > 10)
    expect(ticker.state).toBe('running')
    await ticker.close()
  })

  it('a new ticker does not even begin', async () => {
    machine.setMemory(95)
    using memory = guard({ memory: 90 }, { within: 10 })
    let bodies = 0
    const ticker = every(1, () => void bodies++, { guard: memory })
    expect(ticker.state).toBe('paused')
    await rest(20)
    expect(bodies).toBe(0)
    machine.setMemory(50)
    await eventually(() => bodies > 0)
    await ticker.close()
  })

  it('a ticker goes on under a dry-run guard', async () => {
    machine.setMemory(95)
    using memory = guard({ memory: 90 }, { dryRun: true })
    let bodies = 0
    const ticker = every(1, () => void bodies++, { guard: memory })
    await eventually(() => bodies > 3)
    await ticker.close()
  })

  it('a pause by its owner counts too: it resumes when neither has paused it', async () => {
    using memory = guard({ memory: 90 }, { within: 10 })
    const ticker = every(1, () => undefined, { guard: memory })
    ticker.pause()
    machine.setMemory(95)
    await eventually(() => memory.isBreached)
    await rest(10)
    ticker.resume()
    expect(ticker.state).toBe('paused')
    ticker.pause()
    machine.setMemory(50)
    await eventually(() => !memory.isBreached)
    await rest(300)
    expect(ticker.state).toBe('paused')
    ticker.resume()
    expect(ticker.state).toBe('running')
    await ticker.close()
  })

  it('a ticker goes on when the guard is closed', async () => {
    machine.setMemory(95)
    const memory = guard({ memory: 90 })
    let bodies = 0
    const ticker = every(1, () => void bodies++, { guard: memory })
    expect(ticker.state).toBe('paused')
    memory.close()
    await eventually(() => bodies > 0)
    await ticker.close()
  })

  it('a ticker does not start under a guard that is closed', () => {
    const memory = guard({ memory: 90 })
    memory.close()
    expect(() => every(1, () => undefined, { guard: memory })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
    )
  })

  it('a ticker may close itself and others when it is notified', async () => {
    using memory = guard({ memory: 90 }, { within: 10 })
    const tickers: Ticker[] = []
    const onState = (): void => tickers.forEach((each) => void each.close())
    for (let priority = 0; priority < 5; priority++) tickers.push(every(1, () => undefined, { guard: memory, onState }))
    machine.setMemory(95)
    await Promise.all(tickers.map((each) => each.done))
    expect(tickers.map(({ state }) => state)).toEqual(Array(5).fill('closed'))
  })
})

describe('tickers that come and go', () => {
  it('leave nothing on their guard: later ones still give way one priority at a time', async () => {
    using memory = guard({ memory: 90 }, { within: 10 })
    await every(1, () => undefined, { guard: memory }).close()
    const [low, high] = [1, 2].map((priority) => every(1, () => undefined, { guard: memory, priority }))
    const states: TickerState[][] = []
    memory.on('breach', () => states.push([low!.state, high!.state]))
    machine.setMemory(95)
    await eventually(() => states.length > 0)
    expect(states).toEqual([['paused', 'running']])
    await Promise.all([low!.close(), high!.close()])
  })

  it('leave those that stay under their guard', async () => {
    using memory = guard({ memory: 90 }, { within: 10 })
    const [stays, leaves] = [1, 2].map(() => every(1, () => undefined, { guard: memory }))
    await leaves!.close()
    machine.setMemory(95)
    await eventually(() => stays!.state === 'paused')
    expect(leaves!.state).toBe('closed')
    await stays!.close()
  })
})

describe('a hundred tickers of mixed periods and priorities', () => {
  const PRIORITIES = [3, 0, 2, 1]

  interface Move {
    readonly ticker: number
    readonly priority: number
    readonly state: TickerState
  }

  function makeHundred(moves: Move[], options: TickerOptions): { tickers: Ticker[]; firsts: Map<number, number> } {
    const firsts = new Map<number, number>()
    const tickers = Array.from({ length: 100 }, (_, ticker) => {
      const priority = PRIORITIES[ticker % PRIORITIES.length]!
      return every(
        1 + (ticker % 7) * 3,
        (_cancel, tick) => {
          if (!firsts.has(ticker)) firsts.set(ticker, tick.due)
        },
        { ...options, priority, onState: (state) => moves.push({ ticker, priority, state }) },
      )
    })
    return { tickers, firsts }
  }

  it('pause from the lowest priority up, and come back from the highest down, spread out', async () => {
    using memory = guard({ memory: 90 }, { within: 10 })
    const moves: Move[] = []
    // With a burst, the first body belongs to the first beat, even if this machine stands still for a moment.
    const { tickers, firsts } = makeHundred(moves, { guard: memory, missed: 'burst', maxBurst: Infinity })
    await eventually(() => firsts.size === 100)

    machine.setMemory(95)
    await eventually(() => moves.length === 100)
    expect(moves.every((move) => move.state === 'paused')).toBe(true)
    const down = moves.map((move) => move.priority)
    expect(down).toEqual(down.toSorted((a, b) => a - b))

    // Longer than any period, so each ticker has a beat to make up for.
    await rest(50)
    moves.length = 0
    firsts.clear()
    machine.setMemory(50)
    await eventually(() => moves.length === 100 && firsts.size === 100)
    expect(moves.every((move) => move.state === 'running')).toBe(true)
    const up = moves.map((move) => move.priority)
    expect(up).toEqual(up.toSorted((a, b) => b - a))

    // Their first beats come in the same order, and those of one priority at different times.
    const inOrder = moves.map((move) => firsts.get(move.ticker)!)
    for (const priority of PRIORITIES) {
      const beats = moves.flatMap((move, place) => (move.priority === priority ? [inOrder[place]!] : []))
      expect(new Set(beats.map((due) => due.toFixed(2))).size).toBeGreaterThan(20)
      expect(beats).toEqual(beats.toSorted((a, b) => a - b))
    }
    await Promise.all(tickers.map((each) => each.close()))
  })

  it('keep the highest priority running through a breach that is soon over', async () => {
    using memory = guard({ memory: 90 }, { within: 10 })
    const moves: Move[] = []
    const { tickers } = makeHundred(moves, { guard: memory })
    machine.setMemory(95)
    await eventually(() => moves.length >= 25)
    machine.setMemory(50)
    await eventually(() => !memory.isBreached && tickers.every((each) => each.state === 'running'))
    const paused = moves.filter((move) => move.state === 'paused').map((move) => move.priority)
    expect(paused.slice(0, 25).every((priority) => priority === 0)).toBe(true)
    expect(paused).toEqual(paused.toSorted((a, b) => a - b))
    await Promise.all(tickers.map((each) => each.close()))
  })
})
