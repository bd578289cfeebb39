/** A machine that slept: the host's clock went on, and the monotonic one did not. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { runModule } from '../helpers/child.js'

const compiler = process.platform === 'linux' && spawnSync('cc', ['--version']).status === 0
if (!compiler) console.warn('skipped: no C compiler for the library that is preloaded')

describe('a sleep during which only the host’s clock runs', () => {
  it.skipIf(!compiler)('does not falsify the times of evidence, snapshots and beats', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tripline-sleep-'))
    const library = join(folder, 'lib.so')
    const source = fileURLToPath(new URL('fixtures/sleep-clock.c', import.meta.url))
    expect(spawnSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, source]).status).toBe(0)
    const outcome = await runModule(
      `
      const now = () => performance.now()
      // The age of a time in minutes, and whether the clock itself has jumped.
      const age = (at) => Math.round((now() - at) / 60_000)
      const breach = () => new Promise((resolve) => {
        const guard = tripline.guard({ 'process.rss': 1 })
        guard.on('breach', (each) => { guard.close(); resolve(each) })
      })
      const beat = () => new Promise((resolve) => {
        const ticker = tripline.every(5, (cancel, tick) => { ticker.close(); resolve(tick) })
      })
      const ages = async () => {
        const { at, since } = await breach()
        const { due, late } = await beat()
        const snapshot = tripline.snapshot().get('process.rss')
        return [at, since, due, snapshot.at].map(age).concat(Math.round(late / 60_000))
      }
      const kept = tripline.guard({ 'process.rss': { above: '1TB' } })
      const awake = now()
      const alive = setInterval(() => {}, 1000)
      console.log(...(await ages()))
      process.env.SLEPT = '1'
      console.log(age(awake))
      console.log(...(await ages()))
      kept.close()
      clearInterval(alive)
      `,
      { env: { ...process.env, LD_PRELOAD: library } },
    )
    rmSync(folder, { recursive: true })
    expect(outcome.stderr).toBe('')
    expect(outcome.stdout).toBe('0 0 0 0 0\n60\n0 0 0 0 0\n')
    expect(outcome.code).toBe(0)
  })
})
