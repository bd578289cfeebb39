/** The clocks of other test frameworks: what operations do under them. Jest's, and vitest 3's, are rows of test:consumers. */
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import * as tripline from '../../src/index.js'
import { PACKAGE, runCommand, runModule } from '../helpers/child.js'
import { runScenarios, scenarios } from '../helpers/fake-clocks.cjs'

const { Cancelable } = tripline
const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))
const COUNT = Object.keys(scenarios).length
/** Keeps a program alive in which only unreferenced timers wait, for 20 s at most. */
const ALIVE = 'const alive = setTimeout(() => process.exit(9), 20_000)'

afterEach(() => {
  vi.useRealTimers()
})

describe('node:test', () => {
  it('moves whatever waits', async () => {
    const { code, stdout } = await runCommand(process.execPath, ['--no-warnings', '--test', fixture('node-test.mjs')])
    expect(stdout).toMatch(new RegExp(`pass ${3 * COUNT}\\b`))
    expect(code).toBe(0)
  })
})

describe('@sinonjs/fake-timers', () => {
  it('moves whatever waits', async () => {
    const { code, stdout, stderr } = await runModule(`${ALIVE}
      await import(${JSON.stringify(fixture('sinon.mjs'))})
      clearTimeout(alive)`)
    expect([code, stderr, stdout.trim()]).toEqual([0, '', String(4 * COUNT)])
  })
})

describe('vitest', () => {
  const choices: [string, Parameters<typeof vi.useFakeTimers>[0]][] = [
    ['all that it fakes', {}],
    ['timers alone', { toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] }],
  ]
  it.each(choices)('moves whatever waits: %s', async (_name, config) => {
    const clock = {
      install: () => void vi.useFakeTimers(config),
      uninstall: () => void vi.useRealTimers(),
      advance: (ms: number) => void vi.advanceTimersByTime(ms),
      pending: () => vi.getTimerCount(),
    }
    expect(await runScenarios(tripline, clock)).toBe(COUNT)
  })

  it('runs what is pending, and no more', async () => {
    vi.useFakeTimers()
    const first = new Cancelable({ timeout: '1h' }).enter()
    const second = new Cancelable({ timeout: '2h' }).enter()
    new Cancelable({ timeout: '1000h' }).enter()[Symbol.dispose]()
    vi.advanceTimersToNextTimer()
    expect([first.isCanceled, second.isCanceled]).toEqual([true, false])
    const since = Date.now()
    await vi.runAllTimersAsync()
    expect(second.isCanceled).toBe(true)
    expect(Date.now() - since).toBe(3_600_000)
  })

  it('lets an asynchronous body go through its timers', async () => {
    vi.useFakeTimers()
    const steps: number[] = []
    const run = Cancelable.run(async (cancel) => {
      for (let i = 0; i < 3; i++) {
        await cancel.sleep(100)
        steps.push(performance.now())
      }
    })
    const start = performance.now()
    await vi.advanceTimersByTimeAsync(300)
    await run
    expect(steps.map((at) => at - start)).toEqual([100, 200, 300])
  })

  it('has deadlines follow its Date, with fake timers and without', () => {
    vi.useFakeTimers()
    const faked = new Cancelable({ deadline: new Date(Date.now() + 60_000) }).enter()
    vi.advanceTimersByTime(59_999)
    expect(faked.isCanceled).toBe(false)
    vi.advanceTimersByTime(1)
    expect(faked.reason?.kind).toBe('timeout')
    vi.useRealTimers()
    vi.setSystemTime('2030-01-01')
    const dated = new Cancelable({ deadline: new Date('2030-01-02') }).enter()
    expect(dated.isCanceled).toBe(false)
    vi.setSystemTime('2030-01-03')
    expect(dated.isCanceled).toBe(true)
  })

  it('may fake `performance` alone: real timers then fire', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const run = Cancelable.run((cancel) => cancel.sleep('1h'), { timeout: 20 })
    await expect(run).rejects.toThrow('Timed out after 20ms')
    vi.useRealTimers()
    await Cancelable.run((cancel) => cancel.sleep(1))
    vi.spyOn(performance, 'now').mockReturnValue(0)
    await expect(Cancelable.run((cancel) => cancel.sleep('1h'), { timeout: 20 })).rejects.toThrow('Timed out')
    vi.restoreAllMocks()
    await expect(Cancelable.run((cancel) => cancel.sleep('1h'), { timeout: 20 })).rejects.toThrow('Timed out')
  })

  it('reports times on the clock that it fakes', () => {
    vi.useFakeTimers()
    const operation = new Cancelable({ timeout: 50 }).enter()
    vi.advanceTimersByTime(50)
    expect(operation.reason).toMatchObject({ at: performance.now(), deadline: performance.now(), timeout: 50 })
    expect(operation.context.startedAt).toBe(performance.now() - 50)
  })
})

describe('a fake clock that is in force when the package is loaded', () => {
  it.each([
    ['node:test', `const { mock } = await import('node:test'); mock.timers.enable()`, 'mock.timers.reset()', 'tick'],
    [
      'sinon',
      `const mock = { timers: (await import('@sinonjs/fake-timers')).install() }`,
      'mock.timers.uninstall()',
      'tick',
    ],
  ])('moves operations, and is forgotten once it is gone: %s', async (_name, install, uninstall, tick) => {
    const { stdout, code } = await runModule(`${ALIVE}
      const { clearTimeout: clear } = globalThis
      ${install}
      const { createRequire } = await import('node:module')
      const require = createRequire(${JSON.stringify(PACKAGE)})
      delete require.cache[require.resolve('./library.cjs')]
      const { Cancelable } = require('./library.cjs')
      const faked = Cancelable.run(() => new Promise(() => {}), { timeout: 1000 }).catch((error) => error.name)
      mock.timers.${tick}(1000)
      console.log(await faked)
      ${uninstall}
      const late = Cancelable.run((cancel) => cancel.sleep('1h'), { timeout: 30 }).catch((error) => error.name)
      console.log(await late)
      clear(alive)`)
    expect([stdout, code]).toEqual(['TimeoutError\nTimeoutError\n', 0])
  })
})

describe('timers that were replaced for good', () => {
  it('are used as they are, also where they return numbers and have no unref()', async () => {
    // They fire when the test says so: on real time, the hour could be over before the sleep begins.
    const { stdout, code } = await runModule(`${ALIVE}
      const { clearTimeout: clear } = globalThis
      const armed = []
      const cleared = []
      globalThis.setTimeout = (callback, ms) => armed.push({ callback, ms })
      globalThis.clearTimeout = (id) => void cleared.push(armed[id - 1].ms)
      const { Cancelable } = tripline
      const slept = Cancelable.run((cancel) => cancel.sleep('2h'), { timeout: '1h' }).catch((error) => error.name)
      armed.find(({ ms }) => ms === 3_600_000).callback()
      console.log(await slept)
      const blocked = new Cancelable({ timeout: 10 }).enter()
      while (!blocked.isCanceled) {}
      console.log(armed.map(({ ms }) => ms).join(), cleared.join())
      clear(alive)`)
    expect([stdout, code]).toEqual(['TimeoutError\n3600000,7200000,10 7200000,10\n', 0])
  })
})
