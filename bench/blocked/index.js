// What calls that never look, and stacks of blocked loops, cost. The alternatives run in the same rounds.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { createContext, Script } from 'node:vm'
import { Worker } from 'node:worker_threads'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Cancelable, guard } from '../../dist/index.js'
import { median, min, row } from '../lib/suite.js'

export const title = 'blocked code: calls that can be ended, and stacks'

const ROUNDS = 7
const execute = promisify(execFile)
const child = fileURLToPath(new URL('children/rest.js', import.meta.url))
const noticeChild = fileURLToPath(new URL('children/notice.js', import.meta.url))

export async function run(add) {
  await measureCalls(add)
  await measureRest(add)
  await measureStack(add)
  await measureNotices(add)
}

const nothing = () => 1

/** Nanoseconds per call of `call`, which calls it `count` times. */
function perCall(count, call) {
  const start = process.hrtime.bigint()
  for (let i = 0; i < count; i++) call()
  return Number(process.hrtime.bigint() - start) / count
}

async function measureCalls(add) {
  const script = new Script('1')
  const context = createContext({})
  const times = { plain: [], region: [], vm: [], worker: [] }
  await Cancelable.run(
    async (cancel) => {
      for (let round = 0; round < ROUNDS; round++) {
        times.plain.push(perCall(1_000_000, nothing))
        times.region.push(perCall(100_000, () => cancel.preemptible(nothing)))
        times.vm.push(perCall(2000, () => script.runInContext(context, { timeout: 1000 })))
        times.worker.push(await inWorkers(10))
      }
    },
    { timeout: '10m' },
  )
  const own = min(times.region)
  add(row('cancel.preemptible() of an empty function, over a plain call', own - min(times.plain), 'ns'))
  const over = (name, text) => {
    add(row(text, min(times[name]) / own, 'x ours', { note: `${(min(times[name]) / 1000).toFixed(1)} µs` }))
  }
  over('vm', 'the same by node:vm with a timeout')
  over('worker', 'the same by a new worker thread, which can be terminated')
}

async function inWorkers(count) {
  const start = process.hrtime.bigint()
  for (let i = 0; i < count; i++) await once(new Worker('1', { eval: true }), 'exit')
  return Number(process.hrtime.bigint() - start) / count
}

/** What `stack: true` adds to a guard at rest. */
async function measureRest(add) {
  const pairs = []
  for (let round = 0; round < 3; round++) pairs.push(await Promise.all([watch('stack'), watch('plain')]))
  add(
    row(
      'a limit on eventLoop.delay with stack, at rest: CPU',
      median(pairs.map(([a, b]) => a / b)),
      'x without stack',
      {
        note: `${median(pairs.map(([a]) => a)).toFixed(2)} ms of the process in 10 s; median of 3 runs side by side`,
      },
    ),
  )
}

async function watch(mode) {
  const { stdout } = await execute(process.execPath, [child, mode])
  return Number(stdout)
}

/** What it costs the blocked code that its stack is taken: how much longer the same work takes. */
async function measureStack(add) {
  const times = { plain: [], stack: [] }
  let taken = 0
  for (let round = 0; round < 20; round++) {
    for (const mode of ['plain', 'stack']) {
      const { time, stacks } = await block(mode === 'stack')
      times[mode].push(time)
      taken += stacks
    }
  }
  add(
    row('taking the stack of a loop that is blocked for some 100 ms', median(times.stack) / median(times.plain), 'x', {
      note: `of the time without; ${taken} of 20 blocks had a stack`,
    }),
  )
}

async function block(stack) {
  const watched = guard({ 'eventLoop.delay': { above: '40ms', stack } }, { within: '10ms' })
  let stacks = 0
  watched.on('breach', ({ stack: found }) => {
    if (found !== undefined) stacks = 1
  })
  await pause(50)
  const start = process.hrtime.bigint()
  let sum = 0
  for (let i = 0; i < 60_000_000; i++) sum += i % 7
  const time = Number(process.hrtime.bigint() - start)
  await pause(50)
  watched.close()
  return { time, stacks: sum > 0 ? stacks : 0 }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** Noticing a block with its place, beside `blocked-at`: what it costs a busy loop, and what it finds. */
async function measureNotices(add) {
  const modes = ['none', 'tripline', 'blocked-at']
  const times = { none: [], tripline: [], 'blocked-at': [] }
  const found = {}
  for (let round = 0; round < 5; round++) {
    for (const mode of modes) {
      const { perTurn, places } = JSON.parse((await execute(process.execPath, [noticeChild, mode])).stdout)
      times[mode].push(perTurn)
      found[mode] = places
    }
  }
  const none = min(times.none)
  for (const mode of modes.slice(1)) {
    add(
      row(
        `noticing blocks with their place: an immediate and three promises with ${mode}`,
        min(times[mode]) / none,
        'x without',
        { note: `${none.toFixed(0)} ns without; found: ${found[mode]}` },
      ),
    )
  }
}
