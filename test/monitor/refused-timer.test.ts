/** A kernel that refuses the sampling thread's timer: everything that needs the thread fails with that reason at once. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PACKAGE, runCommand } from '../helpers/child.js'

const usable = process.platform === 'linux' && spawnSync('cc', ['--version']).status === 0

describe.skipIf(!usable)('a timer that the kernel refuses', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tripline-refused-'))
  const refuse = join(folder, 'refuse-calls')
  const source = fileURLToPath(new URL('fixtures/refuse-calls.c', import.meta.url))
  beforeAll(() => expect(spawnSync('cc', ['-O1', '-o', refuse, source]).stderr.toString()).toBe(''))
  afterAll(() => rmSync(folder, { recursive: true }))

  it.each(['timerfd_create', 'timerfd_settime'])('%s is the reason of every failure', async (call) => {
    const script = `
      import * as tripline from ${JSON.stringify(PACKAGE)}
      const attempts = {
        guard: () => tripline.guard({ memory: 90 }),
        sample: () => tripline.sample('memory'),
        samples: () => tripline.samples({ metrics: 'memory', batch: 1 }).next(),
        every: () => tripline.every(10, () => {}),
        run: () => tripline.Cancelable.run(() => {}, { resources: { memory: 90 } }),
      }
      for (const [name, attempt] of Object.entries(attempts)) {
        try {
          await attempt()
          console.log(name, 'works')
        } catch (error) {
          console.log(name, error.message.includes('${call}: EPERM'))
        }
      }
      console.log(tripline.samplerStats()?.running, tripline.samplerStats()?.series)
    `
    const outcome = await runCommand(refuse, [call, process.execPath, '--input-type=module', '-e', script])
    expect(outcome.stderr).toBe('')
    expect(outcome.stdout).toBe('guard true\nsample true\nsamples true\nevery true\nrun true\nfalse 0\n')
    expect(outcome.code).toBe(0)
  })
})
