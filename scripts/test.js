// Runs the everyday tests: types, lint, format, the package and the native unit tests at the same time, then vitest over test/.
// With `--slow`, only those tests that take too long for every day; with `--integrations`, only those against real frameworks and
// services. Stops after the first step that fails. The counts go to build/reliability.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
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

const env = { ...process.env, ...(kind !== undefined && { TRIPLINE_TESTS: name }) }

function stopIfFailed(step, status) {
  if (status === 0) return
  finish(report.take(), false)
  console.error(`tripline: '${step}' failed`)
  process.exit(status ?? 1)
}

function runStep([step, command, ...args]) {
  console.log(`\n== ${step}`)
  stopIfFailed(step, spawnSync(command, args, { cwd: root, stdio: 'inherit', env }).status)
}

/** Runs steps at the same time, and prints the output of each when it has ended, in their order. */
async function runTogether(steps) {
  const running = steps.map(([step, command, ...args]) => {
    const child = spawn('sh', ['-c', 'exec "$@" 2>&1', 'sh', command, ...args], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
      env,
    })
    return { step, output: text(child.stdout), end: once(child, 'close') }
  })
  for (const { step, output, end } of running) {
    console.log(`\n== ${step}`)
    process.stdout.write(await output)
    const [status] = await end
    // Nothing goes on after this process.
    if (status !== 0) await Promise.all(running.map((each) => each.end))
    stopIfFailed(step, status)
  }
}

BUILD.forEach(runStep)
if (kind === undefined) await runTogether(CHECKS)
runStep(['tests', ...vitest])
process.exitCode = finish(report.take(), true).passed ? 0 : 1
