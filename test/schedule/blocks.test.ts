/** Samples in blocks of typed arrays. */
import { describe, expect, it } from 'vitest'
import { samples } from '../../src/monitor/snapshot.js'
import type { FakeMachine } from '../helpers/fake-machine.js'
import { onFreshMachines } from '../helpers/fresh-machine.js'

let machine: FakeMachine
onFreshMachines((fresh) => (machine = fresh))

describe('samples in blocks', () => {
  it('come as arrays of the requested size', async () => {
    const before = performance.now()
    for await (const block of samples({ metrics: ['memory', 'swap'], interval: 1, batch: 25 })) {
      expect(block.at).toBeInstanceOf(Float64Array)
      expect(block.at).toHaveLength(25)
      expect(Object.keys(block.values)).toEqual(['memory', 'swap'])
      expect(Array.from(block.values.memory!)).toEqual(Array.from({ length: 25 }, () => 50))
      expect(block.values.swap![24]).toBeCloseTo(25)
      const times = Array.from(block.at)
      expect(times).toEqual(times.toSorted((a, b) => a - b))
      expect(new Set(times).size).toBe(25)
      expect(times[0]).toBeGreaterThan(before)
      expect(times[24]).toBeLessThanOrEqual(performance.now() + 1)
      break
    }
  })

  it('follow each other without a gap while the consumer keeps up, and otherwise say how many samples are missing', async () => {
    const stream = samples({ metrics: 'memory', interval: '250us', batch: 20 })
    const first = (await stream.next()).value!
    // Four blocks are kept; the rest of the time is lost.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
    const second = (await stream.next()).value!
    expect(second.missed).toBeGreaterThan(500)
    expect(second.at[0]!).toBeGreaterThan(first.at[19]!)
    const third = (await stream.next()).value!
    expect(third.at[0]!).toBeGreaterThan(second.at[19]!)
    await stream.return()
  })

  it('show a change', async () => {
    let blocks = 0
    for await (const { values } of samples({ metrics: 'memory', interval: 1, batch: 10 })) {
      if (blocks++ === 0) machine.setMemory(80)
      if (values.memory![9] === 80) break
      expect(blocks).toBeLessThan(1000)
    }
  })

  it('contain NaN during the first window of a share over time', async () => {
    machine.write('proc/stat', 'cpu  100 0 50 1000 0 0 0 0 0 0\n')
    for await (const { values } of samples({ metrics: 'cpu.host', interval: 1, batch: 5 })) {
      expect(values['cpu.host']![0]).toBeNaN()
      break
    }
  })

  it('of several consumers do not disturb each other', async () => {
    const sizes = await Promise.all(
      [3, 7, 11].map(async (batch) => {
        const stream = samples({ metrics: 'memory', interval: 1, batch })
        const { value } = await stream.next()
        await stream.return()
        return value!.at.length
      }),
    )
    expect(sizes).toEqual([3, 7, 11])
  })

  it.each([
    [{ metrics: 'memory', interval: '100us', batch: 10 }, 'ERR_OUT_OF_RANGE', /"interval".*250us/],
    [{ metrics: 'memory', interval: 1, batch: 0 }, 'ERR_OUT_OF_RANGE', /"batch"/],
    [{ metrics: 'memory', interval: 1, batch: 1.5 }, 'ERR_OUT_OF_RANGE', /"batch"/],
    [{ metrics: 'memory', interval: 1, batch: 1e6 }, 'ERR_OUT_OF_RANGE', /"batch"/],
    [{ metrics: ['memory', 'memory'], interval: 1, batch: 10 }, 'ERR_INVALID_ARG_VALUE', /each metric once/],
    [{ metrics: 'memory', interval: 1, bach: 10 }, 'ERR_INVALID_ARG_VALUE', /Did you mean 'batch'/],
  ])('%j are refused', (options, code, message) => {
    expect(() => samples(options as never)).toThrow(expect.objectContaining({ code }))
    expect(() => samples(options as never)).toThrow(message)
  })
})
