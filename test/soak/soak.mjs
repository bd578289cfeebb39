// A bounded soak test with a hundred thousand rows of samples, a hundred thousand guards, a million operations and two
// thousand workers. Memory, descriptors and threads must not have grown afterwards. V8's young generation is kept small,
// because it grows with the load and would look like a leak.
// Usage: node --expose-gc --max-semi-space-size=1 test/soak/soak.mjs [part...]
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { CancelationToken, Cancelable, every, guard, samplerStats, samples, snapshot } from 'tripline'

const MB = 2 ** 20

// The growth that is tolerated per part. Allocators keep some memory; a leak of one byte per round would be far above.
const MOST_GROWTH = 12 * MB

function status(field) {
  return Number(new RegExp(`^${field}:\\s*(\\d+)`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))[1])
}

/** The resources that this process still holds after garbage collection. */
async function settle() {
  while (samplerStats()?.running) await delay(20)
  for (let i = 0; i < 5; i++) {
    globalThis.gc()
    await delay(20)
  }
  return {
    rss: status('VmRSS') * 1024,
    threads: status('Threads'),
    descriptors: readdirSync('/proc/self/fd').length,
    series: samplerStats()?.series ?? 0,
  }
}

const PARTS = {
  async samples(scale) {
    // At the 1 kHz of the source, a million samples would take a thousand seconds, so most come in blocks at 4 kHz.
    using_(guard({ 'process.rss': Array.from({ length: 100 }, (_, i) => ({ above: 1e15 + i })) }, { interval: 1 }))
    let taken = 0
    for await (const block of samples({ metrics: ['process.rss', 'process.cpu'], interval: '250us', batch: 1000 })) {
      taken += block.at.length
      for (let i = 0; i < 1000; i++) snapshot()
      if (taken >= 100_000 * scale) break
    }
    return `${taken} rows`
  },
  async guards(scale) {
    const count = 100_000 * scale
    for (let i = 0; i < count; i++) {
      const watched = guard({ memory: 99, 'process.rss': 1e15 }, { within: 50 })
      if (i % 3 === 0) watched.on('breach', () => undefined)
      watched.close()
      if (i % 1000 === 0) await delay(0)
    }
    return `${count} guards`
  },
  async operations(scale) {
    const count = 1_000_000 * scale
    const parent = new Cancelable().enter()
    const token = new CancelationToken()
    const resources = guard({ memory: 100 })
    for (let i = 0; i < count; i++) {
      new Cancelable({ parent, token, timeout: 60_000, resources }).enter()[Symbol.dispose]()
      if (i % 10_000 === 0) await delay(0)
    }
    parent[Symbol.dispose]()
    resources.close()
    return `${count} operations`
  },
  async tickers(scale) {
    let beats = 0
    for (let i = 0; i < 2000 * scale; i++) {
      const ticker = every(1, () => void beats++)
      if (i % 10 === 0) await delay(2)
      await ticker.close()
    }
    return `${2000 * scale} tickers, ${beats} beats`
  },
  async workers(scale) {
    const source = `
      import { parentPort } from 'node:worker_threads'
      const { guard } = await import(${JSON.stringify(import.meta.resolve('tripline'))})
      guard({ 'process.rss': { above: 1 } }, { within: 1 }).on('breach', () => parentPort.postMessage('notified'))
      setInterval(() => undefined, 1000)
    `
    const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`)
    const count = 2000 * scale
    for (let i = 0; i < count; i += 4) {
      await Promise.all(
        [0, 1, 2, 3].map(async () => {
          const worker = new Worker(url)
          await once(worker, 'message')
          await worker.terminate()
        }),
      )
    }
    return `${count} workers`
  },
}

const open = []
function using_(resource) {
  open.push(resource)
}

const alive = setInterval(() => undefined, 1e6)
const wanted = process.argv.slice(2)
let failed = 0
for (const [name, part] of Object.entries(PARTS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  // A small run first, so that code, caches and allocators have reached their size before the measurement.
  await part(0.05)
  for (const each of open.splice(0)) each.close()
  const before = await settle()
  const done = await part(1)
  for (const each of open.splice(0)) each.close()
  const after = await settle()
  const grown = after.rss - before.rss
  const flat =
    grown < MOST_GROWTH &&
    after.descriptors <= before.descriptors &&
    after.threads <= before.threads &&
    after.series === 0
  if (!flat) failed++
  console.log(
    `${flat ? 'flat  ' : 'GROWN '} ${name.padEnd(10)} ${done}: ${(grown / MB).toFixed(1)} MB, ` +
      `${after.descriptors - before.descriptors} descriptors, ${after.threads - before.threads} threads`,
  )
}
clearInterval(alive)
console.log(`${(wanted.length || Object.keys(PARTS).length) - failed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
