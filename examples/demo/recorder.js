// Part 4: what a killed process was doing.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { job } from './job.js'

export const title = 'A process that is killed'
export const intro =
  'SIGKILL leaves no log and no stack. The recorder has kept its last minutes in a file, which tripline explain reads.'
export const example = job

const pathOf = (file) => fileURLToPath(new URL(file, import.meta.url))

export async function show(page) {
  const folder = mkdtempSync(join(tmpdir(), 'tripline-demo-'))
  try {
    const file = join(folder, 'job.recording')
    const child = spawn(process.execPath, [pathOf('job.js'), file], { stdio: ['ignore', 'ignore', 'inherit'] })
    await once(child, 'exit')
    page.command('npx tripline explain job.recording')
    spawnSync(process.execPath, [pathOf('../../dist/cli/main.js'), 'explain', file], { stdio: 'inherit' })
  } finally {
    rmSync(folder, { recursive: true })
  }
}
