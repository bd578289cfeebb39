// Tries a packed tarball on the machine and the Node that run this script, whatever they are: `node
// scripts/matrix/this-machine.js tripline.tgz`. For systems that the matrix cannot emulate; needs npm, and nothing is built.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { makeProject, readResult } from './project.js'

const tarball = process.argv[2]
if (tarball === undefined) {
  console.error('usage: node scripts/matrix/this-machine.js TARBALL')
  process.exit(2)
}
const work = mkdtempSync(join(tmpdir(), 'tripline-machine-'))
const app = join(work, 'app')
const command = 'node_modules/tripline/dist/cli/main.js'

function run(program, args, options = {}) {
  const { status, signal, error, stdout, stderr } = spawnSync(program, args, {
    cwd: app,
    encoding: 'utf8',
    timeout: 300_000,
    maxBuffer: 1 << 24,
    ...options,
  })
  if (status === 0) return stdout
  throw new Error(`${error?.message ?? signal ?? `status ${status}`}\n${stdout}\n${stderr}`)
}

const node = (...args) => run(process.execPath, args).trimEnd()

/** Each returns what it printed, or throws. */
const trials = {
  'limits, operations, a ticker and a worker': () => readResult(node('program.mjs')),
  ...(process.platform === 'win32' ? { commands: () => readResult(node('--expose-gc', 'commands.mjs')) } : {}),
  'tripline doctor': () => node(command, 'doctor'),
  'tripline run': () => node(command, 'run', '--timeout', '1m', '--', 'node', '--version'),
  'tripline demo': () => node(command, 'demo'),
}

try {
  makeProject(app)
  // On Windows, npm is a batch file, which only a shell can start.
  run('npm', ['install', JSON.stringify(resolve(tarball)), '--ignore-scripts', '--no-audit', '--no-fund'], {
    shell: true,
  })
  for (const [name, trial] of Object.entries(trials)) {
    try {
      console.log(`ok      ${name}: ${trial()}`)
    } catch (error) {
      process.exitCode = 1
      console.log(`FAILED  ${name}: ${error.message}`)
    }
  }
} finally {
  rmSync(work, { recursive: true, force: true, maxRetries: 5 })
}
