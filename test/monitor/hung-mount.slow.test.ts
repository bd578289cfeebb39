/** A real mount that never answers: FUSE without a daemon. Needs the right to mount. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmdirSync, symlinkSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runModule } from '../helpers/child.js'

const HELPER = fileURLToPath(new URL('../helpers/hung-mount.py', import.meta.url))

describe('a mount that hangs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tripline-hung-'))
  const link = `${folder}-link`
  let helper: ChildProcess
  let answer = ''

  beforeAll(async () => {
    symlinkSync(folder, link)
    helper = spawn('python3', [HELPER, folder], { stdio: ['pipe', 'pipe', 'inherit'] })
    answer = await new Promise((resolve, reject) => {
      helper.stdout!.once('data', (data) => resolve(String(data).trim()))
      helper.once('error', reject)
    })
  })
  afterAll(async () => {
    const ended = new Promise((resolve) => helper.once('exit', resolve))
    helper.stdin!.end()
    await ended
    unlinkSync(link)
    rmdirSync(folder)
  })

  it.for([
    ['by its own name', folder],
    ['behind a symbolic link', link],
  ])('%s makes all its metrics unavailable and delays nothing else', async ([, path], { skip }) => {
    skip(answer !== 'mounted', answer)
    // Only the child accesses the path, because any other process would hang there too.
    const outcome = await runModule(`
      const path = ${JSON.stringify(path)}
      const alive = setTimeout(() => {}, 20_000)
      const order = []
      const lost = (guard) => new Promise((resolve) => guard.on('unavailable', (error) => resolve(error.message)))
      const guards = [tripline.guard({ disk: { above: 50, path } }, { interval: '1h' })]
      const own = tripline.guard({ 'process.rss': '1MB' })
      own.on('breach', () => order.push('breach of another metric'))
      const all = [lost(guards[0])]
      // The first read is under way, but these wait for the next one.
      await new Promise((resolve) => setTimeout(resolve, 200))
      guards.push(tripline.guard({ 'disk.free': { below: '1GB', path } }, { interval: '1h' }))
      all.push(lost(guards[1]))
      for (const metric of ['disk', 'disk.inodes']) {
        all.push(tripline.sample({ metric, path }).catch((error) => (order.push(error.code), error.message)))
      }
      console.log((await Promise.all(all)).every((each) => /has not answered/.test(each)), order.join())
      // From then on, the mount is known to hang.
      try {
        tripline.guard({ 'disk.inodes': { above: 99, path } })
      } catch (error) {
        console.log(error.code)
      }
      await tripline.sample({ metric: 'disk.free', path }).catch((error) => console.log(error.code))
      for (const each of [...guards, own]) each.close()
      clearTimeout(alive)
    `)
    const code = 'ERR_TRIPLINE_METRIC_UNAVAILABLE'
    expect(outcome.stderr).toBe('')
    expect(outcome.stdout).toBe(`true breach of another metric,${code},${code}\n${code}\n${code}\n`)
    expect(outcome.code).toBe(0)
  })

  it('that appears above a guarded path stops no other read', async ({ skip }) => {
    skip(answer !== 'mounted', answer)
    const later = mkdtempSync(join(tmpdir(), 'tripline-hung-'))
    const outcome = await runModule(`
      const { spawn } = await import('node:child_process')
      const path = ${JSON.stringify(later)}
      const alive = setTimeout(() => {}, 20_000)
      const guard = tripline.guard({ disk: { above: 100, path } }, { within: 20 })
      const lost = new Promise((resolve) => guard.on('unavailable', resolve))
      await new Promise((resolve) => setTimeout(resolve, 100))
      const helper = spawn('python3', [${JSON.stringify(HELPER)}, path], { stdio: ['pipe', 'pipe', 'inherit'] })
      await new Promise((resolve) => helper.stdout.once('data', resolve))
      console.log((await lost).code)
      const [rss] = await tripline.sample('process.rss')
      console.log(rss.value > 0)
      guard.close()
      const ended = new Promise((resolve) => helper.once('exit', resolve))
      helper.stdin.end()
      await ended
      clearTimeout(alive)
    `)
    rmdirSync(later)
    expect(outcome.stdout).toBe('ERR_TRIPLINE_METRIC_UNAVAILABLE\ntrue\n')
    expect(outcome.code).toBe(0)
  })
})
