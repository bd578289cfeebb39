/** The published package in test runners: `node:test`, and vitest with its own fake timers. Jest: test/consumers. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Cancelable, ResourceCancelation, guard } from 'tripline'
import { fakeBreach, simulate } from 'tripline/testing'

afterEach(() => vi.useRealTimers())

describe('tripline/testing', () => {
  it('works in node:test', () => {
    const file = fileURLToPath(new URL('fixtures/node-test.mjs', import.meta.url))
    const env = { ...process.env }
    // Otherwise it would report to a test runner, which this process is not.
    delete env['NODE_TEST_CONTEXT']
    const { status, stdout } = spawnSync(process.execPath, ['--test', '--test-reporter=tap', file], {
      encoding: 'utf8',
      env,
    })
    expect(stdout).toMatch(/^# pass 4$/m)
    expect(stdout).toMatch(/^# fail 0$/m)
    expect(status).toBe(0)
  })

  it("works in vitest, and follows vitest's own fake timers", async () => {
    using memory = guard({ memory: { above: 99.9, for: '10s', clearFor: '5s' } })
    vi.useFakeTimers()
    using breach = fakeBreach(memory, 'memory', 100)
    const done = Cancelable.run((cancel) => cancel.sleep('1h'), { resources: memory }).catch((error: unknown) => error)
    vi.advanceTimersByTime(9_999)
    expect(memory.state).toBe('pending')
    vi.advanceTimersByTime(1)
    expect(memory.state).toBe('breached')
    expect(await done).toBeInstanceOf(ResourceCancelation)
    breach.clear()
    expect(memory.state).toBe('clearing')
    vi.advanceTimersByTime(5000)
    expect(memory.state).toBe('clear')
    const { breaches } = await simulate({ temperature: 80 }, [{ time: 0, values: { temperature: 81 } }])
    expect(breaches).toHaveLength(1)
  })

  it('shares its state with the library, however either is loaded', async () => {
    const code = `
      const { fakeBreach, collect } = require('tripline/testing')
      import('tripline').then(({ guard, Cancelable }) => {
        const watched = guard({ memory: 99.9 })
        const breach = fakeBreach(watched, 'memory', 100)
        collect(new Cancelable())
        console.log(watched.isBreached, require('tripline').Guard === watched.constructor)
        breach[Symbol.dispose]()
        watched.close()
      })`
    const cwd = fileURLToPath(new URL('../..', import.meta.url))
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8', cwd })
    expect(stderr).toBe('')
    expect(stdout.trim()).toBe('true true')
  })

  it('lets the process end once the guard is closed, whatever still runs of a fake', async () => {
    const code = `
      const { guard } = require('tripline')
      const watched = guard({ memory: { above: 99.9, for: '1h' } })
      require('tripline/testing').fakeBreach(watched, 'memory', 100)
      watched.close()`
    const cwd = fileURLToPath(new URL('../..', import.meta.url))
    const { status, signal } = spawnSync(process.execPath, ['-e', code], { cwd, timeout: 25_000 })
    expect([status, signal]).toEqual([0, null])
  })

  it('needs the addon, and says so', async () => {
    const code = `
      const { fakeBreach, simulate, useClock, recordingToken } = require('tripline/testing')
      useClock(); recordingToken()
      const trace = [{ time: 0, values: { memory: 1 } }]
      try { fakeBreach({ memory: 90 }, 'memory', 95) } catch (error) { console.log(error.code) }
      simulate({ memory: 90 }, trace).catch((error) => console.log(error.code))`
    const cwd = fileURLToPath(new URL('../..', import.meta.url))
    const env = { ...process.env, TRIPLINE_ADDON: '/nowhere.node' }
    const { stdout } = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8', cwd, env })
    expect(stdout).toBe('ERR_TRIPLINE_NATIVE_MISSING\nERR_TRIPLINE_NATIVE_MISSING\n')
  })
})
