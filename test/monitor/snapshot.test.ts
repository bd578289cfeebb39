/** Values without a limit: snapshots, samples, capabilities. */
import { describe, expect, it } from 'vitest'
import { guard } from '../../src/monitor/guard.js'
import { capabilities } from '../../src/monitor/capabilities.js'
import { sample, samples, snapshot } from '../../src/monitor/snapshot.js'
import { eventually } from '../helpers/eventually.js'
import type { FakeMachine } from '../helpers/fake-machine.js'
import { onFreshMachines } from '../helpers/fresh-machine.js'

let machine: FakeMachine
onFreshMachines((fresh) => (machine = fresh))

describe('snapshot', () => {
  it('has the metrics that are being sampled, and no others', () => {
    expect([...snapshot()]).toEqual([])
    using watched = guard({ memory: 90 })
    expect(watched.state).toBe('clear')
    const now = snapshot()
    expect(now.get('memory')!.value).toBeCloseTo(50)
    expect(now.get('memory')!.at).toBeLessThanOrEqual(now.at)
    expect(now.get('load')).toBeUndefined()
    expect(JSON.parse(JSON.stringify(now))).toMatchObject([{ metric: 'memory', unit: '%' }])
  })

  it('keeps its values when newer ones arrive', async () => {
    using watched = guard({ memory: 90 }, { within: 10 })
    const before = snapshot()
    machine.setMemory(60)
    await eventually(() => snapshot().get('memory')!.value > 55)
    expect(before.get('memory')!.value).toBeCloseTo(50)
    expect(watched.isBreached).toBe(false)
  })

  it('suggests the nearest name for an unknown metric', () => {
    expect(() => snapshot().get('memroy' as 'memory')).toThrow(/Did you mean 'memory'/)
  })
})

describe('sample', () => {
  it('reads once, even if nothing is being sampled', async () => {
    machine.setMemory(25)
    const now = await sample(['memory', 'memory.available', 'swap'])
    expect(now.get('memory')!.value).toBeCloseTo(25)
    expect(now.get('memory.available')!.value).toBe(750_000 * 1024)
    expect(now.get('swap')!.value).toBeCloseTo(25)
  })

  it('waits for the first window of a share over time', async () => {
    let busy = 100
    const advance = (): void => {
      busy += 10
      const ticks = `${busy} 0 0 ${busy * 3} 0 0 0 0 0 0`
      machine.write('proc/stat', `cpu  ${ticks}\ncpu0 ${ticks}\n`)
    }
    advance()
    const ticks = setInterval(advance, 20)
    const now = await sample('cpu.host')
    clearInterval(ticks)
    expect(now.get('cpu.host')!.value).toBeCloseTo(25, 0)
  })

  it('does not wait forever for counters that stand still', async () => {
    const now = await sample(['cpu.host', 'memory'])
    expect(now.get('cpu.host')).toBeUndefined()
    expect(now.get('memory')).toBeDefined()
  })

  it.each([
    [['nonsense'], 'ERR_INVALID_ARG_VALUE'],
    [[], 'ERR_INVALID_ARG_VALUE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
    [[null], 'ERR_INVALID_ARG_TYPE'],
    [[{ metric: 'memory', pid: 1 }], 'ERR_INVALID_ARG_VALUE'],
    [[{ metric: 'disk', path: 7 }], 'ERR_INVALID_ARG_TYPE'],
    [[{ metric: 'memory', zone: 'x' }], 'ERR_INVALID_ARG_VALUE'],
    [[{ metric: 'memory', nonsense: 1 }], 'ERR_INVALID_ARG_VALUE'],
  ])('%j is %s', async (metrics, code) => {
    await expect(sample(metrics as never)).rejects.toMatchObject({ code })
  })

  it('takes several metrics as an array only', async () => {
    const several = sample as (...metrics: string[]) => Promise<unknown>
    await expect(several('memory', 'load')).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message:
        "The \"metrics\" argument must be one metric, or an array of several: ['cpu', 'memory']. Received 'memory', 'load'",
    })
  })

  it('says why a metric is unavailable', async () => {
    await expect(sample('pressure.io')).rejects.toMatchObject({
      code: 'ERR_TRIPLINE_METRIC_UNAVAILABLE',
      metric: 'pressure.io',
    })
  })
})

describe('samples', () => {
  it('arrive one after the other, each with newer values, until the consumer stops', async () => {
    const times: number[] = []
    for await (const each of samples({ metrics: ['memory', 'load'], interval: 10 })) {
      times.push(each.get('memory')!.at)
      if (times.length === 5) break
    }
    expect(new Set(times).size).toBe(5)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
  })

  it('have a share in the first snapshot, however long their interval', async () => {
    let busy = 100
    const advance = (): void => {
      busy += 10
      machine.write('proc/stat', `cpu  ${busy} 0 0 ${busy * 3} 0 0 0 0 0 0\ncpu0 ${busy} 0 0 ${busy * 3} 0 0 0 0 0 0\n`)
    }
    advance()
    const ticks = setInterval(advance, 20)
    for await (const first of samples({ metrics: 'cpu.host', interval: '3s' })) {
      expect(first.get('cpu.host')!.value).toBeCloseTo(25, 0)
      break
    }
    clearInterval(ticks)
  })

  it('take metrics as text, and distinguish those of one name', async () => {
    for await (const first of samples({
      metrics: ['disk(/tmp)', 'disk', { metric: 'disk', path: '/' }],
      interval: 10,
    })) {
      const paths = [...first].map(({ path }) => path)
      expect(paths).toEqual(['/tmp', process.cwd(), '/'])
      const [tmp, here, root] = [...first].map(({ at, value }) => ({ at, value }))
      expect(first.get('disk(/)')).toEqual(root)
      expect(first.get('disk', {})).toEqual(here)
      expect(first.get('disk')).toEqual(tmp)
      expect(first.get('disk', { path: '/tmp' })).toEqual(tmp)
      expect(first.get('disk(/var)')).toBeUndefined()
      break
    }
  })

  it('end with an error when the metric is lost', async () => {
    const readings = samples({ metrics: 'memory', interval: 10 })
    await readings.next()
    machine.write('proc/meminfo', 'garbage\n')
    await expect(
      (async () => {
        for await (const _ of readings) continue
      })(),
    ).rejects.toMatchObject({ code: 'ERR_TRIPLINE_METRIC_UNAVAILABLE' })
  })
})

describe('capabilities', () => {
  it('say where each metric is read, or why it is unavailable', () => {
    const all = capabilities()
    const of = (name: string): (typeof all)[number] => all.find((each) => each.metric === name)!
    expect(of('memory')).toMatchObject({ available: true, unit: '%', origin: `${machine.root}/proc/meminfo`, why: '' })
    expect(of('pressure.cpu')).toMatchObject({ available: false, origin: '' })
    expect(of('pressure.cpu').why).toMatch(/ENOENT/)
  })
})
