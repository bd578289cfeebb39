/** A real mount that never answers: FUSE without a daemon. Needs the right to mount; skipped without, with the reason. */
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

  it.each([
    ['by its own name', folder],
    ['behind a symbolic link', link],
  ])('%s makes its metric unavailable and delays nothing else', async (_, path) => {
    if (answer !== 'mounted') {
      console.log(`  skipped: ${answer}`)
      return
    }
    // The path is named only inside the child: whoever else looks at it would hang too.
    const outcome = await runModule(`
      const alive = setTimeout(() => {}, 20_000)
      const order = []
      const disk = tripline.guard({ disk: { above: 50, path: ${JSON.stringify(path)} } })
      const own = tripline.guard({ 'process.rss': '1MB' })
      own.on('breach', () => order.push('breach of another metric'))
      disk.on('unavailable', (error) => {
        order.push(error.code)
        console.log(order.join(), error.message)
        disk.close()
        own.close()
        clearTimeout(alive)
      })
    `)
    expect(outcome.stderr).toBe('')
    expect(outcome.stdout).toMatch(/^breach of another metric,ERR_TRIPLINE_METRIC_UNAVAILABLE .*has not answered/)
    expect(outcome.code).toBe(0)
  })
})
