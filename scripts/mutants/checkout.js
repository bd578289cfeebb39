// A copy of the checkout in a temporary folder: mutants are written only there. It is removed at the end, and on signals.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { root } from '../lib/cxx.js'

/** Not needed by any test of a mutant. */
const LEFT_OUT = /^(?:prebuilds|bench\/results|contrib|test\/vm|docs\/images)\//

/** Makes the copy and returns its folder. */
export function copyCheckout() {
  const folder = mkdtempSync(path.join(tmpdir(), 'tripline-mutants-'))
  // Some tests run commands as another user.
  chmodSync(folder, 0o755)
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const { stdout } = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  for (const file of stdout.split('\0')) {
    if (file === '' || LEFT_OUT.test(file) || !existsSync(path.join(root, file))) continue
    const to = path.join(folder, file)
    mkdirSync(path.dirname(to), { recursive: true })
    cpSync(path.join(root, file), to)
  }
  for (const built of ['dist', 'build/Release/tripline.node']) {
    cpSync(path.join(root, built), path.join(folder, built), { recursive: true })
  }
  symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'))
  relaxTypes(path.join(folder, 'tsconfig.json'))
  return folder
}

/** A mutant may leave a variable unused; that is no mistake that a compiler should catch for the tests. */
function relaxTypes(file) {
  const config = JSON.parse(readFileSync(file, 'utf8'))
  Object.assign(config.compilerOptions, {
    noUnusedLocals: false,
    noUnusedParameters: false,
    noImplicitReturns: false,
    allowUnreachableCode: true,
  })
  writeFileSync(file, JSON.stringify(config))
}
