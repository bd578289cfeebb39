// The cost of starting a command with the command line, and of what waits for it.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
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

const MEMORY_ROUNDS = 5
const IDLE = 'node -e setTimeout(…)'

/** What waits while a command runs. The first is what the others are compared with. */
const WAITING = {
  [IDLE]: [process.execPath, ['-e', 'setTimeout(() => {}, 1e6)']],
  'timeout 100 sleep 100': ['timeout', ['100', 'sleep', '100']],
  'tini -s sleep 100': ['tini', ['-s', 'sleep', '100']],
  'tripline run sleep 100': [process.execPath, [CLI, 'run', 'sleep', '100']],
  'tripline run --memory 1GB sleep 100': [process.execPath, [CLI, 'run', '--memory', '1GB', 'sleep', '100']],
}

export async function run(add) {
  if (process.platform !== 'linux') return
  await measureStart(add)
  await measureMemory(add)
}

async function measureMemory(add) {
  const rounds = Object.fromEntries(Object.keys(WAITING).map((name) => [name, []]))
  for (let i = 0; i < MEMORY_ROUNDS; i++) {
    for (const [name, [command, args]] of Object.entries(WAITING)) rounds[name].push(await residentOf(command, args))
  }
  const base = median(rounds[IDLE])
  for (const [name, values] of Object.entries(rounds)) {
    const found = values.every((each) => each !== undefined)
    const note = found
      ? `median of ${MEMORY_ROUNDS}; ${(median(values) / base).toFixed(3)}x idle node`
      : 'not installed'
    const atMost = name === 'tripline run sleep 100' ? Number((base * 1.1).toFixed(1)) : undefined
    add(row(`${name}: resident memory`, found ? median(values) : undefined, 'MiB', { note, atMost }))
  }
}

/** Resident memory in MiB of a process that has started a command and waits for it; undefined if there is no such program. */
async function residentOf(command, args) {
  const child = spawn(command, args, { stdio: 'ignore' })
  const failed = once(child, 'error').then(() => true)
  if (await Promise.race([failed, sleep(2000, false)])) return undefined
  const ended = once(child, 'exit')
  const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]
  child.kill()
  await ended
  return kib / 1024
}

async function measureStart(add) {
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
