// Servers under more load than they can take, with and without protection; and what a protected request costs.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import autocannon from 'autocannon'
import { median, quantile, row } from '../lib/suite.js'

export const title = 'web servers under overload, and the cost of a protected request'

/** Short runs, to see whether the bench works: TRIPLINE_BENCH_QUICK=1. */
const QUICK = process.env.TRIPLINE_BENCH_QUICK === '1'
const ROUNDS = QUICK ? 1 : Number(process.env.ROUNDS ?? 5)
const SECONDS = QUICK ? 4 : 15
const CONNECTIONS = 400
const CHEAP = QUICK ? 5000 : 50_000
const MANY = QUICK ? 20_000 : 500_000

const PROTECTIONS = {
  none: 'no protection',
  'under-pressure': '@fastify/under-pressure',
  'stand-in': 'underPressure of tripline/fastify',
  ours: 'protectFastify',
}

async function start(...args) {
  const child = spawn(
    process.execPath,
    ['--expose-gc', fileURLToPath(new URL('server.js', import.meta.url)), ...args],
    {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    },
  )
  const [{ port }] = await once(child, 'message')
  return {
    url: `http://127.0.0.1:${port}/`,
    async used() {
      child.send('used')
      const [used] = await once(child, 'message')
      return used
    },
    async stop() {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

/** As many requests as the connections can send, for some seconds. A client gives up after 5 s. */
async function overload(protection) {
  const server = await start('fastify', protection, 'heavy')
  try {
    const before = await server.used()
    const accepted = []
    const options = { url: server.url, connections: CONNECTIONS, duration: SECONDS, timeout: 5 }
    const instance = autocannon(options)
    instance.on('response', (_, status, __, time) => {
      if (status === 200) accepted.push(time)
    })
    const { non2xx, errors, timeouts } = await instance
    const after = await server.used()
    return {
      p50: quantile(accepted, 0.5),
      p99: quantile(accepted, 0.99),
      perSecond: accepted.length / SECONDS,
      refused: non2xx / SECONDS,
      errors: errors + timeouts,
      peak: after.peak / 2 ** 20,
      cpu: (after.cpu - before.cpu) / 1e6 / SECONDS,
    }
  } finally {
    await server.stop()
  }
}

/** Microseconds of processor time for a request that does nothing. */
async function cost(framework, protection) {
  const server = await start(framework, protection, 'nothing')
  try {
    const load = { url: server.url, connections: 20 }
    await autocannon({ ...load, amount: 3000 })
    const before = await server.used()
    await autocannon({ ...load, amount: CHEAP })
    return ((await server.used()).cpu - before.cpu) / CHEAP
  } finally {
    await server.stop()
  }
}

async function inTurns(variants, measure) {
  const results = new Map(variants.map((each) => [each, []]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const each of variants) results.get(each).push(await measure(each))
  }
  return results
}

export async function run(add) {
  const loaded = await inTurns(Object.keys(PROTECTIONS), overload)
  for (const [protection, results] of loaded) {
    const name = PROTECTIONS[protection]
    const of = (key) => median(results.map((each) => each[key]))
    const note = `${CONNECTIONS} connections that send without pause for ${SECONDS} s; median of ${ROUNDS}, in turns`
    add(row(`${name}: p99 of accepted requests`, of('p99'), 'ms', { note }))
    add(row(`${name}: median of accepted requests`, of('p50'), 'ms'))
    add(row(`${name}: accepted per second`, of('perSecond'), 'requests/s'))
    add(row(`${name}: refused per second`, of('refused'), 'requests/s'))
    add(row(`${name}: errors and timeouts of clients`, of('errors'), 'requests', { note: 'a client waits 5 s' }))
    add(row(`${name}: peak memory`, of('peak'), 'MiB'))
    add(row(`${name}: CPU`, of('cpu'), 'cores'))
  }
  const p99 = (protection) => median(loaded.get(protection).map((each) => each.p99))
  const compared = { atMost: 1, note: 'accepted requests, medians of the rounds above' }
  add(row('p99: protectFastify / under-pressure', p99('ours') / p99('under-pressure'), 'x', compared))

  const variants = ['http none', 'http ours', 'fastify none', 'fastify under-pressure', 'fastify ours']
  const costs = await inTurns(variants, (each) => cost(...each.split(' ')))
  const of = (variant) => median(costs.get(variant))
  for (const each of variants) add(row(`CPU per request, ${each}`, of(each), 'µs'))
  const note = 'operation, limit, time limit; nothing else in the request'
  add(row('protected / bare request, node:http', of('http ours') / of('http none'), 'x', { atMost: 1.15, note }))
  add(row('protected / bare request, Fastify', of('fastify ours') / of('fastify none'), 'x', { atMost: 1.15, note }))
  await retained(add)
}

/** What is left of requests that are over. */
async function retained(add) {
  const server = await start('http', 'ours', 'nothing')
  try {
    const load = { url: server.url, connections: 20, pipelining: 4 }
    await autocannon({ ...load, amount: 10_000 })
    const before = await server.used()
    await autocannon({ ...load, amount: MANY })
    const kept = ((await server.used()).heap - before.heap) / MANY
    add(row('heap retained per request', Math.max(0, kept), 'B', { under: 1, note: `after ${MANY} requests` }))
  } finally {
    await server.stop()
  }
}
