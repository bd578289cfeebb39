// A million pending operations at once.
import { Cancelable } from '../../dist/index.js'
import { cpuTime, report, settledHeap } from './harness.js'

const COUNT = Number(process.argv[2] ?? 1_000_000)
const never = new Promise(() => undefined)
const options = { timeout: 60_000 }

async function measure(start) {
  const root = new Cancelable().enter()
  const given = { ...options, parent: root }
  const heap = await settledHeap()
  let from = cpuTime()
  const kept = start(given)
  const create = (cpuTime() - from) / COUNT
  const each = ((await settledHeap()) - heap) / COUNT
  // Handle each rejection, because unhandled ones would cost extra.
  for (const promise of kept ?? []) promise.catch(() => undefined)
  from = cpuTime()
  root.cancel('stop')
  const marked = (cpuTime() - from) / 1e6
  // Wait for the turn after which the bodies are abandoned.
  for (let i = 0; i < 4; i++) await new Promise(setImmediate)
  const all = (cpuTime() - from) / 1e6
  root[Symbol.dispose]()
  return { bytes: each, create, cancelMarked: marked, cancelSettled: all, kept: kept?.length }
}

const entered = await measure((given) => {
  for (let i = 0; i < COUNT; i++) new Cancelable(given).enter()
})
const run = await measure((given) => {
  // All share one body, and nothing is attached to the promise, so that only the operation's own memory counts.
  const promises = []
  for (let i = 0; i < COUNT; i++) promises.push(new Cancelable(given).run(() => never))
  return promises
})
report({ count: COUNT, entered, run })
process.exit()
