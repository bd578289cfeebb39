// node trial.js METHOD SCENARIO GROUP: one trial in a process of its own. Prints what was done so far every 100 ms, because the
// kernel may kill it.
import { pbkdf2 } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { join, peakOf } from '../lib/cgroup.js'
import { quantile } from '../lib/suite.js'
import { METHODS } from './methods.js'
import { SCENARIOS } from './scenarios.js'

const [method, scenario, group] = process.argv.slice(2)
if (group !== '') join(group)

const derive = promisify(pbkdf2)
const { seconds, rate, weight } = SCENARIOS[scenario]
const run = METHODS[method]()

// 10,000 rounds of SHA-1 in a thread of libuv take some milliseconds; measured, so that a task is the same everywhere.
const before = performance.now()
await derive('a', 'b', 200_000, 20, 'sha1')
const roundsPerMs = 200_000 / (performance.now() - before)

/** Memory that is held, CPU time in another thread, and a wait, as for an answer from elsewhere. */
async function task(times) {
  const held = Buffer.alloc(3e6 * times, 1)
  await derive(held.subarray(0, 1), 'salt', Math.round(roundsPerMs * 6 * times), 20, 'sha1')
  await sleep(40 * times)
  return held[0]
}

const state = { done: 0, highest: 0, limit: 0 }
const runTimes = []
const totals = []
const started = performance.now()

const p99 = (values) => (values.length === 0 ? 0 : quantile(values, 0.99))

function report() {
  const peak = group === '' ? process.resourceUsage().maxRSS * 1024 : peakOf(group)
  const figures = {
    ...state,
    p99: p99(runTimes),
    total: p99(totals),
    peak,
    seconds: (performance.now() - started) / 1000,
  }
  process.stdout.write(`${JSON.stringify(figures)}\n`)
}

const reporting = setInterval(report, 100)
const pending = []
for (let count = 0; count < rate * seconds; count++) {
  const due = started + (count * 1000) / rate
  if (due > performance.now()) await sleep(due - performance.now())
  const times = weight((due - started) / 1000)
  pending.push(
    run(async () => {
      const began = performance.now()
      await task(times)
      runTimes.push(performance.now() - began)
      totals.push(performance.now() - due)
      state.done++
      state.limit = run.limiter?.limit ?? 0
      state.highest = Math.max(state.highest, state.limit)
    }),
  )
}
// What is left may take some time.
await Promise.race([Promise.all(pending), sleep(20_000)])
clearInterval(reporting)
report()
process.exit()
