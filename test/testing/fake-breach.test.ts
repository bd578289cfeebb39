/** Fake breaches: everything that depends on a guard behaves as in a real breach, whatever this machine does. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  Cancelable,
  MetricUnavailableError,
  ResourceCancelation,
  describeBreach,
  every,
  guard,
  samplerStats,
  type Breach,
  type BreachMessage,
  type Guard,
} from '../../src/index.js'
import { fakeBreach, useClock } from '../../src/testing/index.js'
import { eventually } from '../helpers/eventually.js'
import { FakeMachine } from '../helpers/fake-machine.js'

let machine: FakeMachine
beforeEach(() => {
  machine = new FakeMachine()
})
afterEach(() => machine[Symbol.dispose]())

/** Sources of one machine are kept until the thread stops. */
async function threadStops(): Promise<void> {
  await eventually(() => samplerStats()?.running !== true, 'the thread stops with the last guard')
}

/** Records the arguments of a guard's listeners, in order. */
function eventsOf(watched: Guard): string[] {
  const seen: string[] = []
  watched.on('breach', (breach) => seen.push(`breach: ${describeBreach(breach)}`))
  watched.on('clear', () => seen.push('clear'))
  watched.on('unavailable', (error) => seen.push(`unavailable: ${error.metric}`))
  return seen
}

describe('a faked breach of a guard', () => {
  afterEach(threadStops)

  it('takes effect at once, with evidence, and is reported in a later turn', async () => {
    using watched = guard({ memory: 90, 'disk.free': { below: '1MB' } })
    const seen = eventsOf(watched)
    const { signal } = watched
    const before = performance.now()
    using breach = fakeBreach(watched, 'memory', '95%')
    expect(watched.state).toBe('breached')
    expect(watched.breachCount).toBe(1)
    expect(breach).toMatchObject({ metric: 'memory', value: 95, guards: [watched] })
    const [evidence] = watched.breaches
    expect(watched.breaches).toHaveLength(1)
    expect(evidence).toMatchObject({ metric: 'memory', value: 95, limit: 90, direction: 'above', unit: '%' })
    expect(evidence).toMatchObject({ origin: 'tripline/testing', recent: [95] })
    expect(evidence!.at).toBeGreaterThanOrEqual(before - 1)
    expect(describeBreach(evidence!)).toBe('memory 95.0% > 90.0%')
    expect([seen, signal.aborted]).toEqual([[], false])
    await eventually(() => seen.length === 1)
    expect(seen).toEqual(['breach: memory 95.0% > 90.0%'])
    expect(signal.reason).toBeInstanceOf(ResourceCancelation)
    breach.clear()
    expect(watched.isBreached).toBe(false)
    await watched.whenClear()
    await eventually(() => seen.length === 2)
    expect(seen[1]).toBe('clear')
    expect(watched.latestBreaches).toEqual([evidence])
  })

  it('cancels the operations under the guard, also inside code that never yields', async () => {
    using watched = guard({ memory: 90 }, { name: 'ram' })
    const published: BreachMessage[] = []
    const listener = (message: unknown): unknown => published.push(message as BreachMessage)
    subscribe('tripline:breach', listener)
    const waiting = Cancelable.run((cancel) => cancel.sleep('1h'), { resources: watched })
    const blocked = new Cancelable({ resources: watched }).enter()
    expect(blocked.isCanceled).toBe(false)
    using breach = fakeBreach(watched, 'memory', 95)
    expect(blocked.isCanceled).toBe(true)
    blocked[Symbol.dispose]()
    const error = await waiting.then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(ResourceCancelation)
    expect((error as ResourceCancelation).reason).toMatchObject({ guard: 'ram', breach: { value: 95 } })
    await eventually(() => published.length === 1)
    unsubscribe('tripline:breach', listener)
    expect(published[0]!.guard).toBe(watched)
    await expect(Cancelable.run(() => 'never', { resources: watched })).rejects.toBeInstanceOf(ResourceCancelation)
    breach.clear()
    await expect(Cancelable.run(() => 'runs', { resources: watched })).resolves.toBe('runs')
  })

  it('cancels nothing if the guard only watches', async () => {
    using watched = guard({ memory: 90 }, { dryRun: true })
    const seen = eventsOf(watched)
    const operation = Cancelable.run((cancel) => cancel.sleep(100), { resources: watched })
    using breach = fakeBreach(watched, 'memory', 95)
    await operation
    expect(seen).toHaveLength(1)
    expect(breach.guards).toEqual([watched])
  })

  it('pauses a ticker', async () => {
    using watched = guard({ memory: 90 })
    await using ticker = every(5, () => {}, { guard: watched, whileBreached: 'pause' })
    const breach = fakeBreach(watched, 'memory', 95)
    await eventually(() => ticker.state === 'paused')
    breach[Symbol.dispose]()
    await eventually(() => ticker.state === 'running')
  })

  it('makes the guard ignore the machine until it is disposed of', async () => {
    machine.setMemory(99)
    using watched = guard({ memory: 90, swap: { above: 50, onMissing: 'ignore' } }, { within: 10, minHold: '1h' })
    const seen = eventsOf(watched)
    await eventually(() => seen.length === 1)
    const breach = fakeBreach(watched, 'swap', 60)
    // The machine's own breach and its hold are over for the guard.
    expect(watched.breaches.map(({ metric }) => metric)).toEqual(['swap'])
    expect(watched.breachCount).toBe(2)
    breach[Symbol.dispose]()
    expect(watched.breaches.map(({ metric }) => metric)).toEqual(['memory'])
    expect(watched.breachCount).toBe(3)
    await eventually(() => seen.length >= 2)
    machine.setMemory(50)
    expect(watched.latestBreaches[0]!.origin).toBe(`${machine.root}/proc/meminfo`)
  })

  it('keeps its evidence and is reported, even if it is disposed of in the same turn', async () => {
    using watched = guard({ memory: 90 })
    const breaches: Breach[] = []
    const seen = eventsOf(watched)
    watched.on('breach', (each) => breaches.push(each))
    fakeBreach(watched, 'memory', 95)[Symbol.dispose]()
    expect(watched.isBreached).toBe(false)
    await eventually(() => seen.length === 2)
    expect(seen).toEqual(['breach: memory 95.0% > 90.0%', 'clear'])
    expect(breaches[0]!.value).toBe(95)
    expect(watched.latestBreaches).toEqual(breaches)
  })

  it('can be combined with others', () => {
    using watched = guard({ memory: 90, load: 5 }, { mode: 'all' })
    const memory = fakeBreach(watched, 'memory', 95)
    expect(watched.isBreached).toBe(false)
    const load = fakeBreach(watched, 'load', 6)
    expect(watched.state).toBe('pending')
    memory[Symbol.dispose]()
    load[Symbol.dispose]()
    const first = fakeBreach(watched, 'memory', 95)
    const second = fakeBreach(watched, 'memory', 96)
    first[Symbol.dispose]()
    expect(second.guards).toEqual([watched])
    second[Symbol.dispose]()
    second[Symbol.dispose]()
    second.clear()
    expect(watched.state).toBe('clear')
  })

  it('survives the end of its guard', () => {
    const watched = guard({ memory: 90 })
    const breach = fakeBreach(watched, 'memory', 95)
    watched.close()
    expect(breach.guards).toEqual([])
    breach.clear()
    breach[Symbol.dispose]()
    expect(watched.breachCount).toBe(1)
  })
})

describe('a faked breach of a guard with conditions too', () => {
  afterEach(threadStops)

  it('takes effect beside them', async () => {
    using watched = guard({ memory: 90, conditions: { ready: { check: () => true, interval: 1 } } })
    const seen = eventsOf(watched)
    using breach = fakeBreach(watched, 'memory', 95)
    expect(watched.state).toBe('breached')
    expect(watched.breaches).toMatchObject([{ metric: 'memory', value: 95 }])
    breach.clear()
    expect(watched.state).toBe('clear')
    await eventually(() => seen.length === 2)
  })

  it('leaves these to their checks', async () => {
    let isReady = true
    const conditions = { ready: { check: () => isReady, interval: 1 } }
    using watched = guard({ memory: 90, conditions })
    using breach = fakeBreach(watched, 'memory', 95)
    breach.clear()
    isReady = false
    await eventually(() => watched.isBreached)
    expect(watched.breaches).toMatchObject([{ metric: 'ready', unit: 'condition' }])
    isReady = true
    await eventually(() => !watched.isBreached)
  })

  it('holds what a condition has breached on the same clock', async () => {
    using clock = useClock()
    let isReady = true
    const limits = { memory: { above: 90, for: '1h' } }
    using breach = fakeBreach(limits, 'memory', 95)
    const conditions = { ready: { check: () => isReady, interval: '1s' } }
    using watched = guard({ ...limits, conditions }, { minHold: '10s' })
    expect(breach.guards).toEqual([watched])
    const seen = eventsOf(watched)
    isReady = false
    await clock.advance('1s')
    expect(watched.state).toBe('breached')
    isReady = true
    await clock.advance('9999ms')
    expect(watched.state).toBe('clearing')
    await clock.advance('1ms')
    // The metric is still beyond its line, but not for long enough.
    expect(watched.state).toBe('pending')
    await eventually(() => seen.length === 2)
  })

  it('needs all of them where the guard does', async () => {
    let isReady = true
    const conditions = { ready: { check: () => isReady, interval: 1 } }
    using watched = guard({ memory: 90, conditions }, { mode: 'all' })
    using breach = fakeBreach(watched, 'memory', 95)
    expect([watched.state, breach.value]).toEqual(['clear', 95])
    isReady = false
    await eventually(() => watched.isBreached)
    expect(watched.breaches).toHaveLength(2)
  })
})

describe('`for`, `clearFor` and `minHold` of a faked breach', () => {
  afterEach(threadStops)

  it('pass on a test clock', async () => {
    using clock = useClock()
    using watched = guard({ memory: { above: 90, for: '5s', clearFor: '2s' } }, { minHold: '10s' })
    const seen = eventsOf(watched)
    using breach = fakeBreach(watched, 'memory', 95)
    expect(watched.state).toBe('pending')
    await clock.advance('4999ms')
    expect(watched.state).toBe('pending')
    await clock.advance(1)
    expect(watched.state).toBe('breached')
    expect(seen).toEqual(['breach: memory 95.0% > 90.0% for 5s'])
    breach.clear()
    expect(watched.state).toBe('clearing')
    await clock.advance('2s')
    expect(watched.state).toBe('clearing')
    await clock.advance('7999ms')
    expect(watched.state).toBe('clearing')
    await clock.advance('1ms')
    expect(watched.state).toBe('clear')
    expect(seen).toHaveLength(2)
  })

  it('pass in real time without one', async () => {
    using watched = guard({ memory: { above: 90, for: 50 } })
    const seen = eventsOf(watched)
    using breach = fakeBreach(watched, 'memory', 95)
    expect(watched.state).toBe('pending')
    await eventually(() => seen.length === 1)
    const [{ since, at }] = watched.breaches as [Breach]
    expect(at - since).toBeGreaterThanOrEqual(50)
    expect(breach.value).toBe(95)
  })

  it('end at once if the value recovers in between', async () => {
    using clock = useClock()
    using watched = guard({ memory: { above: 90, for: '5s' } })
    using breach = fakeBreach(watched, 'memory', 95)
    await clock.advance('3s')
    breach.clear()
    expect(watched.state).toBe('clear')
    await clock.advance('1h')
    expect(watched.breachCount).toBe(0)
    expect(clock.pending).toBe(0)
  })
})

const codes = (code: string): unknown => expect.objectContaining({ code })

describe('bad input of fakeBreach()', () => {
  afterEach(threadStops)

  it('is refused, and nothing is faked', async () => {
    using watched = guard({ memory: 90, load: { below: 0.001 } })
    const refused: [() => unknown, string, RegExp][] = [
      [() => fakeBreach(watched, 'memroy' as 'memory', 95), 'ERR_INVALID_ARG_VALUE', /Did you mean 'memory'/],
      [() => fakeBreach(watched, 'swap', 95), 'ERR_INVALID_ARG_VALUE', /'memory', 'load'/],
      [() => fakeBreach(watched, 'memory', 90), 'ERR_OUT_OF_RANGE', /above 90\.0%/],
      [() => fakeBreach(watched, 'memory', 120), 'ERR_OUT_OF_RANGE', /0 to 100/],
      [() => fakeBreach(watched, 'load', 1), 'ERR_OUT_OF_RANGE', /below/],
      [() => fakeBreach(watched, 'memory', '1GB'), 'ERR_INVALID_ARG_VALUE', /80%/],
      [() => fakeBreach(watched, 'memory', NaN), 'ERR_OUT_OF_RANGE', /value/],
      [() => fakeBreach(watched, undefined as never, 95), 'ERR_INVALID_ARG_TYPE', /metric/],
      [() => fakeBreach({ memory: 90 }, 'load', 95), 'ERR_INVALID_ARG_VALUE', /'memory'/],
      [() => fakeBreach({}, 'memory', 95), 'ERR_INVALID_ARG_VALUE', /at least one limit/],
      [() => fakeBreach(90 as never, 'memory', 95), 'ERR_INVALID_ARG_TYPE', /limits/],
    ]
    for (const [call, code, message] of refused) {
      expect(call, String(call)).toThrow(codes(code))
      expect(call, String(call)).toThrow(message)
    }
    expect(watched.state).toBe('clear')
    expect(watched.breachCount).toBe(0)
    machine.setMemory(95)
    await eventually(() => watched.isBreached)
  })

  it('of a closed guard, too', () => {
    const watched = guard({ memory: 90 })
    watched.close()
    expect(() => fakeBreach(watched, 'memory', 95)).toThrow(codes('ERR_INVALID_ARG_VALUE'))
  })
})

// Last, because guards that were shared are kept for a while.
describe('a faked breach of limits', () => {
  it('breaches every guard with these limits, including later ones', async () => {
    const limits = { memory: 90 }
    using early = guard({ load: 50, memory: 90 })
    using other = guard({ memory: 91 })
    using breach = fakeBreach(limits, 'memory', 95)
    using late = guard({ memory: { above: 90 } })
    expect([early, other, late].map(({ isBreached }) => isBreached)).toEqual([true, false, true])
    expect(breach.guards).toEqual([early, late])
    await expect(Cancelable.run(() => 'never', { resources: limits })).rejects.toThrow('memory 95.0% > 90.0%')
    expect(breach.guards).toHaveLength(3)
    breach[Symbol.dispose]()
    expect([early, other, late].map(({ isBreached }) => isBreached)).toEqual([false, false, false])
    await expect(Cancelable.run(() => 'runs', { resources: limits })).resolves.toBe('runs')
    using afterwards = guard({ memory: 90 })
    expect(afterwards.isBreached).toBe(false)
  })

  it('works where this machine lacks the metric', async () => {
    const limits = { temperature: 80 }
    expect(() => guard(limits)).toThrow(MetricUnavailableError)
    {
      using breach = fakeBreach(limits, 'temperature', '85C')
      using watched = guard(limits)
      expect(describeBreach(watched.breaches[0]!)).toBe('temperature 85 °C > 80 °C')
      await expect(Cancelable.run(() => 'never', { resources: limits })).rejects.toBeInstanceOf(ResourceCancelation)
      const seen = eventsOf(watched)
      breach[Symbol.dispose]()
      // The guard watches the machine again, which lacks the metric.
      await eventually(() => watched.state === 'unavailable')
      await eventually(() => seen.includes('unavailable: temperature'))
    }
    expect(() => guard(limits)).toThrow(MetricUnavailableError)
  })

  it('can begin calm where this machine lacks the metric', () => {
    const limits = { undervoltage: 0 }
    using calm = fakeBreach(limits, 'undervoltage', 1)
    calm.clear()
    using watched = guard(limits)
    expect(watched.state).toBe('clear')
    using breach = fakeBreach(limits, 'undervoltage', 1)
    expect(watched.state).toBe('breached')
    breach[Symbol.dispose]()
    expect(watched.state).toBe('clear')
    expect(calm.guards).toEqual([watched])
  })

  it('finds limits that are never shared', () => {
    using breach = fakeBreach({ 'memory.oomKills': 0 }, 'memory.oomKills', 1)
    using watched = guard({ 'memory.oomKills': 0 })
    expect(watched.isBreached).toBe(true)
    expect(breach.guards).toEqual([watched])
  })

  it('applies to one selector if it is named with one', () => {
    const onMissing = 'ignore'
    using watched = guard({
      'disk.free': [
        { below: '1GB', path: '/', onMissing },
        { below: '2GB', path: '/proc', onMissing },
      ],
    })
    using breach = fakeBreach(watched, 'disk.free(/proc)', '0.5GB')
    expect(watched.breaches).toHaveLength(1)
    expect(watched.breaches[0]!.limit).toBe(2e9)
    expect(breach.value).toBe(0.5e9)
  })
})

describe('several fake breaches of one metric', () => {
  const LIMITS = { memory: 99.99 }
  it('count by the latest that is left', () => {
    using watched = guard(LIMITS)
    const first = fakeBreach(watched, 'memory', 100)
    const second = fakeBreach(watched, 'memory', 99.995)
    first.clear()
    expect(watched.state).toBe('breached')
    second.clear()
    expect(watched.state).toBe('clear')
    first[Symbol.dispose]()
    second[Symbol.dispose]()
  })

  it('leave the earlier one in force when a later one is disposed of, and the other way round', () => {
    using watched = guard(LIMITS)
    for (const dropped of [0, 1] as const) {
      const both = [fakeBreach(watched, 'memory', 100), fakeBreach(watched, 'memory', 99.995)] as const
      both[dropped][Symbol.dispose]()
      expect(watched.state).toBe('breached')
      both[1 - dropped]![Symbol.dispose]()
      expect(watched.isBreached).toBe(false)
    }
  })
})

/** The code of the error. */
function codeOf(target: unknown, metric: unknown = 'memory'): unknown {
  try {
    return fakeBreach(target as Guard, metric as 'memory', 100)
  } catch (error) {
    return (error as { code?: string }).code
  }
}

describe('bad targets and metrics', () => {
  it('are refused with a code, and nothing is faked', () => {
    using watched = guard({ memory: 99.99 })
    using conditions = guard({ conditions: { database: () => true } })
    const prototype = Object.getPrototypeOf(watched) as Guard
    expect(codeOf(new Proxy(watched, {}))).toBe('ERR_INVALID_ARG_TYPE')
    expect(codeOf(Object.create(prototype))).toBe('ERR_INVALID_ARG_TYPE')
    expect(codeOf(watched, Symbol('memory'))).toBe('ERR_INVALID_ARG_TYPE')
    expect(codeOf(conditions)).toBe('ERR_INVALID_ARG_VALUE')
    expect(watched.isBreached).toBe(false)
  })
})
