/** The order in which tickers give way to a breach and come back, one step at a time, on a timer that the test fires. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Guard } from '../../src/monitor/guard.js'
import type * as SheddingModule from '../../src/schedule/shedding.js'

/** The timer of the shedding under test. */
let due: number | undefined
let fire: () => void

class ScriptedTimer {
  constructor(expired: () => void) {
    fire = () => {
      expect(due).toBe(250)
      due = undefined
      expired()
    }
  }
  start(ms: number): void {
    due = ms
  }
  stop(): void {
    due = undefined
  }
}

class ScriptedGuard {
  isBreached = false
  dryRun = false
  readonly listeners = new Map<string, () => void>()
  readonly waits: ((error: Error) => void)[] = []

  on(event: string, listener: () => void): Disposable {
    expect(this.listeners.has(event)).toBe(false)
    this.listeners.set(event, listener)
    return { [Symbol.dispose]: () => void this.listeners.delete(event) }
  }
  whenClear(): Promise<void> {
    return new Promise((_, reject) => void this.waits.push(reject))
  }
  close(): void {
    this.isBreached = false
    for (const reject of this.waits) reject(new Error('closed'))
  }
  turn(isBreached: boolean): void {
    this.isBreached = isBreached
    this.listeners.get(isBreached ? 'breach' : 'clear')!()
  }
}

let guard: ScriptedGuard
let shedding: SheddingModule.Shedding
let moves: string[]

beforeEach(async () => {
  vi.resetModules()
  vi.doMock('../../src/engine/timers.js', () => ({ Timer: ScriptedTimer }))
  const { Shedding } = await import('../../src/schedule/shedding.js')
  guard = new ScriptedGuard()
  shedding = Shedding.of(guard as unknown as Guard)
  expect(Shedding.of(guard as unknown as Guard)).toBe(shedding)
  due = undefined
  moves = []
})
afterEach(() => {
  vi.doUnmock('../../src/engine/timers.js')
  vi.resetModules()
})

class Member implements SheddingModule.Sheddable {
  readonly priority: number
  readonly #name: string
  onShed: () => void = () => undefined

  constructor(name: string, priority: number) {
    this.#name = name
    this.priority = priority
    shedding.join(this)
  }
  shed(): void {
    moves.push(`-${this.#name}`)
    this.onShed()
  }
  restore(delay: number): void {
    expect(delay).toBeGreaterThanOrEqual(0)
    expect(delay).toBeLessThan(250)
    moves.push(`+${this.#name}`)
  }
  leave(): void {
    shedding.leave(this)
  }
}

const joins = (name: string, priority: number): Member => new Member(name, priority)

/** The moves since the last call. */
const taken = (): string[] => moves.splice(0)

it('the lowest gives way first, the highest comes back first, and no timer is left', () => {
  for (const [name, priority] of [
    ['b', 2],
    ['a', 1],
    ['c', 3],
    ['a2', 1],
  ] as const)
    joins(name, priority)
  guard.turn(true)
  expect(taken()).toEqual(['-a2', '-a'])
  fire()
  expect(taken()).toEqual(['-b'])
  fire()
  expect([taken(), due]).toEqual([['-c'], undefined])
  // One that joins now gives way at once.
  joins('late', 5)
  expect([taken(), due]).toEqual([['-late'], undefined])
  guard.turn(false)
  expect(taken()).toEqual(['+late'])
  fire()
  expect(taken()).toEqual(['+c'])
  fire()
  expect(taken()).toEqual(['+b'])
  fire()
  expect([taken(), due]).toEqual([['+a', '+a2'], undefined])
})

it('a clear guard that is breached again sheds those that are back', () => {
  for (const priority of [1, 2, 3]) joins(String(priority), priority)
  guard.turn(true)
  fire()
  guard.turn(false)
  expect(taken()).toEqual(['-1', '-2', '+2'])
  guard.turn(true)
  expect(taken()).toEqual(['-2'])
  fire()
  expect([taken(), due]).toEqual([['-3'], undefined])
})

it('a breach that is over before the next step leaves no timer', () => {
  for (const priority of [1, 2]) joins(String(priority), priority)
  guard.turn(true)
  expect([taken(), due]).toEqual([['-1'], 250])
  guard.turn(false)
  expect([taken(), due]).toEqual([['+1'], undefined])
})

it('those of one priority come back spread over a step, in turn', () => {
  const delays: number[] = []
  for (let i = 0; i < 5; i++)
    shedding.join({ priority: 1, shed: () => undefined, restore: (delay) => delays.push(delay) })
  guard.turn(true)
  guard.turn(false)
  delays.forEach((delay, place) => expect(Math.floor(delay / 50)).toBe(place))
  expect(delays).toHaveLength(5)
})

it('a guard that is closed while it is breached lets all come back', async () => {
  for (const priority of [1, 2]) joins(String(priority), priority)
  guard.turn(true)
  fire()
  guard.close()
  await Promise.resolve()
  await Promise.resolve()
  // One priority at a time, as after a breach that ends.
  expect([taken(), due]).toEqual([['-1', '-2', '+2'], 250])
  fire()
  expect([taken(), due]).toEqual([['+1'], undefined])
})

it('a dry run sheds nothing', () => {
  guard.dryRun = true
  joins('a', 1)
  guard.turn(true)
  joins('b', 1)
  guard.turn(false)
  expect([taken(), due]).toEqual([[], undefined])
})

it('one that leaves is not moved any more, and the last takes the listeners and the timer along', () => {
  const [a, b, c] = [1, 2, 3].map((priority) => joins(String(priority), priority))
  // Closed by the body of the one that gave way before.
  const twin = joins('twin', 1)
  twin.onShed = () => a!.leave()
  guard.turn(true)
  expect(taken()).toEqual(['-twin'])
  b!.leave()
  b!.leave()
  fire()
  expect(taken()).toEqual(['-3'])
  twin.leave()
  guard.turn(false)
  expect([taken(), due]).toEqual([['+3'], undefined])
  guard.turn(true)
  const d = joins('4', 4)
  guard.turn(false)
  expect(due).toBe(250)
  d.leave()
  expect(guard.listeners.size).toBe(2)
  c!.leave()
  expect([guard.listeners.size, due]).toEqual([0, undefined])
  // The next ones begin anew.
  joins('again', 1)
  expect(guard.listeners.size).toBe(2)
})
