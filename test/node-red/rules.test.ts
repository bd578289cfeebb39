/** The pure rules of the Node-RED nodes: what a guard node does with a message, and how fast it releases. */
import { createRequire } from 'node:module'
import { describe, expect, it, vi } from 'vitest'

interface Gate {
  readonly held: number
  readonly dropped: number
  start(): void
  accept(item: unknown, breached: boolean, now: number): 'pass' | 'hold' | 'drop' | 'swap'
  release(count: number): unknown[]
}
interface Release {
  readonly running: boolean
  start(): void
  stop(): void
}

const load = createRequire(new URL('../../contrib/node-red/lib/gate.js', import.meta.url))
const { Gate } = load('./gate.js') as { Gate: new (settings: object) => Gate }
const { Release } = load('./release.js') as { Release: new (rate: number, take: (n: number) => boolean) => Release }
const { number, choice, limits } = load('./fields.js') as {
  number: (field: unknown, name: string, bounds: object) => unknown
  choice: (field: unknown, name: string, allowed: string[]) => string
  limits: (rows: unknown, onMissing: string) => object
}

const verdicts = (gate: Gate, count: number, breached: boolean, step = 1) =>
  Array.from({ length: count }, (_, index) => gate.accept(index, breached, index * step))

describe('the gate of a guard node', () => {
  it('holds up to its capacity, drops and counts the rest, and releases in order', () => {
    const gate = new Gate({ policy: 'hold', capacity: 3 })
    expect(verdicts(gate, 5, true)).toEqual(['hold', 'hold', 'hold', 'drop', 'drop'])
    expect([gate.held, gate.dropped]).toEqual([3, 2])
    expect(gate.release(2)).toEqual([0, 1])
    expect(gate.release(2)).toEqual([2])
  })

  it('keeps the order: behind held messages, others are held although all is clear', () => {
    const gate = new Gate({ policy: 'hold', capacity: 3 })
    gate.accept('first', true, 0)
    expect(gate.accept('second', false, 0)).toBe('swap')
    expect(gate.release(Infinity)).toEqual(['first', 'second'])
    expect(gate.accept('third', false, 0)).toBe('pass')
  })

  it('lets a held message pass for each that comes once all is clear, so that the queue cannot stay full', () => {
    const gate = new Gate({ policy: 'hold', capacity: 2 })
    verdicts(gate, 3, true)
    expect(verdicts(gate, 2, false)).toEqual(['swap', 'swap'])
    expect([gate.release(Infinity), gate.dropped]).toEqual([[0, 1, 0, 1], 1])
  })

  it('thins by number and by interval, anew with each breach', () => {
    const every = new Gate({ policy: 'every', every: 3, capacity: 1 })
    expect(verdicts(every, 4, true)).toEqual(['pass', 'drop', 'drop', 'pass'])
    every.start()
    expect([every.accept('x', true, 0), every.dropped]).toEqual(['pass', 0])
    const interval = new Gate({ policy: 'interval', interval: 100, capacity: 1 })
    expect(verdicts(interval, 5, true, 50)).toEqual(['pass', 'drop', 'pass', 'drop', 'pass'])
  })
})

describe('the release of held messages', () => {
  it.each([
    [0.5, 10_000, 5],
    [3, 10_000, 30],
    [50, 1000, 50],
    [10_000, 1000, 10_000],
  ])('is at most %d per second', (rate, time, expected) => {
    vi.useFakeTimers()
    try {
      let released = 0
      const release = new Release(rate, (count) => {
        released += count
        return true
      })
      release.start()
      vi.advanceTimersByTime(time)
      release.stop()
      expect(Math.abs(released - expected)).toBeLessThanOrEqual(1)
      vi.advanceTimersByTime(time)
      expect(Math.abs(released - expected)).toBeLessThanOrEqual(1)
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('the fields of the editor', () => {
  it('are read with their bounds, and named if they are wrong', () => {
    expect(number(' 7 ', 'Queue', { min: 1, max: 10 })).toBe(7)
    expect(number('', 'Queue', { min: 1, max: 10, otherwise: 4 })).toBe(4)
    expect(() => number('7x', 'Queue', { min: 1, max: 10 })).toThrow(
      "Queue must be a number from 1 to 10. Received '7x'",
    )
    expect(() => number(1.5, 'Queue', { min: 1, max: 10, whole: true })).toThrow(/whole number/)
    expect(() => choice('hoard', 'While breached', ['hold', 'drop'])).toThrow(/one of hold, drop. Received 'hoard'/)
  })

  it('become limits with the texts that the library reads, without empty ones', () => {
    const rows = [
      { metric: ' disk.free(/data) ', direction: 'below', value: ' 1GB ', for: '', clear: '2GB' },
      { metric: 'memory', value: '90', clearFor: '5s' },
      { metric: 'memory', value: '95%' },
      { metric: '__proto__', value: '1' },
    ]
    expect(limits(rows, 'breach')).toEqual(
      Object.fromEntries([
        ['disk.free(/data)', { below: '1GB', clear: '2GB', onMissing: 'breach' }],
        [
          'memory',
          [
            { above: '90', clearFor: '5s', onMissing: 'breach' },
            { above: '95%', onMissing: 'breach' },
          ],
        ],
        ['__proto__', { above: '1', onMissing: 'breach' }],
      ]),
    )
  })
})
