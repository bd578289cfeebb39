/** Streams of samples whose next item is no longer awaited. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { samplerStats } from '../../src/addon/sampler.js'
import { realTimers } from '../../src/base/real-timers.js'
import { samples, type SamplesOptions } from '../../src/monitor/snapshot.js'
import { runModule } from '../helpers/child.js'
import { eventually } from '../helpers/eventually.js'
import type { FakeMachine } from '../helpers/fake-machine.js'
import { onFreshMachines } from '../helpers/fresh-machine.js'

const KINDS: [string, SamplesOptions][] = [
  ['snapshots', { metrics: ['memory', 'load'], interval: 5 }],
  ['blocks', { metrics: ['memory', 'load'], interval: 5, batch: 4 }],
]

const SWEEP_MS = 5000
const NEVER_MS = 1e9

describe('a stream whose next item is not awaited', () => {
  let machine: FakeMachine
  let sweep: (() => void) | undefined
  beforeAll(() => {
    // Others have intervals, too.
    vi.spyOn(realTimers, 'setInterval').mockImplementation(((callback: () => void, ms: number) => {
      if (ms === SWEEP_MS) sweep = callback
      return setInterval(callback, ms === SWEEP_MS ? NEVER_MS : ms)
    }) as typeof setInterval)
  })
  afterAll(() => void vi.restoreAllMocks())
  onFreshMachines((fresh) => (machine = fresh))

  it.each(KINDS)('rests, and continues with the next item: %s', async (_, options) => {
    const stream = samples(options as SamplesOptions & { batch: number })
    await stream.next()
    sweep!()
    expect(samplerStats()!.running).toBe(true)
    sweep!()
    await eventually(() => !samplerStats()!.running, 'the thread ends while the stream rests')
    machine.setMemory(75)
    const { value } = await stream.next()
    if (options.batch === undefined) {
      expect((value as unknown as { get(name: string): { value: number } }).get('memory').value).toBeCloseTo(75)
    } else {
      expect(value!.values.memory!.every((each) => Math.round(each) === 75)).toBe(true)
      // All samples during the rest.
      expect(value!.missed).toBeGreaterThan(0)
    }
    await stream.return()
  })

  it.each(KINDS)('does not rest while its next item is awaited, nor between items: %s', async (_, options) => {
    const stream = samples({ ...options, interval: 20 } as SamplesOptions & { batch: number })
    for (let i = 0; i < 3; i++) {
      const next = stream.next()
      for (let sweeps = 0; sweeps < 10; sweeps++) sweep?.()
      await next
      sweep!()
      expect(samplerStats()!.running).toBe(true)
    }
    await stream.return()
  })
})

describe('a stream that is dropped', () => {
  it('is ended by garbage collection, and keeps no process alive', async () => {
    const outcome = await runModule(
      `
      const { samples, samplerStats } = tripline
      const next = (options) => samples(options)[Symbol.asyncIterator]().next()
      for (let i = 0; i < 20; i++) {
        await next({ metrics: ['memory', 'process.rss'], interval: '250us', batch: 10 })
        await next({ metrics: 'process.threads', interval: 1 })
      }
      for (let i = 0; i < 1000 && samplerStats().series > 0; i++) {
        gc()
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      console.log(samplerStats().series)
      for (const options of [{ metrics: 'memory', batch: 1 }, { metrics: 'memory' }]) await next(options)
      `,
      { flags: ['--expose-gc'] },
    )
    expect(outcome).toMatchObject({ stdout: '0\n', stderr: '', code: 0 })
  })
})
