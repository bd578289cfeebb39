// Runs the everyday tests: types, lint, format, the native unit tests, then vitest over test/. With `--slow`, only those
// tests that take too long for every day; with `--integrations`, only those against real frameworks and services. Stops at
// the first failure.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const [kind] = /^--(?:slow|integrations)$/.exec(process.argv[2] ?? '') ?? []
const vitest = ['npx', 'vitest', 'run', ...process.argv.slice(kind === undefined ? 2 : 3)]

const BUILD = [
  ['compile', 'npm', 'run', '--silent', 'build:ts'],
  ['native build', 'npm', 'run', '--silent', 'build:native'],
]
const CHECKS = [
  ['types of the tests', 'npx', 'tsc', '-p', 'tsconfig.json'],
  ['lint', 'npm', 'run', '--silent', 'lint'],
  ['format', 'npm', 'run', '--silent', 'format:check'],
  ['package', 'npm', 'run', '--silent', 'check:package'],
  ['native unit tests', 'node', 'scripts/test-native.js'],
]

for (const [name, command, ...args] of [...BUILD, ...(kind === undefined ? CHECKS : []), ['tests', ...vitest]]) {
  console.log(`\n== ${name}`)
  const env = { ...process.env, ...(kind !== undefined && { TRIPLINE_TESTS: kind.slice(2) }) }
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env })
  if (status !== 0) {
    console.error(`tripline: '${name}' failed`)
    process.exit(status ?? 1)
  }
}
