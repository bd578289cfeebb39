// Packs the tarball and installs it as a user would. prebuilds/ holds the last released binaries, so for x64 the addon in
// build/Release replaces the one in the tarball.
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pack as packTarball } from '../lib/pack.js'
import { run } from './shell.js'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')

/**
 * Packs into `folder` and installs there. With `prebuilt`, prebuilds/ is used unchanged. Returns the folder of the
 * installation and the tarball's hash.
 */
export function pack(folder, { prebuilt = false } = {}) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  run('npm', ['run', '--silent', 'build:ts'], { cwd: root })
  const tarball = packTarball(folder, { ownBuild: !prebuilt })
  const app = join(folder, 'app')
  mkdirSync(app)
  writeFileSync(join(app, 'package.json'), '{"type":"module","private":true}\n')
  run('npm', ['install', tarball, '--ignore-scripts', '--no-audit', '--no-fund', '--silent'], { cwd: app })
  return { installed: app, hash: hashOf(join(app, 'node_modules/tripline')) }
}

/** A hash of the files that run. Not of the tarball: that contains file times, and docs/ with the table of results. */
function hashOf(folder) {
  const sum = createHash('sha256')
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
    (each) => each.isFile() && !each.name.endsWith('.md'),
  )
  for (const path of files.map((each) => join(each.parentPath ?? each.path, each.name)).toSorted())
    sum.update(path.slice(folder.length)).update(readFileSync(path))
  return sum.digest('hex').slice(0, 12)
}
