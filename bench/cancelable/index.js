// The cost of operations, compared with hand-written code and libraries for the same job. Each program runs in its own
// process, so that its garbage is not charged to the next.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { row } from '../lib/suite.js'

export const title = 'operations beside hand-written AbortController code and five libraries'

// For measuring allocation: a young generation too large for a batch to fill.
const ROOMY = ['--min-semi-space-size=64', '--max-semi-space-size=64']

function measure(program) {
  const flags = program === 'memory' ? ROOMY : []
  const path = fileURLToPath(new URL(`./${program}.js`, import.meta.url))
  const output = execFileSync(process.execPath, ['--expose-gc', ...flags, path], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return JSON.parse(output.trim().split('\n').at(-1))
}

export function run(add) {
  operations(add)
  nesting(add)
  memory(add)
  streams(add)
  pending(add)
  inflight(add)
  leaks(add)
}

function operations(add) {
  const { own, runs, opted, checking, canceling, compared } = measure('operations')
  const cpu = 'process CPU, least of the rounds'
  const plain = runs.plain.min
  // Measured alone first, and again together with the others.
  const enterExit = Math.min(own.enterExit.min, compared.enterExit.min)
  add(row('enter and exit, with parent, timeout and token', enterExit, 'ns', { atMost: 150, note: cpu }))
  add(row('run(asyncFn) over a plain await', runs.runBare.min - plain, 'ns', { atMost: 250, note: cpu }))
  add(row('run with parent, timeout and token over a plain await', runs.runLinked.min - plain, 'ns', { note: cpu }))

  add(row('the same enter and exit, registered: on top', opted.registered.min - opted.enterExit.min, 'ns'))

  const body = compared.plain.min
  const ours = compared.runLinked.min - body
  const peers = [
    ['byHand', 'a controller, a timer and two listeners by hand', 10],
    ['pTimeout', 'p-timeout with a signal', 30],
    ['cockatiel', 'cockatiel with a signal', 50],
    ['abortSignalAny', 'AbortSignal.any of three', undefined],
    ['effect', 'Effect', undefined],
    ['abortControllerX', 'abort-controller-x', undefined],
    ['effection', 'effection', undefined],
  ]
  for (const [peer, name, atLeast] of peers) {
    const theirs = compared[peer].min - body
    const target = atLeast === undefined ? {} : { atLeast }
    add(row(`${name}, over our run, both net of the body`, theirs / ours, 'x', target))
    add(row(`${name}, over our enter and exit`, theirs / enterExit, 'x', target))
  }

  add(row('throwIfCanceled', checking.free.min, 'ns', { atMost: 5 }))
  const unguarded = checking.guarded === undefined ? 'no addon here' : ''
  add(row('throwIfCanceled with a guard', checking.guarded?.min, 'ns', { atMost: 15, note: unguarded }))
  add(row('throwIfCanceled with a deadline', checking.deadline.min, 'ns', { note: 'it reads the clock' }))
  add(row('enter and cancel', canceling.cancel.min, 'ns'))
  add(row('cancel a sleeping run, until it has rejected', canceling.cancelRun.min, 'ns'))
}

function nesting(add) {
  const { before, after, scopes } = measure('nesting')
  add(row('tripline/context: run on top', after.run.min - before.run.min, 'ns'))
  add(row('tripline/context: every await of the process on top', after.await.min - before.await.min, 'ns'))
  add(row('a task, over a child that is run and awaited', scopes.task.min - scopes.child.min, 'ns'))
  add(row('all() over a hundred functions, ten at a time: each', scopes.all.min / 100, 'ns'))
}

function memory(add) {
  const { enterExit, plain, runBare, runLinked, kept } = measure('memory')
  add(row('allocated by enter and exit, including the options', enterExit, 'B', { atMost: 300 }))
  add(row('allocated by run, over a plain await', runBare - plain, 'B', { atMost: 800 }))
  add(row('allocated by run with parent, timeout and token, over a plain await', runLinked - plain, 'B'))
  add(row('retained by an operation, over a million', kept, 'B', { atMost: 1 }))
}

function streams(add) {
  const { bare, checkOnly, interruptible, keepAndReport, passThrough } = measure('streams')
  const over = (item) => item.min / bare.min
  add(row('stream item, check only, over a bare async generator', over(checkOnly), 'x', { atMost: 1.4 }))
  add(row('stream item, interruptible', over(interruptible), 'x', { atMost: 2.5 }))
  add(row('stream item, keeping the last 100 and reporting every 1000', over(keepAndReport), 'x'))
  add(row('stream item through an async generator that only passes it on', over(passThrough), 'x'))
}

function pending(add) {
  const { entered, run: runs } = measure('pending')
  const promises =
    'about 470 B of it are promises: that of the run, its two resolving functions, and the reaction on the body with its own promise'
  const errors = 'each has its own error; most of the time is garbage collection, in a heap of a million errors'
  add(row('a million pending operations with a timeout, entered: each', entered.bytes, 'B', { atMost: 500 }))
  add(row('a million pending runs with a timeout: each', runs.bytes, 'B', { atMost: 500, note: promises }))
  add(row('canceling the million entered operations', entered.cancelSettled, 'ms', { atMost: 500 }))
  add(row('canceling the million runs, until all are canceled and notified', runs.cancelMarked, 'ms', { atMost: 500 }))
  add(row('the same, until all have rejected', runs.cancelSettled, 'ms', { atMost: 500, note: errors }))
}

function inflight(add) {
  for (const [width, each] of Object.entries(measure('inflight'))) {
    for (const [name, value] of Object.entries(each)) {
      if (name !== 'none') add(row(`${width} in flight, net of the body: ${name}`, value - each.none, 'ns'))
    }
  }
}

function leaks(add) {
  const kept = measure('leaks')
  const every = 'a million on one parent, token, OS signal and guard'
  add(row('retained by a run', kept.tripline, 'B', { atMost: 1, note: every }))
  add(row('retained by an entered operation', kept.triplineEnter, 'B', { atMost: 1, note: every }))
  add(
    row(
      'retained by an operation that is canceled while racing one long-lived promise',
      kept.triplineCanceledRace,
      'B',
      {
        atMost: 1,
      },
    ),
  )
  add(row('retained by Promise.race against one long-lived promise', kept.promiseRace, 'B'))
  add(row('retained by AbortSignal.any with one long-lived signal', kept.abortSignalAny, 'B'))
  add(row('retained by hand-written listeners that are removed', kept.byHand, 'B'))
  add(row('retained by p-timeout', kept.pTimeout, 'B'))
  add(row('retained by cockatiel', kept.cockatiel, 'B'))
}
