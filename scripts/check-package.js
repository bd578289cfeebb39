// Holds what is published against the rules of the registry and of TypeScript's module resolution: publint and attw over
// the packed tarball.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'tripline-package-'))

function check(command, ...args) {
  const { status, stdout, stderr } = spawnSync(join(root, 'node_modules/.bin', command), args, { encoding: 'utf8' })
  if (status === 0) return true
  process.stderr.write(stdout + stderr)
  return false
}

try {
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]
  const [{ filename }] = JSON.parse(execFileSync('npm', pack, { cwd: root, encoding: 'utf8' }))
  const tarball = join(folder, filename)
  const sound = [check('publint', 'run', tarball, '--strict'), check('attw', tarball)]
  process.exitCode = sound.every(Boolean) ? 0 : 1
} finally {
  rmSync(folder, { recursive: true })
}
