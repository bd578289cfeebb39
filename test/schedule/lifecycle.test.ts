/** Processes and workers that end at every stage of a ticker's life, and what keeps them alive. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { PACKAGE, runModule, type Outcome } from '../helpers/child.js'

function expectClean(outcome: Outcome, code = 0): void {
  expect(outcome).toMatchObject({ code, signal: null, stderr: '' })
}

describe('a process', () => {
  it('lives as long as its ticker', async () => {
    const outcome = await runModule(`
      let bodies = 0
      // One that is closed has no say any more.
      const closed = tripline.every(5, () => {})
      closed.close()
      closed.unref()
      const ticker = tripline.every(5, () => { if (++bodies === 10) ticker.close() })
      await ticker.done
      console.log(bodies)
    `)
    expectClean(outcome)
    expect(outcome.stdout).toBe('10\n')
  })

  it('does not wait for a ticker after unref(), and waits again after ref()', async () => {
    expectClean(await runModule(`tripline.every(5, () => {}).unref()`))
    const outcome = await runModule(`
      let bodies = 0
      const ticker = tripline.every(5, () => { if (++bodies === 5) ticker.unref() }).unref().ref()
      process.on('exit', () => console.log(bodies))
    `)
    expectClean(outcome)
    // A beat that is due while the process ends may still be delivered.
    expect(Number(outcome.stdout)).toBeGreaterThanOrEqual(5)
  })

  it('lives on with a ticker that is paused', async () => {
    const outcome = await runModule(`
      const ticker = tripline.every(5, () => {})
      ticker.pause()
      setTimeout(() => { console.log('still here'); ticker.close() }, 50).unref()
    `)
    expectClean(outcome)
    expect(outcome.stdout).toBe('still here\n')
  })

  it('ends cleanly at every stage of a ticker’s life', async () => {
    for (const stage of [
      `tripline.every(1, () => {}); process.exit(0)`,
      `tripline.every(1, () => {}).close(); process.exit(0)`,
      `const ticker = tripline.every(1, () => {}).unref(); ticker.close(); ticker.ref()`,
      `tripline.every(1, () => process.exit(0))`,
      `tripline.every(1, async (cancel) => { await cancel.sleep(1); process.exit(0) })`,
      `for (let i = 0; i < 200; i++) tripline.every(1, () => {}); setTimeout(() => process.exit(0), 20)`,
      `tripline.every(1, () => {}, { guard: { 'process.rss': { above: 1, for: 0 } } }); setTimeout(() => process.exit(0), 20)`,
      `for await (const block of tripline.samples({ metrics: 'process.rss', interval: 1, batch: 5 })) process.exit(0)`,
      `for await (const block of tripline.samples({ metrics: 'process.rss', interval: 1, batch: 5 })) break`,
    ]) {
      expectClean(await runModule(stage))
    }
  })

  it('dies of an unhandled error of the body', async () => {
    const outcome = await runModule(`tripline.every(1, () => { throw new Error('mine') })`)
    expect(outcome.code).toBe(1)
    expect(outcome.stderr).toContain('mine')
  })

  it('is ended by a signal through its ticker, after the last body', async () => {
    const source = `
      import { every } from ${JSON.stringify(PACKAGE)}
      let bodies = 0
      let running = false
      const ticker = every(1, async (cancel) => {
        running = true
        if (++bodies === 3) process.stdout.write('ready\\n')
        await cancel.sleep(1).catch(() => {})
        running = false
      }, { signals: ['SIGTERM'] })
      const reason = await ticker.done
      const before = bodies
      await new Promise((resolve) => setTimeout(resolve, 30))
      console.log(reason.kind, reason.signal, running, bodies - before)
    `
    const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let stdout = ''
    child.stdout.on('data', (chunk) => {
      stdout += String(chunk)
      if (stdout === 'ready\n') child.kill('SIGTERM')
    })
    const [code] = (await once(child, 'close')) as [number]
    expect(stdout).toBe('ready\nsignal SIGTERM false 0\n')
    expect(code).toBe(0)
  })
})

describe('a worker', () => {
  it('terminated while it ticks does no harm, and nothing fires afterwards', async () => {
    const worker = `
      import { every, samples } from ${JSON.stringify(PACKAGE)}
      import { parentPort } from 'node:worker_threads'
      for (let i = 0; i < 20; i++) every('250us', () => {})
      for (let i = 0; i < 20; i++) every(1, async (cancel) => { await cancel.sleep(2) })
      every(1, () => parentPort.postMessage('tick'))
      for await (const block of samples({ metrics: 'process.rss', interval: '250us', batch: 4 })) block.at
    `
    const outcome = await runModule(`
      import { Worker } from 'node:worker_threads'
      let own = 0
      const ticker = tripline.every(1, () => { own++ })
      for (let round = 0; round < 8; round++) {
        await Promise.all([1, 2].map(async (delay) => {
          const worker = new Worker(${JSON.stringify(worker)}, { eval: true })
          await new Promise((resolve, reject) => { worker.once('message', resolve); worker.once('error', reject) })
          await new Promise((resolve) => setTimeout(resolve, delay))
          await worker.terminate()
        }))
      }
      const before = own
      const { tickers } = tripline.samplerStats()
      while (own < before + 3) await new Promise((resolve) => setTimeout(resolve, 1))
      console.log(tickers, ticker.state)
      await ticker.close()
    `)
    expectClean(outcome)
    // Only this thread's ticker is left: those of a worker end with it.
    expect(outcome.stdout).toBe('1 running\n')
  })

  it('ends by itself when its ticker does', async () => {
    const worker = `
      import { every } from ${JSON.stringify(PACKAGE)}
      let bodies = 0
      const ticker = every(1, () => { if (++bodies === 5) ticker.close() })
    `
    expectClean(
      await runModule(`
        import { Worker } from 'node:worker_threads'
        import { once } from 'node:events'
        await once(new Worker(${JSON.stringify(worker)}, { eval: true }), 'exit')
      `),
    )
  })
})

const compiler = process.platform === 'linux' && spawnSync('cc', ['--version']).status === 0
if (!compiler) console.warn('skipped: no C compiler for the library that is preloaded')

describe('a wall clock that jumps by hours', () => {
  it.skipIf(!compiler)('neither adds nor loses a beat', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tripline-clock-'))
    const library = join(folder, 'step-clock.so')
    const source = fileURLToPath(new URL('fixtures/step-clock.c', import.meta.url))
    expect(spawnSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, source]).status).toBe(0)
    const outcome = await runModule(
      `
      const dates = new Set()
      const ticks = []
      const ticker = tripline.every(10, (cancel, tick) => {
        dates.add(Math.round((Date.now() - performance.timeOrigin) / 3.6e6))
        ticks.push(tick)
        if (ticks.length === 60) ticker.close()
      })
      await ticker.done
      const onGrid = ticks.every((tick) => Math.abs(tick.due - ticks[0].due - (tick.index - ticks[0].index) * 10) < 0.01)
      const beats = ticks.at(-1).index - ticks[0].index
      const missed = ticks.slice(1).reduce((sum, tick) => sum + tick.missed, 0)
      // The ticker neither made up for an hour nor waited for one.
      const early = ticks.some((tick) => tick.late > 1.8e6)
      console.log(dates.size > 1, onGrid, beats === 59 + missed, missed < 1000, early)
      `,
      { env: { ...process.env, LD_PRELOAD: library } },
    )
    rmSync(folder, { recursive: true })
    expect(outcome.stdout).toBe('true true true true false\n')
    expect(outcome.code).toBe(0)
  })
})
