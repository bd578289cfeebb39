/** A ticker on a scripted sampling thread and clock: what it asks of the thread, and what it makes of the beats. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type * as Sampler from '../../src/addon/sampler.js'
import type { ReleasedBeats, Ticking } from '../../src/addon/ticks.js'
import type * as Ticks from '../../src/addon/ticks.js'
import type * as Clock from '../../src/base/clock.js'
import type * as Cancelables from '../../src/cancelable/cancelable.js'
import type { Sheddable } from '../../src/schedule/shedding.js'
import type { Tick } from '../../src/schedule/tick.js'
import type * as TickerModule from '../../src/schedule/ticker.js'
import type * as Tokens from '../../src/sources/token.js'
import { reportedErrors } from '../helpers/reported-errors.js'

const ID = 7
let time: number
/** What was asked of the thread since the last call of {@link asked}. */
let calls: string[]
let refused: string | undefined
let released: ReleasedBeats | undefined
let thread: Ticking | undefined
/** The ticker as its guard sees it, which it has joined. */
let member: Sheddable | undefined
let holds: number
/** How many uses of shared guards are left. */
let uses: number
let every: typeof TickerModule.every
let Cancelable: typeof Cancelables.Cancelable
let CancelationToken: typeof Tokens.CancelationToken

const addon = {
  addTicker: (period: number, delay: boolean, realTime: boolean) => {
    calls.push(`add ${period} ${delay} ${realTime}`)
    return refused ?? ID
  },
  setTickerPeriod: (id: number, period: number) => calls.push(`period ${id} ${period}`),
  pauseTicker: (id: number) => calls.push(`pause ${id}`),
  resumeTicker: (id: number, delay: number) => calls.push(`resume ${id} ${delay}`),
  holdTicker: (id: number) => calls.push(`hold ${id}`),
  removeTicker: (id: number) => calls.push(`remove ${id}`),
}
const shedding = {
  join: (joined: Sheddable) => void (member = joined),
  leave: (left: Sheddable) => {
    if (left === member) member = undefined
  },
}
const MOCKED: Record<string, (original: () => Promise<object>) => Promise<object>> = {
  '../../src/base/clock.js': async (original) =>
    ({ ...(await original()), now: () => time, realNow: () => time }) satisfies Partial<typeof Clock>,
  '../../src/base/alive.js': async () => ({ keepAlive: () => void holds++, unref: () => void holds-- }),
  '../../src/addon/sampler.js': async (original) =>
    ({
      ...(await original()),
      connect: () => addon,
      toLocalTime: (at: number) => at,
      samplerStats: () => undefined,
    }) satisfies Partial<Record<keyof typeof Sampler, unknown>>,
  '../../src/addon/ticks.js': async (original) =>
    ({
      ...(await original()),
      registerTicker: (id: number, ticking: Ticking) => {
        expect(id).toBe(ID)
        thread = ticking
      },
      forgetTicker: (id: number) => {
        expect(id).toBe(ID)
        thread = undefined
      },
      takeReleased: () => {
        calls.push('release')
        return released
      },
    }) satisfies Partial<Record<keyof typeof Ticks, unknown>>,
  '../../src/monitor/shared-guards.js': async (original) => ({
    ...(await original()),
    acquireGuard: () => {
      uses++
      return {}
    },
    releaseGuard: () => void uses--,
  }),
  '../../src/schedule/shedding.js': async () => ({ Shedding: { of: () => shedding } }),
}

beforeAll(async () => {
  vi.resetModules()
  for (const [name, make] of Object.entries(MOCKED)) vi.doMock(name, make as never)
  ;({ every } = await import('../../src/schedule/ticker.js'))
  ;({ Cancelable } = await import('../../src/cancelable/cancelable.js'))
  ;({ CancelationToken } = await import('../../src/sources/token.js'))
})
beforeEach(() => {
  time = 1000
  calls = []
  refused = undefined
  released = undefined
  thread = undefined
  member = undefined
  holds = 0
  uses = 0
})
afterAll(() => {
  for (const name of Object.keys(MOCKED)) vi.doUnmock(name)
  vi.resetModules()
})

const asked = (): string[] => calls.splice(0)

/** The ticks of a ticker whose bodies do nothing. */
function ticksOf(period: number, options?: TickerModule.TickerOptions): { ticker: TickerModule.Ticker; ticks: Tick[] } {
  const ticks: Tick[] = []
  return { ticker: every(period, (_cancel, tick) => void ticks.push(tick), options), ticks }
}

function canceledToken(): Tokens.CancelationToken {
  const token = new CancelationToken()
  token.cancel()
  return token
}

/** Bodies that run until they are ended, the first first. */
function openBodies(): { body: () => Promise<void>; end: (error?: Error) => Promise<void>; started: number } {
  const running: ((error?: Error) => void)[] = []
  const bodies = {
    started: 0,
    body: () => {
      bodies.started++
      return new Promise<void>((resolve, reject) => {
        running.push((error) => (error === undefined ? resolve() : reject(error)))
      })
    },
    end: async (error?: Error) => {
      running.shift()!(error)
      await settled()
    },
  }
  return bodies
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('the thread', () => {
  it('is asked for the period, the policy and the scheduling, and given back', async () => {
    for (const [options, call] of [
      [{}, 'add 5 false false'],
      [{ missed: 'delay' }, 'add 5 true false'],
      [{ missed: 'burst', realTime: true }, 'add 5 false true'],
    ] as const) {
      const { ticker } = ticksOf(5, options)
      expect([asked(), holds]).toEqual([[call], 1])
      await Promise.all([ticker.close(), ticker.close()])
      expect([asked(), holds, thread]).toEqual([[`remove ${ID}`], 0, undefined])
    }
  })

  it('that refuses a ticker leaves nothing of it', () => {
    refused = 'no memory'
    const before = process.listenerCount('SIGUSR2')
    expect(() => ticksOf(5, { signals: ['SIGUSR2'], guard: { memory: 90 } })).toThrow('no memory')
    expect(process.listenerCount('SIGUSR2')).toBe(before)
    expect([holds, uses, thread, member]).toEqual([0, 0, undefined, undefined])
  })

  it('is not asked for a ticker that is canceled already, or whose parent has ended', async () => {
    const token = new CancelationToken()
    token.cancel()
    const states: string[] = []
    const ticker = every(5, () => undefined, { token, guard: { memory: 90 }, onState: (state) => states.push(state) })
    expect([ticker.state, asked(), holds, uses, thread, member]).toEqual(['closed', [], 0, 0, undefined, undefined])
    expect((await ticker.done)?.kind).toBe('manual')
    const parent = new Cancelable().enter()
    parent[Symbol.dispose]()
    const orphan = every(5, () => undefined, { parent, guard: { memory: 90 } })
    expect((await orphan.done)?.kind).toBe('parent')
    expect([asked(), holds, uses, thread, member]).toEqual([[], 0, 0, undefined, undefined])
  })

  it('is not asked for one that is made while others are notified of the same cancelation', async () => {
    const token = new CancelationToken()
    let ticker: TickerModule.Ticker | undefined
    token.onCancel(() => (ticker = every(5, () => undefined, { token, guard: { memory: 90 } })))
    const reported = reportedErrors()
    token.cancel('enough')
    expect(reported).toEqual([])
    expect([ticker?.state, asked(), holds, uses, thread, member]).toEqual(['closed', [], 0, 0, undefined, undefined])
    expect(await ticker?.done).toMatchObject({ message: 'enough' })
  })

  it('is asked for a new period, which is longer while the ticker is slowed down', async () => {
    const { ticker } = ticksOf(5, { guard: { memory: 90 }, whileBreached: { slow: 4 } })
    asked()
    ticker.period = 10
    expect([asked(), thread!.period, ticker.period]).toEqual([[`period ${ID} 10`], 10, 10])
    member!.shed()
    expect([asked(), thread!.period, ticker.period]).toEqual([[`period ${ID} 40`], 40, 10])
    ticker.period = 1
    expect([asked(), thread!.period]).toEqual([[`period ${ID} 4`], 4])
    member!.restore(30)
    expect(asked()).toEqual([`period ${ID} 1`, `resume ${ID} 30`])
    await ticker.close()
  })

  it('pauses it while its owner or its guard says so', async () => {
    const states: string[] = []
    const onState = (state: string, of: unknown): void => void states.push(`${state} ${of === ticker}`)
    const { ticker } = ticksOf(5, { guard: { memory: 90 }, whileBreached: { slow: 2 }, onState })
    asked()
    ticker.pause()
    ticker.pause()
    expect([asked(), states.splice(0)]).toEqual([[`pause ${ID}`], ['paused true']])
    member!.shed()
    expect([asked(), states]).toEqual([[], []])
    ticker.resume()
    expect([asked(), states.splice(0)]).toEqual([[`period ${ID} 10`, `resume ${ID} 0`], ['slowed true']])
    ticker.pause()
    member!.restore(30)
    expect([asked(), states.splice(0)]).toEqual([[`pause ${ID}`], ['paused true']])
    ticker.resume()
    expect([asked(), states.splice(0)]).toEqual([[`period ${ID} 5`, `resume ${ID} 0`], ['running true']])
    await ticker.close()
    expect([states.splice(0), uses, member]).toEqual([['closed true'], 0, undefined])
    ticker.pause()
    ticker.resume()
    expect([asked(), states]).toEqual([[`remove ${ID}`], []])
  })

  it('counts the beats of a ticker whose bodies run, until one ends', async () => {
    const bodies = openBodies()
    const ticker = every(5, bodies.body, { concurrency: 2 })
    asked()
    thread!.beat(1, 0, 1005, 5)
    thread!.beat(1, 1, 1010, 5)
    expect([asked(), bodies.started, ticker.stats.running]).toEqual([[], 2, 2])
    thread!.beat(1, 2, 1015, 5)
    expect([asked(), bodies.started]).toEqual([[`hold ${ID}`], 2])
    released = { beats: 3, index: 5, due: 1030 }
    await bodies.end()
    expect([asked(), bodies.started, ticker.stats.missed]).toEqual([['release'], 3, 3])
    await bodies.end()
    expect([asked(), bodies.started, ticker.stats.running]).toEqual([[], 3, 1])
    released = undefined
    thread!.beat(1, 6, 1035, 5)
    thread!.beat(1, 7, 1040, 5)
    expect(asked()).toEqual([`hold ${ID}`])
    const closed = ticker.close()
    asked()
    await bodies.end()
    await bodies.end()
    await closed
    // The beat that waited has no body any more.
    expect([asked(), bodies.started, ticker.stats.missed]).toEqual([[], 4, 4])
  })

  it('may have beats under way to a ticker that is paused or closed', async () => {
    const { ticker, ticks } = ticksOf(5)
    const delivery = thread!
    ticker.pause()
    delivery.beat(1, 0, 1005, 5)
    ticker.resume()
    delivery.beat(1, 1, 1010, 5)
    await ticker.close()
    delivery.beat(1, 2, 1015, 5)
    expect(ticks.map(({ index, missed }) => [index, missed])).toEqual([[1, 0]])
  })
})

describe('keeping the process alive', () => {
  it('is counted once, whatever is called how often', async () => {
    const { ticker } = ticksOf(5)
    expect(ticker.ref().ref()).toBe(ticker)
    expect(holds).toBe(1)
    expect(ticker.unref().unref()).toBe(ticker)
    expect(holds).toBe(0)
    ticker.ref()
    expect(holds).toBe(1)
    ticker.unref()
    await ticker.close()
    ticker.ref().unref()
    expect(holds).toBe(0)
  })
})

describe('a body', () => {
  it('gets its beat, and how late it is', async () => {
    const { ticker, ticks } = ticksOf(5, { missed: 'skip' })
    time = 1007
    thread!.beat(1, 0, 1005, 5)
    // The two clocks may differ by a little.
    thread!.beat(1, 1, 1010, 5)
    thread!.beat(3, 4, 1025, 5)
    expect(ticker.stats).toMatchObject({ ticks: 2, missed: 3, late: { max: 2 } })
    thread!.beat(1, 5, 1030, 5)
    expect(ticks).toEqual([
      { index: 0, due: 1005, late: 2, missed: 0 },
      { index: 1, due: 1010, late: 0, missed: 0 },
      { index: 5, due: 1030, late: 0, missed: 3 },
    ])
    expect(ticker.stats).toMatchObject({ ticks: 3, missed: 3 })
    await ticker.close()
  })

  it('that stands for other beats, too, is published', async () => {
    const messages: unknown[] = []
    const listener = (message: unknown): void => void messages.push(message)
    const { ticker } = ticksOf(5)
    thread!.beat(2, 1, 1005, 5)
    subscribe('tripline:missed', listener)
    thread!.beat(1, 2, 1010, 5)
    thread!.beat(3, 5, 1025, 5)
    unsubscribe('tripline:missed', listener)
    expect(messages).toEqual([{ ticker, index: 5, due: 1025, late: 0, missed: 2 }])
    await ticker.close()
  })

  it('is an overrun if it takes longer than the period, as it is now', async () => {
    let takes = 5
    const ticker = every(5, () => void (time += takes), { guard: { memory: 90 }, whileBreached: { slow: 2 } })
    thread!.beat(1, 0, 1000, 5)
    expect(ticker.stats.overruns).toBe(0)
    takes = 6
    thread!.beat(1, 1, 1005, 5)
    expect(ticker.stats.overruns).toBe(1)
    member!.shed()
    thread!.beat(1, 2, 1010, 10)
    expect(ticker.stats.overruns).toBe(1)
    await ticker.close()
  })

  it('may return anything, and a promise now and then', async () => {
    const results: unknown[] = [Promise.resolve(), 5, { when: 'soon' }, undefined, Promise.resolve()]
    const ticker = every(5, () => results.shift())
    for (let index = 0; results.length > 0; index++) {
      const waits = results[0] instanceof Promise
      thread!.beat(1, index, 1000 + index * 5, 5)
      expect(ticker.stats.running).toBe(waits ? 1 : 0)
      await settled()
      expect(ticker.stats.running).toBe(0)
    }
    await ticker.close()
  })

  it('for each of thousands of beats does not nest in those before', async () => {
    const { ticker, ticks } = ticksOf(5, { missed: 'burst', maxBurst: Infinity })
    thread!.beat(20_000, 19_999, 100_000, 5)
    expect(ticks).toHaveLength(20_000)
    await ticker.close()
  })

  it('that pauses or closes its ticker is the last of a burst', async () => {
    let bodies = 0
    const ticker: TickerModule.Ticker = every(5, () => void (++bodies === 2 && ticker.pause()), { missed: 'burst' })
    thread!.beat(5, 4, 1020, 5)
    expect([bodies, ticker.stats.missed]).toEqual([2, 3])
    await ticker.close()
  })

  it('and the callbacks run in the async context of their ticker', async () => {
    const storage = new AsyncLocalStorage<string>()
    const seen: unknown[] = []
    const note = (): void => void seen.push(storage.getStore())
    const body = (): void => {
      note()
      throw new Error('broken')
    }
    const ticker = storage.run('owner', () => every(5, body, { onError: note, onState: note }))
    storage.run('other', () => {
      thread!.beat(1, 0, 1005, 5)
      ticker.pause()
    })
    await ticker.close()
    expect(seen).toEqual(['owner', 'owner', 'owner', 'owner'])
  })
})

describe('the end', () => {
  it('waits for the cleanups of the last body', async () => {
    const order: string[] = []
    const cleaning = openBodies()
    const ticker = every(5, async (cancel) => {
      cancel.defer(() => cleaning.body().then(() => void order.push('clean')))
    })
    thread!.beat(1, 0, 1005, 5)
    await settled()
    const closed = ticker.close().then(() => order.push('closed'))
    await settled()
    expect([order, ticker.stats.running]).toEqual([[], 0])
    await cleaning.end()
    await closed
    expect(order).toEqual(['clean', 'closed'])
  })

  it('waits for a body, and releases its sources only then', async () => {
    const bodies = openBodies()
    const before = process.listenerCount('SIGUSR2')
    const ticker = every(5, bodies.body, { signals: ['SIGUSR2'] })
    thread!.beat(1, 0, 1005, 5)
    let over = false
    const closed = ticker.close().then(() => (over = true))
    await settled()
    expect([over, process.listenerCount('SIGUSR2')]).toEqual([false, before + 1])
    await bodies.end()
    await closed
    expect(process.listenerCount('SIGUSR2')).toBe(before)
  })

  it('stops its statistics, and counts what waited as missed', async () => {
    const bodies = openBodies()
    const ticker = every(5, bodies.body, { missed: 'burst' })
    time = 2000
    thread!.beat(3, 2, 1015, 5)
    const closed = ticker.close()
    await bodies.end()
    await closed
    time = 9000
    expect(ticker.stats).toMatchObject({ ticks: 1, missed: 2, rate: 1, timeouts: 0, paused: 0 })
  })

  it('by a token is no timeout of the bodies that run', async () => {
    const token = new CancelationToken()
    const ticker = every(5, (cancel) => cancel.sleep('1h'), { token })
    thread!.beat(1, 0, 1005, 5)
    token.cancel()
    await ticker.done
    expect(ticker.stats).toMatchObject({ ticks: 1, timeouts: 0 })
  })

  it('comes with the first error; others are reported', async () => {
    const reported = reportedErrors()
    const bodies = openBodies()
    const ticker = every(5, bodies.body, { concurrency: 3, name: 'pulse' })
    for (const index of [0, 1, 2]) thread!.beat(1, index, 1005 + index * 5, 5)
    const [first, second] = [new Error('first'), new Error('second')]
    const done = expect(ticker.done).rejects.toBe(first)
    void bodies.end(first)
    await bodies.end(second)
    expect(ticker.state).toBe('closed')
    await bodies.end()
    await done
    expect(reported).toEqual([{ error: second, origin: 'ticker body "pulse"' }])
  })

  it('that was asked for is no failure, although the last body fails', async () => {
    const reported = reportedErrors()
    const bodies = openBodies()
    const ticker = every(5, bodies.body)
    thread!.beat(1, 0, 1005, 5)
    const closed = ticker.close()
    const late = new Error('late')
    await bodies.end(late)
    await closed
    expect(await ticker.done).toBeUndefined()
    expect(reported).toEqual([{ error: late, origin: 'ticker body "ticker"' }])
  })

  it('does not come with errors that `onError` takes', async () => {
    const given: unknown[] = []
    const error = new Error('again')
    const ticker = every(5, () => Promise.reject(error), { onError: (...args) => given.push(...args) })
    thread!.beat(1, 0, 1005, 5)
    await settled()
    expect(given).toEqual([error, ticker])
    expect(ticker.state).toBe('running')
    await ticker.close()
  })
})

describe('an error in a canceled body', () => {
  const abortError = Object.assign(new Error('aborted'), { name: 'AbortError' })
  const imitation = { name: 'AbortError' }
  it.each([
    ['of a function of Node that obeyed', () => abortError, false],
    ['of another operation that was canceled', () => Cancelable.run(() => 1, { token: canceledToken() }), false],
    ['that is missing', () => undefined, false],
    ['of another kind', () => imitation, true],
  ])('%s', async (_which, make, isReported) => {
    const reported = reportedErrors()
    const token = new CancelationToken()
    let error: unknown
    const ticker = every(
      5,
      async (cancel) => {
        await cancel.sleep('1h').catch(() => undefined)
        error = await Promise.resolve(make()).catch((failed: unknown) => failed)
        throw error
      },
      { token },
    )
    thread!.beat(1, 0, 1005, 5)
    token.cancel()
    await settled()
    await ticker.close()
    expect(reported).toEqual(isReported ? [{ error: imitation, origin: 'ticker body "ticker"' }] : [])
  })
})
