/** A process that is stopped and continued: time that it could not observe does not count. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { PACKAGE } from '../helpers/child.js'
import { eventually } from '../helpers/eventually.js'

const STOPPED_MS = 1500

async function stopped(child: ChildProcess): Promise<void> {
  await eventually(() => /^State:\tT/m.test(readFileSync(`/proc/${child.pid}/status`, 'utf8')))
}

describe.skipIf(process.platform !== 'linux')('a process that is stopped while a limit is crossed', () => {
  it.concurrent.each([
    ['a limit', "{ 'process.rss': { above: 1, for: '1s' } }", 0],
    // Up to one interval before the stop counts.
    ['a condition', "{ conditions: { ready: { check: () => false, interval: 20, for: '1s' } } }", 100],
  ])('waits for the rest of `for` when it is continued, and its evidence shows that: %s', async (_, limits, slack) => {
    const script = `
      import { guard } from ${JSON.stringify(PACKAGE)}
      const crossed = guard(${limits})
      const begun = performance.now()
      console.log(crossed.state)
      crossed.on('breach', ({ at, since }) => console.log(at - begun, at - since))
      setTimeout(() => {}, 60_000)
    `
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    try {
      expect((await lines.next()).value).toBe('pending')
      child.kill('SIGSTOP')
      await stopped(child)
      await delay(STOPPED_MS)
      child.kill('SIGCONT')
      const [elapsed, claimed] = String((await lines.next()).value)
        .split(' ')
        .map(Number)
      // A lower bound and a difference, neither of which depends on how busy the machine is.
      expect(elapsed).toBeGreaterThanOrEqual(1000 + STOPPED_MS - slack)
      expect(claimed).toBeLessThanOrEqual(elapsed! - STOPPED_MS + slack)
    } finally {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  })

  // The sampling thread has been started or woken for the guard, and may not have run yet when the process stops.
  it.concurrent('waits for all of `for` if it was stopped right after the guard was made', async () => {
    const script = `
      import { guard } from ${JSON.stringify(PACKAGE)}
      const begun = performance.now()
      const crossed = guard({ 'process.rss': { above: 1, for: '500ms' } })
      const before = performance.now()
      process.kill(process.pid, 'SIGSTOP')
      const after = performance.now()
      crossed.on('breach', ({ at }) => console.log(before - begun + at - after))
      setTimeout(() => {}, 60_000)
    `
    const observed = async () => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      try {
        await stopped(child)
        await delay(STOPPED_MS / 2)
        child.kill('SIGCONT')
        return Number(await once(child.stdout, 'data'))
      } finally {
        child.kill('SIGKILL')
        await once(child, 'exit')
      }
    }
    const times = await Promise.all(Array.from({ length: 6 }, observed))
    expect(Math.min(...times)).toBeGreaterThanOrEqual(500)
  })
})
