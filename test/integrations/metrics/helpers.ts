/** What the tests of both exports share. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const root = fileURLToPath(new URL('../../..', import.meta.url))

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Bytes on the heap that are in use. */
export function heapInUse(): number {
  collectGarbage()
  collectGarbage()
  return process.memoryUsage().heapUsed
}

/** Runs a module beside a copy of the package in a folder without any other package, and returns what it has printed. */
export function runWithoutPeers(code: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'tripline-peers-'))
  try {
    cpSync(join(root, 'dist'), join(folder, 'node_modules/tripline/dist'), { recursive: true })
    cpSync(join(root, 'package.json'), join(folder, 'node_modules/tripline/package.json'))
    writeFileSync(join(folder, 'main.mjs'), code)
    const { stdout, stderr } = spawnSync(process.execPath, ['main.mjs'], { cwd: folder, encoding: 'utf8' })
    return stdout + stderr
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
