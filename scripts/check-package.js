// Checks package.json against the entry points, and the packed tarball against the rules of the registry (publint) and of
// TypeScript's module resolution (attw). `--out FOLDER` leaves the tarball there.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import { manifestFields } from './lib/entries.js'
import { pack } from './lib/pack.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const { out } = parseArgs({ options: { out: { type: 'string' } } }).values
const folder = out === undefined ? mkdtempSync(join(tmpdir(), 'tripline-package-')) : resolve(out)

function check(command, ...args) {
  const { status, stdout, stderr } = spawnSync(join(root, 'node_modules/.bin', command), args, { encoding: 'utf8' })
  if (status === 0) return true
  process.stderr.write(stdout + stderr)
  return false
}

/** Whether package.json has exactly the fields that follow from the table of entries. */
function checkEntries() {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const wanted = { typesVersions: undefined, ...manifestFields() }
  const wrong = Object.keys(wanted).filter((field) => !isDeepStrictEqual(manifest[field], wanted[field]))
  for (const field of wrong) {
    console.error(`package.json: '${field}' must be ${JSON.stringify(wanted[field], null, 2)}`)
  }
  return wrong.length === 0
}

try {
  const tarball = pack(folder)
  const sound = [checkEntries(), check('publint', 'run', tarball, '--strict'), check('attw', tarball)]
  process.exitCode = sound.every(Boolean) ? 0 : 1
} finally {
  if (out === undefined) rmSync(folder, { recursive: true })
}
