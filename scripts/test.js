// Runs the everyday tests: types, lint, format, the native unit tests, then vitest over test/. Stops at the first
// failure.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

const STEPS = [
  ['compile', 'npm', 'run', '--silent', 'build:ts'],
  ['types of the tests', 'npx', 'tsc', '-p', 'tsconfig.json'],
  ['lint', 'npm', 'run', '--silent', 'lint'],
  ['format', 'npm', 'run', '--silent', 'format:check'],
  ['package', 'npm', 'run', '--silent', 'check:package'],
  ['native build', 'npm', 'run', '--silent', 'build:native'],
  ['native unit tests', 'node', 'scripts/test-native.js'],
  ['tests', 'npx', 'vitest', 'run', ...process.argv.slice(2)],
]

for (const [name, command, ...args] of STEPS) {
  console.log(`\n== ${name}`)
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
  if (status !== 0) {
    console.error(`tripline: '${name}' failed`)
    process.exit(status ?? 1)
  }
}
