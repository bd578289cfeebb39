/** Open guards with fake breaches on a test clock, which begin, clear, end and overlap, against the model. */
import * as fc from 'fast-check'
import { expect } from 'vitest'
import { guard, type Guard, type Limits } from '../../src/index.js'
import { fakeBreach, useClock, type FakeBreach } from '../../src/testing/index.js'
import { GuardHistory, type ModelLimit, type Seen } from './guard-model.js'
import type { Model } from './harness.js'

// The machine never crosses these lines.
const METRICS = ['process.rss', 'process.threads', 'sockets'] as const
const LINE = 1e15
const BEYOND = 2e15

// All times are multiples of this, so the model looks often enough.
const STEP = 500

interface GivenGuard {
  readonly limits: readonly { readonly for: number; readonly clearFor: number }[]
  readonly mode: 'any' | 'all'
  readonly minHold: number
}

type Command =
  | { readonly do: 'fake'; readonly guard: number; readonly metric: number }
  | { readonly do: 'clear'; readonly fake: number }
  | { readonly do: 'dispose'; readonly fake: number }
  | { readonly do: 'advance'; readonly steps: number }
  | { readonly do: 'close'; readonly guard: number }

export interface Program {
  readonly guards: readonly GivenGuard[]
  readonly commands: readonly Command[]
}

const duration = fc.constantFrom(0, STEP, 2 * STEP, 5 * STEP)

const programs: fc.Arbitrary<Program> = fc.record({
  guards: fc.array(
    fc.record({
      limits: fc.array(fc.record({ for: duration, clearFor: duration }), { minLength: 1, maxLength: METRICS.length }),
      mode: fc.constantFrom('any', 'all'),
      minHold: duration,
    }),
    { minLength: 1, maxLength: 3 },
  ),
  commands: fc.array(
    fc.oneof(
      { weight: 4, arbitrary: fc.record({ do: fc.constant('fake' as const), guard: fc.nat(), metric: fc.nat() }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('clear' as const), fake: fc.nat() }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('dispose' as const), fake: fc.nat() }) },
      {
        weight: 5,
        arbitrary: fc.record({ do: fc.constant('advance' as const), steps: fc.integer({ min: 1, max: 4 }) }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const), guard: fc.nat() }) },
    ),
    { maxLength: 40, size: 'max' },
  ),
})

interface ModelFake {
  readonly guard: Watched
  readonly metric: number
  isCleared: boolean
  readonly real: FakeBreach
}

/** A guard and its model. */
class Watched {
  readonly real: Guard
  readonly fakes: ModelFake[] = []
  readonly count: number
  readonly #given: GivenGuard
  readonly #lines: readonly ModelLimit[]
  #history: GuardHistory | undefined
  /** What each limit is given, once a fake breach concerned it. */
  #values: Seen[] = []
  isClosed = false
  /** Edges that the model expects, and that came. */
  readonly expected: string[] = []
  readonly came: string[] = []

  constructor(given: GivenGuard) {
    this.#given = given
    this.count = given.limits.length
    this.#lines = given.limits.map((limit) => ({
      ...limit,
      direction: 'above',
      enter: LINE,
      exit: LINE - LINE * 0.1,
      onMissing: 'throw',
    }))
    const limits: Limits = Object.fromEntries(
      given.limits.map((limit, index) => [METRICS[index], { above: LINE, for: limit.for, clearFor: limit.clearFor }]),
    )
    this.real = guard(limits, { mode: given.mode, minHold: given.minHold })
    this.real.on('breach', () => this.came.push('breach'))
    this.real.on('clear', () => this.came.push('clear'))
  }

  get state(): string {
    return this.#history?.state ?? 'clear'
  }

  /** Lets the model look at a time, as the player does at each change and when a dwell ends. */
  look(time: number): void {
    if (this.#history === undefined || this.isClosed) return
    const wasBreached = this.#history.isBreached
    this.#history.see(time, 0, this.#values)
    this.#edge(wasBreached, this.#history.isBreached)
  }

  #edge(before: boolean, after: boolean): void {
    if (before !== after) this.expected.push(after ? 'breach' : 'clear')
  }

  update(time: number): void {
    if (this.fakes.length === 0) {
      // It watches the machine again, which crosses no line.
      this.#edge(this.#history?.isBreached ?? false, false)
      this.#history = undefined
      this.#values = []
      return
    }
    this.#history ??= new GuardHistory(this.#lines, this.#given.mode === 'all', this.#given.minHold)
    this.#lines.forEach(({ exit }, index) => {
      const fake = this.fakes.findLast(({ metric }) => metric === index)
      if (fake !== undefined) this.#values[index] = fake.isCleared ? exit : BEYOND
      else if (this.#values[index] !== undefined) this.#values[index] = exit
    })
    this.look(time)
  }

  check(): void {
    if (this.isClosed) return
    expect(this.real.state).toBe(this.state)
    expect(this.real.isBreached).toBe(this.state === 'breached' || this.state === 'clearing')
    expect(this.came).toEqual(this.expected)
  }
}

export const fakeBreaches: Model<Program> = {
  programs,
  runs: 25,
  async run({ guards: given, commands }) {
    using clock = useClock()
    const guards = given.map((each) => new Watched(each))
    let fakes: ModelFake[] = []
    const drop = (fake: ModelFake): void => {
      fakes = fakes.filter((each) => each !== fake)
      fake.guard.fakes.splice(fake.guard.fakes.indexOf(fake), 1)
    }
    try {
      for (const command of commands) {
        const now = clock.now()
        if (command.do === 'fake') {
          const watched = guards[command.guard % guards.length]!
          const metric = command.metric % watched.count
          if (watched.isClosed) {
            expect(() => fakeBreach(watched.real, METRICS[metric]!, BEYOND)).toThrow('not closed')
            continue
          }
          const fake = {
            guard: watched,
            metric,
            isCleared: false,
            real: fakeBreach(watched.real, METRICS[metric]!, BEYOND),
          }
          fakes.push(fake)
          watched.fakes.push(fake)
          watched.update(now)
        } else if (command.do === 'clear' || command.do === 'dispose') {
          const fake = fakes[command.fake % fakes.length]
          if (fake === undefined) continue
          if (command.do === 'clear') {
            fake.real.clear()
            fake.isCleared = true
          } else {
            fake.real[Symbol.dispose]()
            drop(fake)
          }
          fake.guard.update(now)
        } else if (command.do === 'close') {
          const watched = guards[command.guard % guards.length]!
          watched.real.close()
          watched.isClosed = true
        } else {
          for (let i = 0; i < command.steps; i++) {
            await clock.advance(STEP)
            for (const each of guards) each.look(clock.now())
            for (const each of guards) each.check()
          }
          continue
        }
        // Inside code that never yields, too.
        for (const each of guards) if (!each.isClosed) expect(each.real.state).toBe(each.state)
        await clock.advance(0)
        for (const each of guards) each.check()
      }
    } finally {
      for (const { real } of fakes) real[Symbol.dispose]()
      for (const { real } of guards) real.close()
    }
    return commands.length
  },
}
