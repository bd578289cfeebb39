// Runs the everyday tests: types, lint, format, the native unit tests, then vitest over test/. With `--slow`, only those
// tests that take too long for every day; with `--integrations`, only those against real frameworks and services. Stops at
// the first failure. The counts go to build/reliability.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { beginRun } from './lib/reliability.js'
import { vitestReport } from './lib/vitest-counts.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const [kind] = /^--(?:slow|integrations)$/.exec(process.argv[2] ?? '') ?? []
const words = process.argv.slice(kind === undefined ? 2 : 3)
const isWhole = words.length === 0

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

const name = kind?.slice(2) ?? 'everyday'
const finish = beginRun(isWhole ? name : undefined, kind === undefined ? 'npm test' : `npm run test:${name}`)
const report = isWhole ? vitestReport() : { args: [], take: () => ({}) }
const vitest = ['npx', 'vitest', 'run', ...words, ...report.args]

for (const [step, command, ...args] of [...BUILD, ...(kind === undefined ? CHECKS : []), ['tests', ...vitest]]) {
  console.log(`\n== ${step}`)
  const env = { ...process.env, ...(kind !== undefined && { TRIPLINE_TESTS: name }) }
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env })
  if (status !== 0) {
    finish(report.take(), false)
    console.error(`tripline: '${step}' failed`)
    process.exit(status ?? 1)
  }
}
finish(report.take(), true)
