/** Tickers: their beats, their end, their errors. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { EventEmitter, once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { Cancelable } from '../../src/cancelable/cancelable.js'
import { samplerStats } from '../../src/addon/sampler.js'
import type { Tick } from '../../src/schedule/tick.js'
import { every, Ticker, type MissedMessage, type TickerOptions } from '../../src/schedule/ticker.js'
import { CancelationToken } from '../../src/sources/token.js'
import { eventually } from '../helpers/eventually.js'

afterEach(async () => {
  // No test may leave a ticker behind, and without tickers there is no sampling thread.
  await eventually(() => samplerStats()?.running !== true, 'the thread stops with the last ticker')
  expect(samplerStats()?.tickers ?? 0).toBe(0)
})

/** Blocks this thread without using a processor. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

const rest = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Runs a ticker until it has had `count` bodies; returns their ticks. */
async function collect(period: number | string, count: number, options?: TickerOptions): Promise<Tick[]> {
  const ticks: Tick[] = []
  const ticker = every(period, (_cancel, tick) => void ticks.push(tick), options)
  await eventually(() => ticks.length >= count)
  await ticker.close()
  return ticks
}

/** Whether each due time is a whole number of periods after the first, and indexes and missed beats add up. */
function expectOneGrid(ticks: readonly Tick[], period: number): void {
  const first = ticks[0]!
  let last = first.index - first.missed - 1
  for (const { index, due, late, missed } of ticks) {
    expect(index).toBe(last + missed + 1)
    expect(due - first.due).toBeCloseTo((index - first.index) * period, 3)
    expect(late).toBeGreaterThanOrEqual(0)
    last = index
  }
}

describe('a ticker', () => {
  it('beats on a grid that no lateness moves', async () => {
    const ticks = await collect(2, 100)
    expectOneGrid(ticks, 2)
  })

  it('beats at 4000 Hz', async () => {
    const ticks = await collect('250us', 200)
    expectOneGrid(ticks, 0.25)
  })

  it('is an instance of the public class, with nothing of the library under a string', async () => {
    const ticker = every('1h', () => undefined)
    expect(ticker).toBeInstanceOf(Ticker)
    expect(Object.keys(ticker).toSorted()).toEqual(['done', 'name', 'priority'])
    const methods = Object.getOwnPropertyNames(Ticker.prototype)
    const known = [
      'constructor',
      'close',
      'pause',
      'period',
      'reason',
      'ref',
      'resume',
      'signal',
      'state',
      'stats',
      'unref',
    ]
    expect(methods.toSorted()).toEqual(known.toSorted())
    await ticker.close()
  })

  it('waits for days without delaying others', async () => {
    const ticker = every('20d', () => expect.unreachable())
    await rest(20)
    expect(ticker.stats).toMatchObject({ ticks: 0, missed: 0, running: 0 })
    expect(ticker.stats.late.p50).toBeNaN()
    await ticker.close()
  })

  it('reports 5000 beats in one delivery to a loop that was blocked for 5 s', async () => {
    const ticks: Tick[] = []
    const ticker = every(1, (_cancel, tick) => void ticks.push(tick))
    await eventually(() => ticks.length >= 3)
    const wakeupsBefore = samplerStats()!.wakeups
    const bodiesBefore = ticks.length
    block(5000)
    const wakeups = samplerStats()!.wakeups - wakeupsBefore
    await eventually(() => ticks.length > bodiesBefore)
    const after = ticks[bodiesBefore]!
    expect(after.missed).toBeGreaterThanOrEqual(4900)
    // The body belongs to the latest beat, not to the first that was missed.
    expect(after.due - ticks[bodiesBefore - 1]!.due).toBeGreaterThanOrEqual(4900)
    await eventually(() => ticks.length > bodiesBefore + 5)
    expectOneGrid(ticks, 1)
    // Nothing could be delivered, so the thread did not wake up 5000 times.
    expect(wakeups).toBeLessThan(1000)
    await ticker.close()
  })

  it('makes up for missed beats with burst, up to the bound', async () => {
    const ticks: Tick[] = []
    const ticker = every(1, (_cancel, tick) => void ticks.push(tick), { missed: 'burst', maxBurst: 10 })
    await eventually(() => ticks.length >= 1)
    const before = ticks.length
    block(100)
    await eventually(() => ticks.length >= before + 10)
    expect(ticks[before]!.missed).toBeGreaterThanOrEqual(80)
    expect(ticks.slice(before + 1, before + 10).every((tick) => tick.missed === 0)).toBe(true)
    expectOneGrid(ticks, 1)
    await ticker.close()
  })

  it('continues with the next beat of the grid with skip', async () => {
    const ticks: Tick[] = []
    const ticker = every(20, (_cancel, tick) => void ticks.push(tick), { missed: 'skip' })
    await eventually(() => ticks.length >= 1)
    const before = ticks.length
    block(110)
    await eventually(() => ticks.length > before)
    expect(ticks[before]!.missed).toBeGreaterThanOrEqual(5)
    expectOneGrid(ticks, 20)
    await ticker.close()
  })

  it('moves its grid with delay', async () => {
    const ticks: Tick[] = []
    const started: number[] = []
    const ticker = every(
      40,
      (_cancel, tick) => {
        ticks.push(tick)
        started.push(performance.now())
      },
      { missed: 'delay' },
    )
    await eventually(() => ticks.length >= 1)
    block(70)
    await eventually(() => ticks.length >= 3)
    // The second body was 30 ms late. The third comes one period after it, not 10 ms later on the old grid.
    expect(ticks[2]!.due - started[1]!).toBeGreaterThan(15)
    await ticker.close()
  })

  it('never runs two bodies at once, and counts those that outlast their beat', async () => {
    let running = 0
    const ticks: Tick[] = []
    const ticker = every(2, async (cancel, tick) => {
      expect(++running).toBe(1)
      ticks.push(tick)
      await cancel.sleep(9)
      running--
    })
    await eventually(() => ticks.length >= 5)
    expect(ticks.slice(1).every((tick) => tick.missed >= 2)).toBe(true)
    expectOneGrid(ticks, 2)
    await ticker.close()
    expect(running).toBe(0)
    const { overruns, ticks: bodies, missed } = ticker.stats
    expect(overruns).toBe(bodies)
    expect(missed).toBeGreaterThanOrEqual(bodies)
  })

  it('runs as many bodies at once as its concurrency', async () => {
    let running = 0
    let most = 0
    let bodies = 0
    const body = async (cancel: Cancelable): Promise<void> => {
      most = Math.max(most, ++running)
      bodies++
      await cancel.sleep(20)
      running--
    }
    const ticker = every(2, body, { concurrency: 3 })
    await eventually(() => bodies >= 9)
    await ticker.close()
    expect(most).toBe(3)
  })

  it('waits for the end of its body before it makes up for missed beats', async () => {
    const ticks: Tick[] = []
    const body = async (cancel: Cancelable, tick: Tick): Promise<void> => {
      ticks.push(tick)
      await cancel.sleep(3)
    }
    const ticker = every(1, body, { missed: 'burst', maxBurst: 1000 })
    await eventually(() => ticks.length >= 10)
    await ticker.close()
    expect(ticks.map((tick) => tick.index)).toEqual(ticks.map((_tick, index) => index))
    expectOneGrid(ticks, 1)
  })

  it('delivers the rest of a burst without waiting for the next beat', async () => {
    const ticks: Tick[] = []
    const body = async (_cancel: Cancelable, tick: Tick): Promise<void> => {
      ticks.push(tick)
      await Promise.resolve()
    }
    const ticker = every(1, body, { missed: 'burst' })
    block(30)
    await eventually(() => ticks.length > 0)
    ticker.period = '1h'
    const latest = ticks[0]!.index + 20
    await eventually(() => ticks.at(-1)!.index >= latest)
    await ticker.close()
  })

  it('cancels a tick that takes too long, and continues', async () => {
    let canceled = 0
    const body = async (cancel: Cancelable): Promise<void> => {
      try {
        await cancel.sleep('1h')
      } finally {
        if (cancel.reason?.kind === 'timeout') canceled++
      }
    }
    const ticker = every(2, body, { timeout: 5 })
    await eventually(() => canceled >= 3)
    expect(ticker.stats.timeouts).toBeGreaterThanOrEqual(2)
    await ticker.close()
  })

  it('does not start the next body while an abandoned one is still running', async () => {
    let bodies = 0
    const deaf = new EventEmitter()
    const body = async (): Promise<void> => {
      bodies++
      await once(deaf, 'end')
    }
    const ticker = every(1, body, { timeout: 2 })
    await eventually(() => ticker.stats.timeouts === 1)
    await rest(20)
    expect(bodies).toBe(1)
    deaf.emit('end')
    await eventually(() => bodies > 1)
    const closed = ticker.close()
    deaf.emit('end')
    await closed
  })

  it('counts an abandoned body as an overrun by how long it took', async () => {
    const ticker = every(50, () => rest(120), { timeout: 5 })
    await eventually(() => ticker.stats.ticks >= 2)
    expect(ticker.stats.overruns).toBeGreaterThanOrEqual(1)
    await ticker.close()
  })

  it('that was closed and is then canceled does not wait for an abandoned body', async () => {
    const token = new CancelationToken()
    const ticker = every(1, () => new Promise(() => undefined), { timeout: 2, token })
    await eventually(() => ticker.stats.timeouts === 1)
    const closed = ticker.close()
    token.cancel('enough')
    await closed
    expect((await ticker.done)?.kind).toBe('manual')
  })

  it('makes each tick an operation under the ticker', async () => {
    const parents = new Set<string | undefined>()
    const parent = new Cancelable({ name: 'house' }).enter()
    let bodies = 0
    const ticker = every(
      1,
      (cancel) => {
        bodies++
        parents.add(cancel.context.parentId)
      },
      { parent, name: 'pulse' },
    )
    await eventually(() => bodies >= 3)
    expect(ticker.name).toBe('pulse')
    expect(parents.size).toBe(1)
    parent.cancel('the house is on fire')
    expect(ticker.state).toBe('closed')
    expect(await ticker.done).toMatchObject({ kind: 'parent', parent: { message: 'the house is on fire' } })
    expect(ticker.signal.aborted).toBe(true)
  })
})

describe('a change of period', () => {
  it('counts from the latest beat', async () => {
    const ticks: Tick[] = []
    const ticker = every(10, (_cancel, tick) => void ticks.push(tick))
    await eventually(() => ticks.length >= 3)
    ticker.period = { hz: 500 }
    expect(ticker.period).toBe(2)
    const before = ticks.length
    await eventually(() => ticks.length >= before + 10)
    // All beats except one that may have been under way are on the new grid.
    expectOneGrid(ticks.slice(before + 1), 2)
    ticker.period = '1h'
    await rest(30)
    const slow = ticks.length
    await rest(50)
    expect(ticks).toHaveLength(slow)
    ticker.period = 1
    await eventually(() => ticks.length > slow)
    await ticker.close()
  })

  it('inside the body', async () => {
    let bodies = 0
    const ticker: Ticker = every('1ms', () => {
      bodies++
      ticker.period = bodies % 2 === 0 ? 1 : 3
    })
    await eventually(() => bodies >= 20)
    await ticker.close()
    expect(ticker.period).toBe(bodies % 2 === 0 ? 1 : 3)
  })

  it('to something impossible changes nothing', async () => {
    const ticker = every(10, () => undefined)
    expect(() => (ticker.period = 0)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }))
    expect(() => (ticker.period = { hz: 1e6 })).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }))
    expect(ticker.period).toBe(10)
    await ticker.close()
  })
})

/** Ends a ticker of 1 kHz after some bodies by calling `stop`; fails if a body starts afterwards. */
async function expectSilenceAfter(
  stop: (ticker: Ticker, bodies: number) => void,
  options: TickerOptions = {},
): Promise<Ticker> {
  let bodies = 0
  let stoppedAt = Infinity
  const ticker = every(
    1,
    () => {
      bodies++
      if (bodies < 5) return
      expect(stoppedAt).toBe(Infinity)
      stop(ticker, bodies)
      stoppedAt = bodies
    },
    options,
  )
  await ticker.done
  expect(bodies).toBe(stoppedAt)
  block(20)
  await rest(20)
  expect(bodies).toBe(stoppedAt)
  expect(ticker.state).toBe('closed')
  return ticker
}

describe('an end', () => {
  it('inside the body', async () => {
    await expectSilenceAfter((ticker) => void ticker.close())
  })

  it('by its token', async () => {
    const token = new CancelationToken()
    const ticker = await expectSilenceAfter(() => token.cancel('enough'), { token })
    expect(ticker.reason).toMatchObject({ kind: 'manual', message: 'enough' })
  })

  it('by a foreign signal', async () => {
    const controller = new AbortController()
    const ticker = await expectSilenceAfter(() => controller.abort(), { abortSignal: controller.signal })
    expect(ticker.reason).toMatchObject({ kind: 'abort' })
  })

  it('with a delivery under way', async () => {
    let bodies = 0
    const ticker = every(1, () => void bodies++)
    await eventually(() => bodies > 0)
    const before = bodies
    // The beat waits to be fetched when the ticker is closed.
    block(10)
    await ticker.close()
    await rest(20)
    expect(bodies).toBe(before)
  })

  it('by another ticker in the same delivery', async () => {
    let second = 0
    let closed = false
    const tickers: Ticker[] = []
    const made: Ticker[] = []
    const first = every(10, () => {
      closed = true
      for (const each of tickers) void each.close()
      // A new ticker must not receive beats of a ticker that was just closed.
      made.push(every('1h', () => expect.unreachable()))
    })
    for (let i = 0; i < 10; i++) tickers.push(every(10, () => (closed ? expect.unreachable() : second++)))
    await eventually(() => made.length >= 3)
    await Promise.all([first, ...made].map((each) => each.close()))
  })

  it('waits for the body that runs, and lets it finish', async () => {
    let finished = false
    let begun = false
    const ticker = every(1, async (cancel) => {
      begun = true
      await cancel.sleep(30)
      finished = true
    })
    await eventually(() => begun)
    await ticker[Symbol.asyncDispose]()
    expect(finished).toBe(true)
    expect(await ticker.done).toBeUndefined()
    expect(ticker.stats.running).toBe(0)
  })

  it('by a token cancels the body that runs, and does not wait for one that ignores it', async () => {
    const token = new CancelationToken()
    let reason: unknown
    const ticker = every(
      1,
      (cancel) =>
        new Promise(() => {
          cancel.onCancel((given) => (reason = given))
        }),
      { token },
    )
    await eventually(() => ticker.stats.running === 1)
    token.cancel('enough')
    expect(await ticker.done).toMatchObject({ message: 'enough' })
    expect(reason).toMatchObject({ kind: 'parent' })
    await ticker.close()
  })

  it('may be requested many times', async () => {
    const ticker = every(1, () => undefined)
    await Promise.all([ticker.close(), ticker.close()])
    await ticker.close()
    ticker.pause()
    ticker.resume()
    ticker.ref().unref()
    ticker.period = 5
    expect(ticker.state).toBe('closed')
  })
})

describe('an error of the body', () => {
  it.each([
    [
      'thrown',
      () => {
        throw new Error('broken')
      },
    ],
    ['of its promise', () => Promise.reject(new Error('broken'))],
  ])('ends the ticker and rejects `done` (%s)', async (_how, body) => {
    let bodies = 0
    const ticker = every(1, () => {
      bodies++
      return body()
    })
    await expect(ticker.done).rejects.toThrow('broken')
    expect(ticker.state).toBe('closed')
    expect(ticker.reason).toMatchObject({ kind: 'error', message: 'broken' })
    expect(bodies).toBe(1)
    await ticker.close()
  })

  it('ends a burst too', async () => {
    let bodies = 0
    const ticker = every(
      1,
      () => {
        if (++bodies === 1) block(30)
        else throw new Error('broken')
      },
      { missed: 'burst' },
    )
    await expect(ticker.done).rejects.toThrow('broken')
    expect(bodies).toBe(2)
  })

  it('is passed to `onError` instead, and the ticker goes on', async () => {
    const errors: unknown[] = []
    const ticker = every(
      1,
      () => {
        throw new Error('again')
      },
      { onError: (error) => errors.push(error) },
    )
    await eventually(() => errors.length >= 3)
    await ticker.close()
    expect(ticker.stats.ticks).toBe(errors.length)
  })
})

describe('pausing', () => {
  it('stops the beats, and is notified', async () => {
    const states: string[] = []
    let bodies = 0
    const ticker = every(1, () => void bodies++, { onState: (state) => states.push(state) })
    await eventually(() => bodies > 3)
    ticker.pause()
    ticker.pause()
    const before = bodies
    await rest(30)
    expect(bodies).toBe(before)
    ticker.period = 2
    expect(ticker.state).toBe('paused')
    ticker.resume()
    await eventually(() => bodies > before + 3)
    await ticker.close()
    expect(states).toEqual(['paused', 'running', 'closed'])
    const { paused, missed, ticks, rate } = ticker.stats
    expect(paused).toBeGreaterThan(20)
    // Beats during the pause do not count as missed: at most one per millisecond outside the pause.
    expect(missed).toBeLessThanOrEqual((1000 * ticks) / rate + 1)
  })

  it('inside the body, and keeps the beat of a slow one', async () => {
    const ticks: Tick[] = []
    const ticker: Ticker = every(40, (_cancel, tick) => {
      ticks.push(tick)
      ticker.pause()
      ticker.resume()
    })
    await eventually(() => ticks.length >= 3)
    await ticker.close()
    expectOneGrid(ticks, 40)
  })
})

describe('missed beats', () => {
  it('is published on the diagnostics channel', async () => {
    const messages: MissedMessage[] = []
    const listener = (message: unknown): void => void messages.push(message as MissedMessage)
    subscribe('tripline:missed', listener)
    const ticker = every(1, () => undefined, { name: 'pulse' })
    await eventually(() => ticker.stats.ticks > 0)
    block(50)
    await eventually(() => messages.some((message) => message.missed > 30))
    unsubscribe('tripline:missed', listener)
    await ticker.close()
    expect(messages.every((message) => message.ticker === ticker)).toBe(true)
    expect(ticker.stats.missed).toBeGreaterThanOrEqual(30)
  })
})

describe('stats', () => {
  it('show how late bodies began, and how many took longer than the period', async () => {
    const ticks: Tick[] = []
    let blockedUntil = 0
    const ticker = every(20, (_cancel, tick) => {
      ticks.push(tick)
      if (ticks.length === 1) {
        block(50)
        blockedUntil = performance.now()
      } else {
        // No body takes that long.
        ticker.period = '1h'
      }
    })
    await eventually(() => ticks.length === 2)
    await ticker.close()
    const { due, late } = ticks[1]!
    expect(due).toBeLessThan(blockedUntil)
    expect(late).toBeGreaterThanOrEqual(blockedUntil - due)
    expect(ticker.stats.late.max).toBeGreaterThanOrEqual(late)
    expect(ticker.stats).toMatchObject({ ticks: 2, overruns: 1 })
    // A closed one takes a new period without a complaint.
    ticker.period = 5
    expect(ticker.period).toBe(5)
  })

  it('show the scheduling of the thread', async () => {
    const ticker = every(1, () => undefined, { realTime: true })
    await eventually(() => ticker.stats.ticks > 3)
    const { scheduling, late, rate, running } = ticker.stats
    expect(scheduling).toMatchObject({ timerSlack: expect.any(Number), slice: expect.any(Number) })
    // Granted only with sufficient privileges, which root may have.
    expect([false, process.getuid?.() === 0]).toContain(scheduling.realTime)
    expect(late.p50).toBeLessThanOrEqual(late.p99)
    expect(late.p99).toBeLessThanOrEqual(late.max)
    expect(rate).toBeGreaterThan(0)
    expect(running).toBe(0)
    await ticker.close()
  })
})
