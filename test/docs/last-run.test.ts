/** The recipe of docs/recipes/last-run.md for containers: its script is the file beside it, and leaves the verdict. */
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { CLI, ROOT } from '../helpers/child.js'
import { eventually } from '../helpers/eventually.js'

const folder = mkdtempSync(join(tmpdir(), 'tripline-recipe-'))
afterAll(() => rmSync(folder, { recursive: true }))
const script = join(ROOT, 'docs/recipes/last-run.sh')

describe('the script of the recipe', () => {
  it('is the one on the page', () => {
    expect(readFileSync(join(ROOT, 'docs/recipes/last-run.md'), 'utf8')).toContain(readFileSync(script, 'utf8').trim())
  })

  it.each<[string, string, number, NodeJS.Signals | undefined]>([
    ['It ended with the exit code 3.', 'exit 3', 3, undefined],
    ['SIGTERM ended it.', 'exec sleep 100', 143, 'SIGTERM'],
  ])('leaves the message %j', async (message, line, status, signal) => {
    const name = `${status}`
    const shim = join(folder, 'tripline')
    writeFileSync(shim, `#!/bin/sh\nexec '${process.execPath}' '${CLI}' "$@"\n`)
    chmodSync(shim, 0o755)
    const env = {
      ...process.env,
      PATH: `${folder}:${process.env['PATH']}`,
      RECORDING: join(folder, `${name}.recording`),
      TERMINATION_LOG: join(folder, `${name}.log`),
    }
    const started = join(folder, `${name}.started`)
    const child = spawn(script, ['sh', '-c', `touch ${started}; ${line}`], { env, stdio: 'ignore' })
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    if (signal !== undefined) {
      await eventually(() => existsSync(started))
      child.kill(signal)
    }
    expect(await ended).toBe(status)
    expect(readFileSync(env.TERMINATION_LOG, 'utf8')).toContain(message)
  })
})
