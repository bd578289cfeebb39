// The cost of starting a command with the command line.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { median, min, row } from '../lib/suite.js'

export const title = 'what it costs to start a command under limits'

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const ROUNDS = 30

const COMMANDS = {
  'node -e 0': [process.execPath, ['-e', '0']],
  'timeout 10 true': ['timeout', ['10', 'true']],
  'tripline --help': [process.execPath, [CLI, '--help']],
  'tripline run true': [process.execPath, [CLI, 'run', 'true']],
  'tripline run --timeout 10 true': [process.execPath, [CLI, 'run', '--timeout', '10', 'true']],
  'tripline run --memory 1GB true': [process.execPath, [CLI, 'run', '--memory', '1GB', 'true']],
}

export async function run(add) {
  if (process.platform !== 'linux') return
  const rounds = Object.fromEntries(Object.keys(COMMANDS).map((name) => [name, { wall: [], cpu: [] }]))
  // Interleaved, so that a busy minute hits all of them alike.
  for (let i = 0; i < ROUNDS; i++) {
    for (const [name, [command, args]] of Object.entries(COMMANDS)) {
      const measured = measure(command, args)
      rounds[name].wall.push(measured.wall)
      rounds[name].cpu.push(measured.cpu)
    }
  }
  const base = min(rounds['node -e 0'].cpu)
  for (const [name, { wall, cpu }] of Object.entries(rounds)) {
    add(row(`${name}: wall time`, median(wall), 'ms', { note: `median of ${ROUNDS}; least ${min(wall).toFixed(1)}` }))
    add(
      row(`${name}: CPU time`, min(cpu), 'ms', {
        note: `least of ${ROUNDS}; ${(min(cpu) / base).toFixed(2)}x node -e 0`,
      }),
    )
  }
}

/** Wall time and CPU time in milliseconds; the CPU time includes all processes of the command. */
function measure(command, args) {
  // bash reports the CPU time of reaped children with millisecond precision.
  const line = 'TIMEFORMAT="%R %U %S"; time "$0" "$@" >/dev/null'
  const { stderr } = spawnSync('bash', ['-c', line, command, ...args], { encoding: 'utf8' })
  const [wall, user, system] = stderr.trim().split('\n').at(-1).split(' ').map(Number)
  return { wall: wall * 1000, cpu: (user + system) * 1000 }
}
