// Builds everything in a checkout. npm runs it there after `npm install` and before packing, but never for users.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { buildNative } from './build-native.js'

const root = fileURLToPath(new URL('..', import.meta.url))

const tsc = spawnSync('npm', ['run', '--silent', 'build:ts'], { cwd: root, stdio: 'inherit' })
if (tsc.status !== 0) process.exit(tsc.status ?? 1)

// Without a compiler, the prebuilt addon for this machine is used, if there is one.
if (spawnSync('make', ['--version']).status !== 0 || spawnSync(process.env.CXX ?? 'c++', ['--version']).status !== 0) {
  console.warn(
    'tripline: no make and C++ compiler here, so the addon is not built; a prebuilt one is used if there is one',
  )
} else if (!buildNative()) {
  process.exit(1)
}
