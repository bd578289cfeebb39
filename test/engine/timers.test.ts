/** The lists of timers on a scripted clock: what expires when, in which order, and what keeps the process alive. */
import * as fc from 'fast-check'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { LONGEST_DELAY } from '../../src/base/clock.js'
import type * as Timers from '../../src/engine/timers.js'

/** Stands in for Node's timer, of which there may only be one. */
interface NodeTimer {
  readonly at: number
  readonly callback: () => void
  isRef: boolean
  ref(): void
  unref(): void
}

let timers: typeof Timers
let time: number
let armed: NodeTimer | undefined

const clock = {
  now: () => time,
  realNow: () => time,
  isClockReal: () => true,
  isPerformanceReal: () => true,
  substituteClock: () => undefined,
  LONGEST_DELAY,
}
const realTimers = {
  setTimeout: (callback: () => void, delay: number): NodeTimer => {
    expect(armed).toBeUndefined()
    expect(Number.isInteger(delay) && delay >= 1 && delay <= LONGEST_DELAY).toBe(true)
    const timer = {
      at: time + delay,
      callback,
      isRef: true,
      ref: () => void (timer.isRef = true),
      unref: () => void (timer.isRef = false),
    }
    armed = timer
    return timer
  },
  clearTimeout: (timer: NodeTimer | undefined) => {
    if (timer === armed) armed = undefined
  },
}

/** Lets time pass, as Node does. */
function advance(ms: number): void {
  const until = time + ms
  while (armed !== undefined && armed.at <= until) {
    const { at, callback } = armed
    time = at
    armed = undefined
    callback()
  }
  time = until
}

beforeEach(async () => {
  time = 1000
  armed = undefined
  vi.resetModules()
  vi.doMock('../../src/base/clock.js', () => clock)
  vi.doMock('../../src/base/real-timers.js', () => ({ realTimers, isFake: () => false }))
  timers = await import('../../src/engine/timers.js')
})
afterEach(() => {
  vi.doUnmock('../../src/base/clock.js')
  vi.doUnmock('../../src/base/real-timers.js')
  vi.resetModules()
})

type Step =
  | { readonly kind: 'start'; readonly duration: number; readonly keepsAlive: boolean; readonly isReal: boolean }
  | { readonly kind: 'stop'; readonly which: number }
  | { readonly kind: 'restart'; readonly which: number; readonly duration: number }
  | { readonly kind: 'advance'; readonly ms: number }

// Few durations, so that lists have several members, and some with fractions, which are rounded up.
const durations = fc.oneof(
  fc.integer({ min: 1, max: 12 }),
  fc.constantFrom(0, 0.25, 2.5, 11.75, 700, LONGEST_DELAY * 2),
)
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('start' as const),
      duration: durations,
      keepsAlive: fc.boolean(),
      isReal: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('stop' as const), which: fc.nat() }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('restart' as const), which: fc.nat(), duration: durations }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('advance' as const),
      ms: fc.oneof(fc.integer({ min: 0, max: 15 }), fc.double({ min: 0, max: 3, noNaN: true })),
    }),
  },
)

/** A timer that waits, and when it is due. */
interface Waiting {
  readonly timer: Timers.Timer
  due: number
  readonly keepsAlive: boolean
}

/** Runs a program, and compares each state with what the timers that wait require. */
function runProgram(program: readonly Step[], waiting: Set<Waiting>): void {
  for (const step of program) {
    let latest = -Infinity
    if (step.kind === 'start') {
      const { duration, keepsAlive, isReal } = step
      const timer = new timers.Timer(
        () => {
          expect(waiting.delete(entry)).toBe(true)
          expect(entry.due).toBeLessThanOrEqual(time)
          // The earliest first, whatever its list.
          expect(entry.due).toBeGreaterThanOrEqual(latest)
          latest = entry.due
        },
        keepsAlive,
        isReal,
      )
      const entry = { timer, due: time + duration, keepsAlive }
      waiting.add(entry)
      timer.start(duration)
    } else if (step.kind === 'stop' || step.kind === 'restart') {
      const entry = [...waiting][step.which % (waiting.size || 1)]
      if (entry === undefined) continue
      if (step.kind === 'restart') {
        entry.due = time + step.duration
        entry.timer.start(step.duration)
        continue
      }
      entry.timer.stop()
      entry.timer.stop()
      waiting.delete(entry)
    } else {
      advance(step.ms)
    }
    const dues = Array.from(waiting, ({ due }) => due)
    // Node's timers are that coarse.
    for (const due of dues) expect(due + 1).toBeGreaterThan(time)
    if (waiting.size > 0) expect(armed!.at).toBeLessThanOrEqual(Math.min(...dues) + 1)
    const holds = [...waiting].some(({ keepsAlive }) => keepsAlive)
    if (armed !== undefined) expect(armed.isRef).toBe(holds)
  }
}

it('each expires in the millisecond in which it is due, in order, and only some keep the process alive', () => {
  const property = fc.property(fc.array(steps, { minLength: 1, maxLength: 60 }), (program) => {
    const waiting = new Set<Waiting>()
    try {
      runProgram(program, waiting)
    } finally {
      for (const { timer } of waiting) timer.stop()
    }
  })
  fc.assert(property, { numRuns: 100 })
})

/** Starts a timer and stops it again, and returns the list that it was in. */
function listFor(duration: number, keepsAlive = false): Timers.TimerList {
  const timer = new timers.Timer(() => undefined, keepsAlive)
  timer.start(duration)
  const list = timer[timers.kTimerList]!
  timer.stop()
  return list
}

it('thousands of durations expire in order, also after the lists that are empty were dropped', () => {
  const expired: number[] = []
  const kept: number[] = []
  for (let i = 0; i < 2500; i++) {
    const duration = 10 + ((i * 2741) % 2500)
    const timer = new timers.Timer(() => expired.push(duration), false)
    timer.start(duration)
    if (i % 7 === 0) kept.push(duration)
    else timer.stop()
  }
  advance(10_000)
  expect(expired).toEqual(kept.toSorted((a, b) => a - b))
})

it.each([false, true])(
  'an empty list is used again, but dropped when there are many (keeping alive: %s)',
  (keepsAlive) => {
    const [five, six] = [listFor(5, keepsAlive), listFor(6, keepsAlive)]
    for (let round = 0; round < 3; round++) {
      expect(listFor(5, keepsAlive)).toBe(five)
      expect(listFor(6, keepsAlive)).toBe(six)
    }
    expect(listFor(5, !keepsAlive)).not.toBe(five)
    for (let duration = 10; duration < 1300; duration++) listFor(duration)
    expect(listFor(5, keepsAlive)).not.toBe(five)
    // The next ones begin anew.
    let expired = 0
    new timers.Timer(() => expired++, keepsAlive).start(5)
    expect(armed?.isRef).toBe(keepsAlive)
    advance(5)
    expect([expired, armed?.isRef ?? false]).toEqual([1, false])
  },
)

it('where many durations are in use, empty lists stay for longer', () => {
  const used = Array.from({ length: 1200 }, (_, place) => {
    const timer = new timers.Timer(() => undefined, false)
    timer.start(10 + place)
    return timer
  })
  listFor(5)
  const six = listFor(6)
  listFor(7)
  expect(listFor(6)).toBe(six)
  for (const each of used) each.stop()
})

it('one that is started again counts from then, and an infinite one never expires', () => {
  let expired = 0
  const timer = new timers.Timer(() => expired++, true)
  timer.start(10)
  advance(8)
  timer.start(10)
  advance(8)
  expect(expired).toBe(0)
  timer.start(Infinity)
  expect(armed?.isRef).toBe(false)
  advance(1e12)
  expect(expired).toBe(0)
})

it('one that waits is not added again', () => {
  const timer = new timers.Timer(() => undefined, true)
  timer.start(5)
  const list = timer[timers.kTimerList]
  timers.addTimer(timer, 50, true)
  expect(timer[timers.kTimerList]).toBe(list)
  timer.stop()
  expect(armed?.isRef).toBe(false)
})

it('an error of one does not hold up the others', () => {
  let expired = 0
  const failing = new timers.Timer(() => {
    throw new Error('mine')
  }, false)
  failing.start(5)
  new timers.Timer(() => expired++, false).start(6)
  expect(() => advance(5)).toThrow('mine')
  advance(5)
  expect(expired).toBe(1)
})
