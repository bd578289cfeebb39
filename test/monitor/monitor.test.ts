/** Monitors: the newest values of metrics at once, or why there are none. */
import { describe, expect, expectTypeOf, it } from 'vitest'
import { samplerStats } from '../../src/addon/sampler.js'
import { monitor, type MissingReading, type MonitorReading } from '../../src/monitor/monitor.js'
import { eventually } from '../helpers/eventually.js'
import type { FakeMachine } from '../helpers/fake-machine.js'
import { onFreshMachines } from '../helpers/fresh-machine.js'
import { runModule } from '../helpers/child.js'

let machine: FakeMachine
onFreshMachines((fresh) => (machine = fresh))

describe('a monitor', () => {
  it('returns a level at once, and later its new value', async () => {
    using warm = monitor('memory', { interval: 10 })
    const first = warm.get('memory')
    expect(first).toMatchObject({ metric: 'memory', text: 'memory', selector: {}, unit: '%', state: 'known', why: '' })
    expect(first.value).toBeCloseTo(50)
    expect(first.at! + first.age!).toBeLessThanOrEqual(performance.now())
    expect(warm.interval).toBe(10)
    machine.setMemory(70)
    await eventually(() => warm.get('memory').value === 70)
  })

  it('reports that the first window of a share is not over, and is ready once it is', async () => {
    let busy = 100
    const advance = (): void => {
      busy += 10
      const ticks = `${busy} 0 0 ${busy * 3} 0 0 0 0 0 0`
      machine.write('proc/stat', `cpu  ${ticks}\ncpu0 ${ticks}\n`)
    }
    advance()
    using warm = monitor(['cpu.host', 'memory'], { interval: 10 })
    expect(warm.get('cpu.host')).toMatchObject({ state: 'pending', value: undefined, at: undefined, age: undefined })
    expect(warm.get('cpu.host').why).toMatch(/first window is not over/)
    const ticks = setInterval(advance, 20)
    await warm.ready
    clearInterval(ticks)
    expect(warm.get('cpu.host').value).toBeCloseTo(25, 0)
    await expect(warm.ready).resolves.toBeUndefined()
  })

  it('distinguishes series by their selectors, as text or as object', () => {
    using warm = monitor(['disk(/)', { metric: 'disk', path: '/tmp' }, 'disk', `process.rss(${process.pid})`])
    const texts = [...warm].map(({ text }) => text)
    expect(texts).toEqual(['disk(/)', 'disk(/tmp)', 'disk', 'process.rss'])
    expect(warm.get({ metric: 'disk', path: '/' })).toMatchObject({ selector: { path: '/' }, state: 'known' })
    expect(warm.get('disk(/tmp)').selector).toEqual({ path: '/tmp' })
    expect(warm.get('disk').text).toBe('disk')
    expect(warm.get({ metric: 'process.rss', pid: process.pid }).state).toBe('known')
    expect(JSON.parse(JSON.stringify(warm))).toHaveLength(4)
  })

  it('of one metric over several windows returns the first, or the requested one', () => {
    using warm = monitor([{ metric: 'cpu.host', over: '2s' }, 'cpu.host'])
    expect(warm.get({ metric: 'cpu.host', over: '2s' })).not.toBe(undefined)
    expect(() => warm.get({ metric: 'cpu.host', over: '3s' })).toThrow(/one of the monitor's metrics/)
  })

  it('fails if the machine lacks a metric, and leaves nothing open; or says why until the metric appears', async () => {
    machine.remove('proc/meminfo')
    expect(() => monitor(['load', 'memory'])).toThrow(
      expect.objectContaining({ code: 'ERR_TRIPLINE_METRIC_UNAVAILABLE', metric: 'memory' }) as Error,
    )
    expect(samplerStats()).toMatchObject({ series: 0 })
    using warm = monitor(['load', 'memory', 'memory.oomKills'], { interval: 10, onMissing: 'ignore' })
    await warm.ready
    expect(warm.get('memory')).toMatchObject({ state: 'unavailable', value: undefined })
    expect(warm.get('memory').why).toMatch(/meminfo.*ENOENT/)
    expect(warm.get('memory.oomKills').metric).toBe('memory.oomKills')
    machine.setMemory(95)
    await eventually(() => warm.get('memory').value === 95)
    machine.write('proc/meminfo', 'garbage\n')
    await eventually(() => warm.get('memory').state === 'unavailable')
  })

  it('stops reading when it is closed, says so, and rejects `ready`', async () => {
    const warm = monitor(['cpu.host', 'memory'])
    const { ready } = warm
    warm.close()
    warm.close()
    await expect(ready).rejects.toMatchObject({ name: 'AbortError' })
    expect(warm.closed).toBe(true)
    expect(warm.get('memory')).toMatchObject({ state: 'unavailable', why: 'the monitor was closed' })
    const late = monitor('memory')
    late[Symbol.dispose]()
    await expect(late.ready).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('does not keep the process alive, except after ref()', async () => {
    const outcome = await runModule(`
      tripline.monitor('memory').ready
      const held = tripline.monitor('process.cpu').ref().ref()
      await held.ready
      console.log(held.get('process.cpu').state)
      held.close()
      held.ref()
      tripline.monitor('memory').ref().unref()
    `)
    expect(outcome).toMatchObject({ code: 0, stdout: 'known\n', stderr: '' })
  })

  it.each([
    [[], {}, 'ERR_INVALID_ARG_VALUE', /at least one/],
    [[null], {}, 'ERR_INVALID_ARG_TYPE', /texts such as 'disk\(\/data\)'/],
    ['memroy', {}, 'ERR_INVALID_ARG_VALUE', /Did you mean 'memory'/],
    ['disk(/', {}, 'ERR_INVALID_ARG_VALUE', /selector in '\(\.\.\.\)'\n {2}disk\(\/\n {2} {4}\^$/],
    ['memory(x)', {}, 'ERR_INVALID_ARG_VALUE', /'memory' takes no selector\n {2}memory\(x\)\n {2} {6}\^$/],
    ['process.rss(abc)', {}, 'ERR_INVALID_ARG_VALUE', /expected a process id\n.*\n {2} {12}\^$/],
    ['disk(/) > 90', {}, 'ERR_INVALID_ARG_VALUE', /or the end\n {2}disk\(\/\) > 90\n {2} {8}\^$/],
    ['network.rx(nonesuch)', {}, 'ERR_TRIPLINE_METRIC_UNAVAILABLE', /there is .*lo/],
    ['memory', { interval: 0 }, 'ERR_OUT_OF_RANGE', /interval/],
    ['memory', { intervall: 1 }, 'ERR_INVALID_ARG_VALUE', /'interval'/],
    ['memory', { onMissing: 'breach' }, 'ERR_INVALID_ARG_VALUE', /'throw' or 'ignore'/],
    ['memory', null, 'ERR_INVALID_ARG_TYPE', /options/],
  ])('%j with %j is %s', (metrics, options, code, message) => {
    machine.write('proc/net/dev', 'Inter-| Receive\n face |bytes\n    lo: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n')
    const matches = { code, message: expect.stringMatching(message) as string }
    expect(() => monitor(metrics as never, options as never)).toThrow(expect.objectContaining(matches) as Error)
    expect(samplerStats()?.series ?? 0).toBe(0)
  })

  it('refuses a metric that it does not monitor', () => {
    using warm = monitor(['memory', 'disk(/)'])
    expect(() => warm.get('load')).toThrow(/one of the monitor's metrics \(memory, disk\(\/\)\)\. Received 'load'/)
    expect(() => warm.get('disk(/tmp)')).toThrow(/Received 'disk\(\/tmp\)'/)
    expect(() => warm.get('memroy' as 'memory')).toThrow(/Did you mean/)
  })

  it('has readings whose type says whether there is a value', () => {
    expectTypeOf<Extract<MonitorReading, { state: 'known' }>['value']>().toEqualTypeOf<number>()
    expectTypeOf<MissingReading['value']>().toEqualTypeOf<undefined>()
    // @ts-expect-error -- no such metric
    expect(() => monitor('memroy(x)')).toThrow(/memroy/)
  })
})
