// The latency from a crossing to a listener while the event loop is idle, and to a flag while it is blocked.
import { makeGroup, removeGroup } from '../lib/cgroup.js'
import { runChild } from '../lib/process.js'
import { quantile, row } from '../lib/suite.js'
import { measure } from './native.js'

const CROSSINGS = 60
const ROUNDS = 5
const FAR_MS = 200
const PUSHES = 60
const child = (name) => new URL(`children/${name}.js`, import.meta.url)

export async function measureLatency(add) {
  const modes = [
    { mode: 'listener', what: 'crossing to listener, loop idle, polled near the limit: p99', beyond: 0.3, runs: [] },
    { mode: 'flag', what: 'crossing to isCanceled, loop blocked, polled near the limit: p99', beyond: 0.2, runs: [] },
  ]
  for (let round = 0; round < ROUNDS; round++) {
    for (const { mode, runs } of modes) {
      const [bare] = measure('late', 1)
      runs.push({ ...(await runChild(child('cross'), [mode, CROSSINGS, FAR_MS])), bare })
    }
  }
  for (const { what, beyond, runs } of modes) {
    const ordered = runs.toSorted((a, b) => p99(a) - p99(b))
    const [best] = ordered
    const all = ordered.map((each) => p99(each).toFixed(2)).join(', ')
    const late = ordered.map(({ bare }) => (bare.p99 / 1e6).toFixed(2)).join(', ')
    add(
      row(what, p99(best), 'ms', {
        under: best.period + beyond,
        note: `calmest of ${ROUNDS} rounds of ${CROSSINGS} (${all}), its p50 ${quantile(best.delays, 0.5).toFixed(2)}; a bare thread that wakes at 1 kHz was late by p99 ${late} ms before each`,
      }),
    )
  }
  await measurePush(add)
  const { delays } = await runChild(child('stall'), [3])
  add(
    row('load to listener, pushed by a pressure trigger', delays.length > 0 ? quantile(delays, 0.5) : undefined, 'ms', {
      note: `${delays.length} of 3 tries (a machine that stalls already gives none); the kernel checks a trigger of an unprivileged user every 2 s`,
    }),
  )
}

function p99({ delays }) {
  return quantile(delays, 0.99)
}

async function measurePush(add) {
  const name = 'crossing to listener, pushed by a cgroup v1 threshold: p99'
  const group = makeGroup(2 ** 28)
  if (group === undefined)
    return add(row(name, undefined, 'ms', { note: 'no version 1 memory cgroup can be made here' }))
  try {
    const { delays, missed } = await runChild(child('push'), [group, PUSHES])
    add(
      row(name, delays.length > 0 ? quantile(delays, 0.99) : undefined, 'ms', {
        note: `p50 ${delays.length > 0 ? quantile(delays, 0.5).toFixed(2) : '-'}; ${missed} of ${PUSHES} unseen; with a polling period of an hour`,
      }),
    )
  } finally {
    await removeGroup(group)
  }
}
