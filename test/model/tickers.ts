/** Tickers through the public API, on a machine whose time the test sets, against the model. */
import * as fc from 'fast-check'
import { expect } from 'vitest'
import { drain } from '../../src/addon/sampler.js'
import { loadAddon } from '../../src/addon/native.js'
import { CancelationToken, every, guard, type Cancelable, type Guard, type Ticker } from '../../src/index.js'
import { fakeBreach, type FakeBreach } from '../../src/testing/index.js'
import type { Model } from './harness.js'
import { NaiveWorld, type GivenBody, type GivenTicker } from './naive-ticker.js'
import { machine } from './scripted-machine.js'

type Command =
  | { readonly do: 'advance' | 'block'; readonly ms: number }
  | { readonly do: 'pause' | 'resume' | 'close' | 'cancel'; readonly ticker: number }
  | { readonly do: 'period'; readonly ticker: number; readonly period: number }
  | { readonly do: 'breach' | 'clear' }
  | { readonly do: 'add' }

export interface Program {
  /** The first is there from the beginning; the others are added by commands. */
  readonly tickers: readonly GivenTicker[]
  readonly commands: readonly Command[]
}

// Beats are multiples of 10, and what bodies take and their timeouts are not: few things are due at the same moment.
const period = fc.constantFrom(10, 20, 50, 100)

const body: fc.Arbitrary<GivenBody> = fc.record({
  work: fc.constantFrom(0, 0, 0, 1, 13, 37, 142),
  ends: fc.constantFrom('return', 'return', 'return', 'resolve', 'resolve', 'reject', 'throw'),
  wait: fc.constantFrom(3, 17, 46, 111, 409),
  obeys: fc.boolean(),
  period: fc.option(period, { nil: undefined, freq: 12 }),
})

const ticker: fc.Arbitrary<GivenTicker> = fc.record({
  period,
  missed: fc.constantFrom('coalesce', 'skip', 'burst', 'delay'),
  maxBurst: fc.integer({ min: 1, max: 4 }),
  concurrency: fc.integer({ min: 1, max: 3 }),
  timeout: fc.option(fc.constantFrom(19, 58, 133), { nil: undefined }),
  isGuarded: fc.boolean(),
  whileBreached: fc.constantFrom<GivenTicker['whileBreached']>('run', 'pause', 'pause', 'cancel', 2, 3),
  priority: fc.integer({ min: 0, max: 2 }),
  catches: fc.boolean(),
  bodies: fc.array(body, { minLength: 1, maxLength: 4 }),
})

const index = fc.nat()
const programs: fc.Arbitrary<Program> = fc.record({
  // Of those that share a guard, two resume within one step at times that are exact.
  tickers: fc
    .array(ticker, { minLength: 1, maxLength: 3 })
    .map((all) => all.map((each, at) => (at < 2 ? each : { ...each, isGuarded: false }))),
  commands: fc.array(
    fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(1, 8, 34, 95, 290, 771) }),
      },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('block' as const), ms: fc.constantFrom(5, 44, 262) }) },
      {
        weight: 3,
        arbitrary: fc.record({
          do: fc.constantFrom('pause' as const, 'resume' as const, 'resume' as const),
          ticker: index,
        }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('close' as const, 'cancel' as const), ticker: index }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('period' as const), ticker: index, period }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('breach' as const, 'clear' as const) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('add' as const) }) },
    ),
    { maxLength: 30, size: 'max' },
  ),
})

// No machine crosses this line.
const LINE = 1e15

/** A few turns of the real event loop: promises settle, and the events of guards are delivered. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
}

async function fire(): Promise<void> {
  for (let first = machine.timers[0]; first !== undefined && first.due <= machine.time; first = machine.timers[0]) {
    machine.timers.shift()
    first.callback()
    await turns()
  }
}

async function advance(ms: number): Promise<void> {
  const until = machine.time + ms
  while (Math.max(machine.time, machine.next) <= until) {
    machine.time = Math.max(machine.time, machine.next)
    await fire()
    if (!machine.notify()) continue
    machine.isDelivering = true
    drain()
    machine.isDelivering = false
    await turns()
  }
  machine.time = Math.max(machine.time, until)
}

/** A ticker with what it was seen to do. */
class Real {
  readonly log: string[] = []
  readonly token = new CancelationToken()
  readonly ticker: Ticker

  /** @param all with this one, once it is there */
  constructor(given: GivenTicker, watched: Guard, all: readonly Real[]) {
    const { bodies, isGuarded, whileBreached, period: ms, catches, ...options } = given
    let count = 0
    this.ticker = every(
      ms,
      (cancel, { index: beat, due, late, missed }) => {
        this.log.push(`${machine.time}: beat ${beat} of ${due}, ${late} late, ${missed} missed`)
        return this.#run(bodies[count++ % bodies.length]!, cancel, all)
      },
      {
        ...options,
        token: this.token,
        onState: (state) => this.log.push(`${machine.time}: ${state}`),
        ...(catches && {
          onError: (error) => this.log.push(`${machine.time}: error ${(error as Error).message}`),
        }),
        ...(isGuarded && {
          guard: watched,
          whileBreached: typeof whileBreached === 'number' ? { slow: whileBreached } : whileBreached,
        }),
      },
    )
    this.ticker.done.then(
      (reason) => this.log.push(`done, ${reason === undefined ? 'closed' : reason.kind}`),
      (error: Error) => this.log.push(`done, error ${error.message}`),
    )
  }

  #run({ work, ends, wait, obeys, period: ms }: GivenBody, cancel: Cancelable, all: readonly Real[]): unknown {
    machine.time += work
    if (ms !== undefined) for (const each of all) each.ticker.period = ms
    if (ends === 'return') return undefined
    if (ends === 'throw') throw new Error('thrown')
    return new Promise<void>((resolve, reject) => {
      const end = ends === 'reject' ? () => reject(new Error('rejected')) : resolve
      const timer = machine.setTimeout(end, wait)
      if (!obeys) return
      cancel.onCancel(() => {
        machine.clearTimeout(timer)
        reject(new DOMException('Aborted', 'AbortError'))
      })
    })
  }

  get stats(): Record<string, number> {
    const { ticks, missed, overruns, timeouts, running } = this.ticker.stats
    return { ticks, missed, overruns, timeouts, running }
  }
}

const BODY: GivenBody = { work: 0, ends: 'return', wait: 3, obeys: false, period: undefined }
const TICKER: GivenTicker = {
  period: 10,
  missed: 'coalesce',
  maxBurst: 4,
  concurrency: 1,
  timeout: undefined,
  isGuarded: false,
  whileBreached: 'run',
  priority: 0,
  catches: false,
  bodies: [BODY],
}

/** Shrunk programs for which the library was wrong. */
const known: readonly Program[] = [
  // Beats that waited were due by the period of later.
  {
    tickers: [
      {
        ...TICKER,
        missed: 'burst',
        isGuarded: true,
        whileBreached: 2,
        bodies: [{ ...BODY, ends: 'resolve', wait: 46 }],
      },
    ],
    commands: [{ do: 'advance', ms: 95 }, { do: 'advance', ms: 34 }, { do: 'breach' }],
  },
  {
    tickers: [
      { ...TICKER, bodies: [{ ...BODY, work: 37, period: 50 }, BODY] },
      { ...TICKER, missed: 'burst' },
    ],
    commands: [{ do: 'add' }, { do: 'advance', ms: 8 }, { do: 'block', ms: 44 }],
  },
  // An abandoned body was measured up to then.
  {
    tickers: [{ ...TICKER, period: 50, timeout: 19, bodies: [{ ...BODY, ends: 'resolve', wait: 111 }] }],
    commands: [],
  },
]

export const tickers: Model<Program> = {
  programs,
  known,
  runs: 40,
  async run({ tickers: all, commands }) {
    machine.begin()
    Object.assign(loadAddon(), machine.calls)
    const naive = new NaiveWorld(machine.time)
    using watched = guard({ sockets: { above: LINE, for: 0, clearFor: 0, onMissing: 'ignore' } })
    const real: Real[] = []
    let breach: FakeBreach | undefined
    const add = (): void => {
      const given = all[real.length]
      if (given === undefined) return
      naive.add(given)
      real.push(new Real(given, watched, real))
    }
    add()
    try {
      for (const command of [...commands, { do: 'advance' as const, ms: 1000 }]) {
        const at = 'ticker' in command ? command.ticker % real.length : 0
        const [model, one] = [naive.tickers[at]!, real[at]!]
        switch (command.do) {
          case 'advance':
            naive.advance(command.ms)
            await advance(command.ms)
            break
          case 'block':
            naive.time += command.ms
            machine.time += command.ms
            break
          case 'pause':
          case 'resume':
            model.pause(command.do === 'pause')
            one.ticker[command.do]()
            break
          case 'close':
            model.close()
            void one.ticker.close()
            break
          case 'cancel':
            model.cancel('manual')
            one.token.cancel('by the test')
            break
          case 'period':
            model.setPeriod(command.period)
            one.ticker.period = command.period
            break
          case 'breach':
            naive.breach(true)
            breach ??= fakeBreach(watched, 'sockets', 2 * LINE)
            break
          case 'clear':
            naive.breach(false)
            breach?.[Symbol.dispose]()
            breach = undefined
            break
          case 'add':
            add()
        }
        await turns()
        naive.settle()
        if (naive.isAmbiguous) return 0
        real.forEach((each, place) => {
          const expected = naive.tickers[place]!
          expect(each.log).toEqual(expected.log)
          expect(each.ticker.state).toBe(expected.state)
          expect(each.stats).toEqual(expected.stats)
        })
        expect(machine.time).toBe(naive.time)
      }
      return commands.length
    } finally {
      breach?.[Symbol.dispose]()
      for (const { token } of real) token.cancel('the end')
      await turns()
    }
  },
}
