// The cost of guards while no limit is crossed: nothing on the JavaScript thread, and little on the sampling thread.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { findThread, threadCpu, voluntarySwitches } from '../lib/process.js'
import { median, min, row } from '../lib/suite.js'
import { measure } from './native.js'

const SECONDS = 10
const ROUNDS = 3
const script = new URL('children/quiet.js', import.meta.url).pathname

export async function measureQuiet(add) {
  const guarded = []
  const bare = []
  for (let round = 0; round < ROUNDS; round++) {
    // Run side by side, so that a disturbance affects both.
    const [a, b] = await Promise.all([watch('guard'), watch('none')])
    guarded.push(a)
    bare.push(b)
  }
  const [typical] = measure('typical', ROUNDS * 2, ...guarded[0].limits)
  const compare = (name) => `${of(guarded, name)} with guards, ${of(bare, name)} without; median of ${ROUNDS} runs`
  const period = `in ${SECONDS} s`
  add(
    row('JavaScript thread, nothing crossed: wake-ups', min(guarded.map((each) => each.mainSwitches)), period, {
      atMost: 0,
      note: compare('mainSwitches'),
    }),
  )
  add(
    row('JavaScript thread, nothing crossed: CPU', min(guarded.map((each) => each.mainCpu)) / 1000, `µs ${period}`, {
      atMost: 0,
      note: compare('mainCpu'),
    }),
  )
  add(
    row(
      'typical guard set: CPU of the sampling thread',
      of(guarded, 'cpu') / 1e7 / of(guarded, 'seconds'),
      '% of a core',
      {
        atMost: 0.1,
        note: `${guarded[0].limits.join(', ')}; within 100 ms; a bare thread that only wakes ten times per second: ${(typical.wakes / 1e6).toFixed(3)} %`,
      },
    ),
  )
  add(
    row(
      'typical guard set: CPU per wake-up of the thread',
      typical.ours / typical.wakes,
      'x a thread that only wakes',
      {
        atMost: 2,
        note: `${us(typical.ours)} against ${us(typical.wakes)} µs; ${us(typical.reads)} for a bare thread that makes the same reads, ${us(typical.memory)} for one that reads /proc/meminfo alone. That file is read at every wake-up: memory can fill within 100 ms, and a limit on it promises to see that. Shares over time are read every second or third time, disks and pressure less often`,
      },
    ),
  )
  add(
    row('typical guard set: wake-ups', of(guarded, 'wakeups'), 'per second', {
      atMost: 10,
      note: `${of(guarded, 'reads').toFixed(1)} reads of a source per second`,
    }),
  )
  await measureLoop(add)
  await trace(add)
}

const cost = ({ cpu, mainCpu }) => cpu + mainCpu

/** What limits on the event loop add to the same set. */
async function measureLoop(add) {
  const pairs = []
  for (let round = 0; round < ROUNDS; round++) pairs.push(await Promise.all([watch('loop'), watch('guard')]))
  add(
    row(
      'eventLoop.delay and eventLoop.utilization on top of it: CPU of both threads',
      median(pairs.map(([loop, alone]) => cost(loop) / cost(alone))),
      'x the set alone',
      { atMost: 1.2, note: `median of ${ROUNDS} runs side by side, at rest` },
    ),
  )
  add(
    row(
      'the same: wake-ups of the JavaScript thread',
      min(pairs.map(([loop]) => loop.mainSwitches)),
      `in ${SECONDS} s`,
      { atMost: 0 },
    ),
  )
}

function us(nanoseconds) {
  return (nanoseconds / 1000).toFixed(1)
}

function of(runs, name) {
  return median(runs.map((each) => each[name]))
}

/** Measures what the two threads of a process do in SECONDS without any event. */
async function watch(mode) {
  const child = spawn(process.execPath, [script, mode, SECONDS + 1], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const { pid, limits } = JSON.parse((await lines.next()).value)
  await sleep(300)
  const sampler = findThread(pid, 'tripline')
  const look = () => ({
    mainCpu: threadCpu(pid, pid),
    mainSwitches: voluntarySwitches(pid, pid),
    cpu: sampler === undefined ? 0 : threadCpu(pid, sampler),
    seconds: performance.now() / 1000,
  })
  const before = look()
  await sleep(SECONDS * 1000)
  const after = look()
  const last = JSON.parse((await lines.next()).value)
  return {
    ...last,
    limits,
    ...Object.fromEntries(Object.keys(after).map((name) => [name, after[name] - before[name]])),
  }
}

/** The same under strace: the system calls of the two threads. */
async function trace(add) {
  const name = 'typical guard set under strace: system calls on the JavaScript thread'
  if (spawnSync('strace', ['-V']).status !== 0) return add(row(name, undefined, '', { note: 'no strace here' }))
  const child = spawn(process.execPath, [script, 'guard', SECONDS + 3], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [first] = await once(createInterface({ input: child.stdout }), 'line')
  const { pid } = JSON.parse(first)
  const threads = { main: pid, sampler: findThread(pid, 'tripline') }
  const calls = {}
  await Promise.all(
    Object.entries(threads).map(async ([label, tid]) => {
      const file = join(tmpdir(), `tripline-bench-strace-${tid}`)
      await once(spawn('timeout', ['-s', 'INT', SECONDS, 'strace', '-p', tid, '-o', file], { stdio: 'ignore' }), 'exit')
      calls[label] = countCalls(readFileSync(file, 'utf8'))
      rmSync(file)
    }),
  )
  child.kill('SIGKILL')
  const period = `in ${SECONDS} s`
  add(row(name, sum(calls.main), period, { atMost: 0, note: 'it stays in its wait' }))
  add(
    row(
      'typical guard set under strace: system calls on the sampling thread',
      sum(calls.sampler) / SECONDS,
      'per second',
      {
        note: `${period}: ${list(calls.sampler)}`,
      },
    ),
  )
}

function countCalls(text) {
  const counts = {}
  for (const line of text.split('\n')) {
    // The wait in progress when strace attaches does not count as a call.
    const call = /^(\w+)\(/.exec(line)?.[1]
    if (call !== undefined && !/(resumed|detached)/.test(line) && call !== 'restart_syscall') {
      counts[call] = (counts[call] ?? 0) + 1
    }
  }
  return counts
}

const sum = (counts) => Object.values(counts).reduce((a, b) => a + b, 0)
const list = (counts) =>
  Object.entries(counts)
    .toSorted((a, b) => b[1] - a[1])
    .map(([call, count]) => `${call} ${count}`)
    .join(', ')
