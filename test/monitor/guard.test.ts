/** Guards: their states, evidence, options, and ends. */
import { once } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { allocateFlag, freeFlag } from '../../src/addon/board.js'
import { describeBreach } from '../../src/monitor/breach.js'
import { guard, type Guard } from '../../src/monitor/guard.js'
import { connect, samplerStats } from '../../src/addon/sampler.js'
import type { CancelationError } from '../../src/base/cancelation-error.js'
import { Cancelable } from '../../src/cancelable/cancelable.js'
import { monitor } from '../../src/monitor/monitor.js'
import { sample, snapshot } from '../../src/monitor/snapshot.js'
import { acquireGuard, releaseGuard } from '../../src/monitor/shared-guards.js'
import type { Breach, ResourceReason } from '../../src/base/reason.js'
import { eventually } from '../helpers/eventually.js'
import type { FakeMachine } from '../helpers/fake-machine.js'
import { onFreshMachines } from '../helpers/fresh-machine.js'

let machine: FakeMachine
onFreshMachines((fresh) => (machine = fresh))

function nextBreach(watched: Guard): Promise<Breach> {
  return new Promise((resolve) => watched.on('breach', resolve))
}

describe('a guard', () => {
  it('is breached at once if the limit is already crossed', async () => {
    machine.setMemory(95)
    using watched = guard({ memory: 90 })
    expect(watched.state).toBe('breached')
    expect(watched.breachCount).toBe(1)
    const breach = await nextBreach(watched)
    expect(breach).toMatchObject({ metric: 'memory', limit: 90, direction: 'above', unit: '%', recent: [95] })
    expect(breach.value).toBeCloseTo(95)
    expect(breach.origin).toBe(`${machine.root}/proc/meminfo`)
    expect(breach.since).toBe(breach.at)
    expect(Math.abs(performance.now() - breach.at)).toBeLessThan(60_000)
  })

  it('names the selector that was given, so that two disks do not look alike', () => {
    const beyond = 1e18
    using watched = guard({
      'disk.free(/)': beyond,
      'disk.free': [{ below: beyond }, { below: beyond, path: '/proc/..' }, { below: beyond, path: '/dev' }],
    })
    expect(watched.name).toBe('disk.free(/), disk.free, disk.free(/dev)')
    const metrics = watched.breaches.map((each) => describeBreach(each).replace(/ [\d.]+\w+ [<>].*$/, ''))
    expect(metrics).toEqual(['disk.free(/)', 'disk.free', 'disk.free(/)', 'disk.free(/dev)'])
    const selectors = watched.breaches.map(({ selector }) => selector)
    expect(selectors).toEqual([{ path: '/' }, undefined, { path: '/' }, { path: '/dev' }])
    expect(JSON.stringify(watched)).toContain('"metric":"disk.free","selector":{"path":"/"}')
    const ofTree = { ...watched.breaches[0]!, metric: 'process.rss', selector: { pid: 812, tree: true } }
    expect(describeBreach(ofTree)).toMatch(/^process\.rss\(812\) with its tree /)
    // The name of a folder may be anything.
    expect(describeBreach({ ...watched.breaches[0]!, selector: { path: '/a\n' } })).toMatch(/^disk\.free\(\/a\\n\) /)
  })

  it('reports a crossing, keeps it through the hysteresis, and reports its end', async () => {
    using watched = guard({ memory: 90 }, { within: 10 })
    const seen: string[] = []
    watched.on('breach', () => seen.push('breach'))
    watched.on('clear', () => seen.push('clear'))
    expect(watched.state).toBe('clear')
    machine.setMemory(91)
    await eventually(() => seen.length === 1)
    machine.setMemory(85)
    await eventually(() => watched.sampling[0]!.period > 0)
    expect(watched.state).toBe('breached')
    machine.setMemory(80)
    await eventually(() => seen.length === 2)
    expect(seen).toEqual(['breach', 'clear'])
    expect(watched.state).toBe('clear')
    expect(watched.breaches).toEqual([])
    expect(watched.latestBreaches).toHaveLength(1)
  })

  it('waits for `for`, and forgets a crossing that did not last', async () => {
    using watched = guard({ memory: { above: 90, for: '1h' } }, { within: 10 })
    machine.setMemory(95)
    await eventually(() => watched.state === 'pending')
    machine.setMemory(50)
    await eventually(() => watched.state === 'clear')
    expect(watched.breachCount).toBe(0)
  })

  it('holds a breach for `minHold`', async () => {
    using watched = guard({ memory: 90 }, { within: 10, minHold: '1h' })
    machine.setMemory(95)
    await eventually(() => watched.state === 'breached')
    machine.setMemory(10)
    await eventually(() => watched.state === 'clearing')
    expect(watched.isBreached).toBe(true)
    expect(watched.breaches).toEqual(watched.latestBreaches)
    expect(watched.breaches).toMatchObject([{ metric: 'memory', value: 95 }])
  })

  it('of mode all needs every limit to be crossed, and has evidence of each', async () => {
    using watched = guard({ memory: 90, swap: 90 }, { within: 10, mode: 'all' })
    machine.setMemory(95)
    await eventually(() => watched.sampling.length === 2)
    expect(watched.state).not.toBe('breached')
    machine.write('proc/meminfo', 'MemTotal: 100 kB\nMemAvailable: 2 kB\nSwapTotal: 100 kB\nSwapFree: 1 kB\n')
    await eventually(() => watched.state === 'breached')
    expect(watched.breaches.map((each) => each.metric).toSorted()).toEqual(['memory', 'swap'])
  })

  it('resolves whenClear, and rejects it when aborted or closed', async () => {
    machine.setMemory(95)
    using watched = guard({ memory: 90 }, { within: 10 })
    const abort = new AbortController()
    const aborted = watched.whenClear({ signal: abort.signal })
    abort.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')
    const clear = watched.whenClear()
    machine.setMemory(10)
    await clear
    expect(watched.state).toBe('clear')
    machine.setMemory(95)
    await eventually(() => watched.isBreached)
    const closed = watched.whenClear()
    watched.close()
    await expect(closed).rejects.toThrow(/was closed/)
  })

  it('aborts its signal with the breach, and gives out a new one afterwards', async () => {
    using watched = guard({ memory: 90 }, { within: 10 })
    const { signal } = watched
    expect(signal.aborted).toBe(false)
    machine.setMemory(95)
    await once(signal, 'abort')
    expect(watched.signal).toBe(signal)
    machine.setMemory(10)
    await watched.whenClear()
    expect(watched.signal.aborted).toBe(false)
  })

  it('fetches the evidence of a breach once for all operations and listeners', async () => {
    using watched = guard({ memory: 90 }, { within: 10 })
    const evidence = vi.spyOn(connect(), 'evidence')
    const { signal } = watched
    const breach = nextBreach(watched)
    const operations = [0, 1].map(() =>
      Cancelable.run((cancel) => cancel.sleep(60_000), { resources: watched }).catch((error: unknown) => error),
    )
    machine.setMemory(95)
    const errors = (await Promise.all(operations)) as CancelationError[]
    for (const { reason } of errors) expect((reason as ResourceReason).breach).toBe(await breach)
    expect(errors[0]!.reason).toBe(errors[1]!.reason)
    expect((signal.reason as CancelationError).reason).toBe(errors[0]!.reason)
    expect(evidence).toHaveBeenCalledTimes(1)
    evidence.mockRestore()
  })

  it('survives a listener that throws, and calls the others', async () => {
    machine.setMemory(95)
    using watched = guard({ memory: 90 })
    const warned = once(process, 'warning')
    watched.on('breach', () => {
      throw new Error('clumsy')
    })
    await nextBreach(watched)
    const [warning] = (await warned) as [Error]
    expect(warning.message).toContain('clumsy')
  })

  it('gives its place on the board back when it is closed', () => {
    const next = allocateFlag()
    freeFlag(next)
    for (let i = 0; i < 3; i++) {
      const watched = guard({ 'memory.host': 99.9 })
      const during = allocateFlag()
      expect(during).not.toBe(next)
      freeFlag(during)
      watched.close()
      watched.close()
      const again = [allocateFlag(), allocateFlag()]
      expect(again).toContain(next)
      expect(new Set(again).size).toBe(2)
      for (const each of again.toReversed()) freeFlag(each)
    }
  })

  it('reports nothing after it was closed by a listener', async () => {
    machine.setMemory(95)
    const watched = guard({ memory: 90 }, { within: 10 })
    let seen = 0
    watched.on('breach', () => watched.close())
    watched.on('clear', () => seen++)
    await eventually(() => watched.closed)
    machine.setMemory(10)
    watched.close()
    expect(watched.state).toBe('clear')
    expect(seen).toBe(0)
  })

  it('reports how it samples', () => {
    using watched = guard({ 'memory.host': 90 }, { within: '50ms' })
    const [sampling] = watched.sampling
    expect(sampling).toMatchObject({ metric: 'memory.host', minPeriod: 10 })
    expect(sampling!.period).toBeGreaterThanOrEqual(10)
    expect(sampling!.period).toBeLessThanOrEqual(50)
  })
})

describe('a metric that is missing', () => {
  it('is an error when the guard is made, which leaves nothing open', () => {
    machine.remove('proc/meminfo')
    expect(() => guard({ load: 100, memory: 90 })).toThrow(
      expect.objectContaining({ code: 'ERR_TRIPLINE_METRIC_UNAVAILABLE', metric: 'memory' }) as Error,
    )
    expect(samplerStats()).toMatchObject({ guards: 0, series: 0 })
  })

  it('may be ignored until it appears', async () => {
    machine.remove('proc/meminfo')
    using watched = guard({ memory: { above: 90, onMissing: 'ignore' } }, { within: 10 })
    expect(watched.state).toBe('clear')
    machine.setMemory(95)
    await eventually(() => watched.state === 'breached')
  })

  it('from a source that may block is noticed when it appears, disappears and comes back', async () => {
    const sensor = (zone: number, degrees: number): void => {
      machine.write(`sys/class/thermal/thermal_zone${zone}/type`, 'cpu-thermal\n')
      machine.write(`sys/class/thermal/thermal_zone${zone}/temp`, `${degrees * 1000}\n`)
    }
    machine.write('sys/class/thermal/cooling_device0/type', 'Processor\n')
    expect(() => guard({ temperature: 80 })).toThrow(
      /^The metric 'temperature' is .*\. With onMissing: 'ignore', that is/,
    )
    expect(() => monitor('temperature')).toThrow(/With onMissing: 'ignore'/)
    await expect(sample('temperature')).rejects.not.toThrow('onMissing')
    using hot = guard({ temperature: { above: 80, onMissing: 'ignore' } })
    using missing = guard({ temperature: { above: 80, onMissing: 'breach' } })
    using hotZone = guard({ temperature: { zone: 'cpu-thermal', above: 80, onMissing: 'ignore' } })
    await eventually(() => missing.isBreached)
    expect(hot.state).toBe('clear')
    sensor(0, 40)
    await eventually(() => !missing.isBreached)
    sensor(0, 95)
    await eventually(() => hot.isBreached && hotZone.isBreached && missing.isBreached)
    expect(hot.breaches).toMatchObject([{ value: 95 }])
    machine.write('sys/class/thermal/thermal_zone0/temp', 'gone\n')
    machine.remove('sys/class/thermal/thermal_zone0')
    await eventually(() => hot.state === 'clear' && hotZone.state === 'clear')
    expect(missing.isBreached).toBe(true)
    sensor(3, 96)
    await eventually(() => hot.isBreached && hotZone.isBreached)
    expect(hot.breaches).toMatchObject([{ value: 96 }])
  })

  it('may count as a breach', () => {
    machine.remove('proc/meminfo')
    using watched = guard({ memory: { above: 90, onMissing: 'breach' } })
    expect(watched.state).toBe('breached')
    expect(describeBreach(watched.breaches[0]!)).toBe('memory is missing')
  })

  it('that goes missing later makes the guard unavailable, with the reason', async () => {
    using watched = guard({ memory: 90 }, { within: 10 })
    const lost = new Promise<Error>((resolve) => watched.on('unavailable', resolve))
    machine.write('proc/meminfo', 'garbage\n')
    const error = await lost
    expect(error).toMatchObject({ code: 'ERR_TRIPLINE_METRIC_UNAVAILABLE', metric: 'memory' })
    expect(watched.state).toBe('unavailable')
    machine.setMemory(95)
    await eventually(() => watched.state === 'breached')
  })
})

describe('a read that fails', () => {
  it('leaves a breached guard breached while the value stays between its lines', async () => {
    machine.setMemory(95)
    using watched = guard({ memory: 90 }, { within: 10 })
    let breaches = 0
    watched.on('breach', () => breaches++)
    machine.setMemory(85)
    await eventually(() => snapshot().get('memory')!.value < 90)
    machine.write('proc/meminfo', 'garbage\n')
    await eventually(() => snapshot().get('memory') === undefined)
    machine.setMemory(86)
    expect(watched.state).toBe('breached')
    await eventually(() => snapshot().get('memory')?.value === 86)
    expect(watched.state).toBe('breached')
    expect(watched.breachCount).toBe(1)
    expect(breaches).toBe(1)
  })
})

describe('a breached guard that loses its metric', () => {
  it('is unavailable, which does not count as recovery', async () => {
    machine.setMemory(95)
    using watched = guard({ memory: 90 }, { within: 10 })
    const seen: string[] = []
    for (const event of ['breach', 'clear', 'unavailable'] as const) watched.on(event, () => seen.push(event))
    await eventually(() => seen.length === 1)
    let cleared = false
    const clear = watched.whenClear().then(() => (cleared = true))
    machine.write('proc/meminfo', 'garbage\n')
    await eventually(() => seen.length === 2)
    expect(seen).toEqual(['breach', 'unavailable'])
    expect(cleared).toBe(false)
    machine.setMemory(10)
    await clear
    expect(seen).toEqual(['breach', 'unavailable', 'clear'])
  })
})

describe('durations without a sensible end', () => {
  it('hold for decades without a wake-up', async () => {
    machine.setMemory(95)
    using watched = guard(
      { memory: { above: 90, clearFor: '20000d' }, swap: { above: 1, for: 1e13 } },
      { minHold: '20000d' },
    )
    await eventually(() => watched.isBreached)
    machine.setMemory(10)
    await eventually(() => watched.state === 'clearing')
    const before = samplerStats()!.wakeups
    await new Promise((resolve) => setTimeout(resolve, 300))
    // About ten per second are expected; an overflowing deadline would cause thousands.
    expect(samplerStats()!.wakeups - before).toBeLessThan(100)
  })
})

describe('bad input', () => {
  it.each([
    [{ within: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ within: NaN }, 'ERR_OUT_OF_RANGE'],
    [{ within: 10, interval: 10 }, 'ERR_INVALID_ARG_VALUE'],
    [{ mode: 'some' }, 'ERR_INVALID_ARG_VALUE'],
    [{ minHold: '5 parsecs' }, 'ERR_INVALID_ARG_VALUE'],
    [{ wihtin: 10 }, 'ERR_INVALID_ARG_VALUE'],
    [{ dryRun: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ name: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
  ])('%j', (options, code) => {
    expect(() => guard({ memory: 90 }, options as object)).toThrow(expect.objectContaining({ code }) as Error)
    expect(samplerStats()?.series ?? 0).toBe(0)
  })

  it('a path that does not exist', () => {
    expect(() => guard({ disk: { path: '/no/such/path', above: 90 } })).toThrow(
      expect.objectContaining({
        code: 'ERR_TRIPLINE_METRIC_UNAVAILABLE',
        message: expect.stringContaining('/no/such/path') as string,
      }) as Error,
    )
  })

  it('an unknown event, and a listener that is not a function', () => {
    using watched = guard({ memory: 90 })
    expect(() => watched.on('braech' as 'breach', () => undefined)).toThrow(/breach/)
    expect(() => watched.on('breach', 1 as never)).toThrow(/function/)
  })
})

describe('many guards', () => {
  it('a thousand made and closed leave the thread stopped', async () => {
    for (let i = 0; i < 1000; i++) guard({ memory: 90, load: 100 }).close()
    await eventually(() => !samplerStats()!.running)
  })

  it('ten thousand at once, all notified of the same crossing', async () => {
    const guards = Array.from({ length: 10_000 }, (_, i) => guard({ memory: 60 + (i % 30) }, { within: 10 }))
    let seen = 0
    for (const each of guards) each.on('breach', () => seen++)
    machine.setMemory(95)
    await eventually(() => seen === guards.length)
    for (const each of guards) each.close()
  })

  it('equal resources share one guard, by identity and by content', () => {
    const limits = { memory: 90 }
    const first = acquireGuard(limits)
    expect(acquireGuard(limits)).toBe(first)
    expect(acquireGuard({ memory: '90%' })).toBe(first)
    const other = acquireGuard({ memory: 91 })
    expect(other).not.toBe(first)
    for (const each of [first, first, first, other]) releaseGuard(each)
    // They would be kept for the next operation, for which the test does not wait.
    first.close()
    other.close()
  })
})
