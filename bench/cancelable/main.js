// The benches of cancelation: runs each in a process of its own, and writes bench/results/cancelable.json.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem, type } from 'node:os'
import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

// For measuring allocation: a young generation that no batch fills.
const ROOMY = ['--min-semi-space-size=64', '--max-semi-space-size=64']

function run(program) {
  const flags = program === 'memory' ? ROOMY : []
  const output = execFileSync(process.execPath, ['--expose-gc', ...flags, here(`./${program}.js`)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return JSON.parse(output.trim().split('\n').at(-1))
}

function versions() {
  const { dependencies } = JSON.parse(readFileSync(here('../package.json'), 'utf8'))
  return { node: process.versions.node, v8: process.versions.v8, ...dependencies }
}

/** A row of the table: the value, and what design asks of it where it does. */
function row(name, value, unit, target, baseline) {
  const met = target === undefined ? undefined : unit === 'times' ? value >= target : value <= target
  return { name, value: Number(value.toPrecision(4)), unit, target, met, baseline }
}

function rowsOf({ operations, memory, streams, pending, inflight, leaks }) {
  const { own, runs, checking, canceling, compared } = operations
  const body = compared.plain.min
  const ours = compared.runLinked.min - body
  const times = (peer) => (compared[peer].min - body) / ours
  const timesEnter = (peer) => (compared[peer].min - body) / compared.enterExit.min
  const overRun = (name) => runs[name].min - runs.plain.min
  const item = (name) => streams[name].min / streams.bare.min
  return [
    row('enter and exit, with parent, timeout and token', own.enterExit.min, 'ns', 150),
    row('the same, allocated', memory.enterExit, 'B', 300),
    row('retained by an operation, over a million', Math.max(memory.kept, 0), 'B', 1),
    row('run(asyncFn) over a plain await', overRun('runBare'), 'ns', 250, runs.plain.min),
    row('the same, allocated', memory.runBare - memory.plain, 'B', 800),
    row('run with parent, timeout and token over a plain await', overRun('runLinked'), 'ns'),
    row('a controller, a timer and listeners by hand: run', times('byHand'), 'times', 10),
    row('  enter and exit', timesEnter('byHand'), 'times'),
    row('p-timeout: run', times('pTimeout'), 'times', 30),
    row('  enter and exit', timesEnter('pTimeout'), 'times'),
    row('cockatiel: run', times('cockatiel'), 'times', 50),
    row('  enter and exit', timesEnter('cockatiel'), 'times'),
    row('AbortSignal.any: run', times('abortSignalAny'), 'times'),
    row('Effect: run', times('effect'), 'times'),
    row('abort-controller-x: run', times('abortControllerX'), 'times'),
    row('effection: run', times('effection'), 'times'),
    row('pending with a timeout, each of a million: entered', pending.entered.bytes, 'B', 500),
    row('  as a run, its promises included', pending.run.bytes, 'B', 500),
    row('canceling that million: entered', pending.entered.cancelSettled, 'ms', 500),
    row('  as runs, each with its own error and rejection', pending.run.cancelSettled, 'ms', 500),
    row('  as runs, until all of them are marked and told', pending.run.cancelMarked, 'ms'),
    row('stream item, check only, against a bare async generator', item('checkOnly'), 'x', 1.4, streams.bare.min),
    row('stream item, interruptible', item('interruptible'), 'x', 2.5),
    row('stream item, keeping 100 and reporting every 1000', item('keepAndReport'), 'x'),
    row('throwIfCanceled', checking.free.min, 'ns', 5),
    ...(checking.guarded === undefined ? [] : [row('throwIfCanceled with a guard', checking.guarded.min, 'ns', 15)]),
    row('throwIfCanceled with a deadline: it reads the clock', checking.deadline.min, 'ns'),
    row('enter and cancel', canceling.cancel.min, 'ns'),
    row('cancel a sleeping run, until it has rejected', canceling.cancelRun.min, 'ns'),
    ...Object.entries(inflight).flatMap(([width, each]) =>
      Object.entries(each)
        .filter(([name]) => name !== 'none')
        .map(([name, value]) => row(`${width} in flight, net of the body: ${name}`, value - each.none, 'ns')),
    ),
    row('retained, a million runs on one parent, token, OS signal and guard', Math.max(leaks.tripline, 0), 'B', 1),
    row('  entered', Math.max(leaks.triplineEnter, 0), 'B', 1),
    row('  canceled while racing one long promise', Math.max(leaks.triplineCanceledRace, 0), 'B', 1),
    row('retained: Promise.race against one long promise', leaks.promiseRace, 'B'),
    row('retained: by hand', Math.max(leaks.byHand, 0), 'B'),
    row('retained: p-timeout', Math.max(leaks.pTimeout, 0), 'B'),
    row('retained: cockatiel', Math.max(leaks.cockatiel, 0), 'B'),
    row('retained: AbortSignal.any with one long signal', leaks.abortSignalAny, 'B'),
  ]
}

function print(rows) {
  for (const { name, value, unit, target, met } of rows) {
    const wanted = target === undefined ? '' : `${unit === 'times' ? '>=' : '<='} ${target}${met ? '' : '   MISSED'}`
    console.log(`${name.padEnd(72)} ${String(value).padStart(10)} ${unit.padEnd(5)} ${wanted}`)
  }
}

/** Runs everything and returns the rows; `bench/run.js` calls this. */
export function benchCancelable() {
  const raw = {}
  for (const program of ['operations', 'memory', 'streams', 'pending', 'inflight', 'leaks']) raw[program] = run(program)
  const rows = rowsOf(raw)
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memory: totalmem(),
    system: `${type()} ${process.arch}`,
  }
  mkdirSync(here('../results'), { recursive: true })
  writeFileSync(
    here('../results/cancelable.json'),
    `${JSON.stringify({ at: new Date().toISOString(), machine, versions: versions(), rows, raw }, undefined, 2)}\n`,
  )
  print(rows)
  return rows
}

if (process.argv[1] === fileURLToPath(import.meta.url)) benchCancelable()
