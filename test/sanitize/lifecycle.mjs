// Exercises all native objects under sanitizers: guards, readers, heartbeats, growing boards, and workers that are
// terminated in the middle of a delivery. A plain script, because a sanitizer cannot be loaded into a test runner.
// Usage: node lifecycle.mjs <package folder>
import { once } from 'node:events'
import { spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'

const entry = pathToFileURL(`${process.argv[2]}/dist/index.js`).href
const { capabilities, every, guard, sample, samplerStats, samples, snapshot } = await import(entry)

const CROSSED = { 'process.rss': { above: 1, for: 0 } }
const FAR = { memory: 100, cpu: 100, disk: 100, 'eventLoop.delay': 1e6, heap: 100 }

// Guards do not keep the process alive, but this script waits for them at its top level.
const alive = setInterval(() => undefined, 1e6)

function say(what) {
  console.log(`  ${what}`)
}

say('guards made and closed')
for (let i = 0; i < 2000; i++) guard(FAR).close()

say('ten thousand limits on one metric, notified of one crossing')
{
  const guards = Array.from({ length: 2000 }, () =>
    guard({ 'process.rss': Array.from({ length: 5 }, () => ({ above: 1 })) }, { within: 1 }),
  )
  let notified = 0
  for (const each of guards) each.on('breach', () => notified++)
  while (notified < guards.length) await delay(5)
  for (const each of guards) each.close()
}

say('listeners that close their own and other guards')
{
  const guards = Array.from({ length: 100 }, () => guard(CROSSED, { within: 1 }))
  for (const each of guards) each.on('breach', () => guards.forEach((other) => other.close()))
  while (!guards[0].closed) await delay(5)
}

say('readers, samples, snapshots')
const there = capabilities().filter((each) => each.available && each.minPeriod < 1000)
await Promise.all([1, 2, 3].map(() => sample(there.map((each) => each.metric))))
let seen = 0
for await (const _ of samples({ metrics: ['memory', 'eventLoop.utilization'], interval: 1 })) if (seen++ === 50) break
{
  const watched = guard(FAR, { within: 1 })
  for (let i = 0; i < 10_000; i++) snapshot().get('memory')
  if (watched.state !== 'clear') throw new Error(`unexpected: ${watched.state}`)
  watched.close()
}

say('stacks of a loop that is blocked again and again')
{
  const watched = guard({ 'eventLoop.delay': { above: 15, clear: 14, stack: true } }, { within: 1 })
  const taken = () => watched.latestBreaches[0]?.stack !== undefined
  for (let count = 0; count < 20; count++) {
    for (const end = Date.now() + 60; Date.now() < end; taken());
    await delay(5)
  }
  if (capabilities().find((each) => each.metric === 'eventLoop.delay').stack && !taken()) throw new Error('no stack')
  watched.close()
}

say('a process that ends while it is watched')
{
  const child = spawn('sleep', ['0.05'])
  const watched = guard({ 'process.rss': { above: 1e12, pid: child.pid, tree: true } }, { within: 1 })
  await new Promise((resolve) => watched.on('unavailable', resolve))
  watched.close()
  if (child.exitCode === null) await once(child, 'exit')
}

say('tickers: many, held, paused, with changed periods, closed by one another')
{
  const counts = { bodies: 0 }
  const tickers = Array.from({ length: 200 }, (_, i) =>
    every(
      1 + (i % 5),
      i % 2 === 0 ? () => counts.bodies++ : async (cancel) => (await cancel.sleep(3), counts.bodies++),
      {
        missed: ['coalesce', 'skip', 'burst', 'delay'][i % 4],
        guard: FAR,
      },
    ),
  )
  while (counts.bodies < 2000) await delay(5)
  for (const [i, each] of tickers.entries()) {
    each.period = { hz: 4000 }
    if (i % 3 === 0) each.pause()
    if (i % 6 === 0) each.resume()
  }
  const ender = every(5, () => tickers.forEach((each) => each.close()))
  await Promise.all(tickers.map((each) => each.done))
  await ender.close()
}

say('blocks of samples, taken in time and too late')
await Promise.all(
  [1, 7, 500].map(async (batch) => {
    let blocks = 0
    for await (const _ of samples({ metrics: ['memory', 'process.cpu'], interval: '250us', batch })) {
      if (blocks++ === 5) break
      await delay(20)
    }
  }),
)

say('workers terminated while everything is running')
const source = `
  import { parentPort } from 'node:worker_threads'
  const { every, guard, sample, samples } = await import(${JSON.stringify(entry)})
  for (let i = 0; i < 50; i++) guard(${JSON.stringify(CROSSED)}, { within: 1 }).on('breach', () => parentPort.postMessage('notified'))
  guard(${JSON.stringify(FAR)}, { within: 1 })
  setInterval(() => { guard(${JSON.stringify(CROSSED)}, { within: 1 }); void sample('memory') }, 1)
  for (let i = 0; i < 20; i++) every('250us', () => {})
  for (let i = 0; i < 20; i++) every(1, (cancel) => cancel.sleep(2))
  for await (const _ of samples({ metrics: 'memory', interval: '250us', batch: 4 }));
`
const own = guard(FAR, { within: 1 })
// The tickers' shared guard is kept for some seconds after its last use.
const before = samplerStats().guards
for (let round = 0; round < 15; round++) {
  await Promise.all(
    [0, 1, 3].map(async (wait) => {
      const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`))
      await once(worker, 'message')
      await delay(wait)
      await worker.terminate()
    }),
  )
}
const left = samplerStats().guards - before
if (left > 0) throw new Error(`workers left ${left} guards behind`)
if (samplerStats().tickers !== 0) throw new Error(`workers left ${samplerStats().tickers} tickers behind`)
own.close()
clearInterval(alive)
