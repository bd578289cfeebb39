// Adaptive concurrency in a real overload, beside fixed limits and a latency gradient: each trial in a process of its own, in a
// group with a memory limit where the machine allows one. And what a run costs.
import { spawn } from 'node:child_process'
import { makeGroup, removeGroup } from '../lib/cgroup.js'
import { runChild } from '../lib/process.js'
import { median, row } from '../lib/suite.js'
import { COSTS, METHODS } from './methods.js'
import { SCENARIOS } from './scenarios.js'

export const title = 'adaptive concurrency: overload beside fixed limits, cost of a run'

const LIMIT = 512 * 2 ** 20
const ROUNDS = Number(process.env.ROUNDS ?? 3)

export async function run(add) {
  await addCosts(add)
  for (const scenario of Object.keys(SCENARIOS)) {
    const trials = Object.fromEntries(Object.keys(METHODS).map((each) => [each, []]))
    for (let round = 0; round < ROUNDS; round++) {
      const order = Object.keys(METHODS)
      for (const method of round % 2 === 0 ? order : order.toReversed()) {
        trials[method].push(await tryOnce(method, scenario))
      }
    }
    for (const [method, each] of Object.entries(trials)) add(toRow(scenario, method, each))
  }
}

/** Killed before its first report. */
const NOTHING = { done: 0, p99: NaN, total: NaN, peak: NaN }

/** One trial: the last figures that the process has printed, and whether it was killed. */
async function tryOnce(method, scenario) {
  const group = makeGroup(LIMIT)
  const program = new URL('trial.js', import.meta.url).pathname
  const child = spawn(process.execPath, [program, method, scenario, group ?? ''], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  const signal = await new Promise((resolve) => child.on('close', (_, by) => resolve(by)))
  if (group !== undefined) await removeGroup(group)
  const killed = signal === 'SIGKILL'
  const last = output
    .slice(0, Math.max(0, output.lastIndexOf('\n')))
    .split('\n')
    .at(-1)
  if (last === '' && !killed) throw new Error(`the trial of ${method} has printed nothing`)
  return { ...(last === '' ? NOTHING : JSON.parse(last)), killed, limited: group !== undefined }
}

function toRow(scenario, method, trials) {
  const middle = (key) => median(trials.map((each) => each[key]))
  const killed = trials.filter((each) => each.killed).length
  const end = killed === 0 ? 'never killed' : `killed in ${killed} of ${trials.length} trials`
  const unlimited = trials[0].limited ? '' : ', no group with a memory limit here'
  const note =
    `${end}; a task p99 ${middle('p99').toFixed(0)} ms, with its wait ${middle('total').toFixed(0)} ms, peak ` +
    `${(middle('peak') / 2 ** 20).toFixed(0)} MiB of ${LIMIT / 2 ** 20}${unlimited}`
  return row(`${scenario}: ${method}`, middle('done'), 'done', { note })
}

async function addCosts(add) {
  const costs = {}
  for (const method of Object.keys(COSTS)) {
    costs[method] = (await runChild(new URL('cost.js', import.meta.url), [method])).nanoseconds
    add(row(`a run: ${method}`, costs[method], 'ns', { note: 'CPU time; an empty async function, 500 at a time' }))
  }
  add(row('limiter.run over Cancelable.run', costs['limiter.run'] - costs['Cancelable.run'], 'ns', { under: 500 }))
  add(row('limiter.run over p-queue', costs['limiter.run'] / costs['p-queue'], 'x', { under: 1 }))
  add(row('the same, while all wait', costs['limiter.run that waits'] / costs['p-queue that waits'], 'x', { under: 1 }))
}
