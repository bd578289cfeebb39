// One part of the soak test, which scripts/soak.js runs in a process of its own. A part repeats a round of the same work;
// between rounds everything is collected and measured.
// Usage: node --expose-gc soak.mjs '{ "part": ..., "rounds": ..., "scale": ..., "seconds": ..., "leak": ... }'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { CancelationToken, Cancelable, every, guard, record, run, samplerStats, samples, snapshot } from 'tripline'
import { OperationRegistry } from 'tripline/registry'

const { part: name, rounds, scale, seconds, leak } = JSON.parse(process.argv[2])

const library = fileURLToPath(import.meta.resolve('tripline')).replace(/\.js$/, '.cjs')
const folder = mkdtempSync(join(tmpdir(), 'tripline-soak-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const env = { PATH: process.env.PATH }

function status(field) {
  return Number(new RegExp(`^${field}:\\s*(\\d+)`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))[1])
}

function countChildren() {
  return readdirSync('/proc').filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ')[1] === String(process.pid)
    } catch {
      return false
    }
  }).length
}

/** What this process still holds after garbage collection. */
async function settle() {
  for (let i = 0; i < 3000 && samplerStats()?.running; i++) await delay(10)
  for (let i = 0; i < 6; i++) {
    globalThis.gc()
    await delay(20)
  }
  const { heapUsed, external } = process.memoryUsage()
  return {
    heap: heapUsed + external,
    memory: status('RssAnon') * 1024,
    threads: status('Threads'),
    descriptors: readdirSync('/proc/self/fd').length,
    children: countChildren(),
    series: samplerStats()?.series ?? 0,
  }
}

const inTurns = async (count, each, turn) => {
  for (let i = 0; i < count; i++) {
    await each(i)
    if (i % turn === 0) await delay(0)
  }
}

/**
 * Each part: how many items a round has, how many bytes an item may never lose, and the round. Bytes are those of the
 * JavaScript heap and of the whole process, which is counted in pages; so a round has enough items for such a loss to be
 * far larger than what an allocator keeps.
 */
const PARTS = {
  operations: {
    count: 200_000,
    notices: 16,
    open: () => ({
      parent: new Cancelable().enter(),
      token: new CancelationToken(),
      resources: guard({ memory: 100 }),
    }),
    close({ parent, resources }) {
      parent[Symbol.dispose]()
      resources.close()
    },
    round: (count, sources) =>
      inTurns(count, () => new Cancelable({ ...sources, timeout: 60_000 }).enter()[Symbol.dispose](), 5000),
  },
  runs: {
    count: 100_000,
    notices: 32,
    round: (count) =>
      inTurns(
        count,
        (i) => Cancelable.run((cancel) => (i % 2 === 0 ? cancel.child().run(() => i) : i), { timeout: 60_000 }),
        5000,
      ),
  },
  canceled: {
    count: 50_000,
    notices: 64,
    round: (count) =>
      inTurns(
        count,
        () => {
          const operation = new Cancelable({ timeout: 60_000 })
          const done = operation.run((cancel) => cancel.sleep(60_000)).catch(() => undefined)
          operation.cancel('enough')
          return done
        },
        1000,
      ),
  },
  guards: {
    count: 40_000,
    notices: 128,
    round: (count) =>
      inTurns(
        count,
        (i) => {
          const watched = guard({ memory: 99, 'process.rss': 1e15 }, { within: 50 })
          if (i % 3 === 0) watched.on('breach', () => undefined)
          watched.close()
        },
        1000,
      ),
  },
  registry: {
    count: 50_000,
    notices: 32,
    open: () => new OperationRegistry({ history: 100 }),
    close: () => undefined,
    round: (count, registry) =>
      inTurns(count, (i) => Cancelable.run(() => i, { name: `work ${i % 100}`, register: registry }), 1000),
  },
  recorder: {
    count: 50_000,
    notices: 32,
    open: () => record({ file: join(folder, 'soak.recording'), interval: 10, last: '5s' }),
    close: (recording) => recording.close(),
    round: (count) => inTurns(count, (i) => Cancelable.run(() => i, { name: `work ${i % 100}` }), 1000),
  },
  recordings: {
    count: 200,
    notices: 8192,
    round: (count) =>
      inTurns(
        count,
        async (i) => {
          const recording = record({ file: join(folder, `${i % 2}.recording`), interval: 10, last: '1s' })
          await delay(i % 3)
          recording.close()
        },
        10,
      ),
  },
  rows: {
    count: 20_000,
    notices: 64,
    async round(count) {
      const watched = guard(
        { 'process.rss': Array.from({ length: 100 }, (_, i) => ({ above: 1e15 + i })) },
        { interval: 1 },
      )
      let taken = 0
      for await (const block of samples({ metrics: ['process.rss', 'process.cpu'], interval: '250us', batch: 500 })) {
        taken += block.at.length
        for (let i = 0; i < 500; i++) snapshot()
        if (taken >= count) break
      }
      watched.close()
    },
  },
  // Streams that their consumers left in the middle, and others whose items are not taken. What is dropped is found by
  // a sweep; the next round's wait is long enough for it.
  'open samples': {
    count: 2000,
    notices: 1024,
    open: async () => {
      const stream = samples({ metrics: 'memory', interval: '250us', batch: 4 })
      await stream.next()
      return stream
    },
    close: (stream) => stream.return(),
    round: async (count) => {
      await inTurns(
        count,
        async (i) => {
          const stream = samples({ metrics: ['memory', 'process.cpu'], interval: 1 })
          if (i % 4 === 0) void stream.next()
        },
        100,
      )
    },
    settle: 11_000,
  },
  tickers: {
    count: 4000,
    notices: 512,
    round: (count) =>
      inTurns(
        count,
        async (i) => {
          const ticker = every(1, () => undefined)
          if (i % 10 === 0) await delay(2)
          await ticker.close()
        },
        100,
      ),
  },
  regions: {
    count: 20_000,
    notices: 64,
    round: (count) =>
      inTurns(
        count,
        (i) =>
          Cancelable.run(
            (cancel) =>
              cancel.preemptible(() => {
                if (i % 100 !== 0) return i
                for (;;);
              }),
            { timeout: i % 100 === 0 ? 1 : 60_000 },
          ).catch(() => undefined),
        1000,
      ),
  },
  commands: {
    count: 150,
    notices: 8192,
    round: (count) =>
      inTurns(
        count,
        (i) =>
          run('/bin/sh', ['-c', i % 5 === 0 ? 'sleep 60 & sleep 60' : 'exit 3'], {
            env,
            timeout: i % 5 === 0 ? 30 : 60_000,
            killAfter: 10,
            ...(i % 3 === 0 && { limits: { 'process.rss': 1e15 } }),
            ...(i % 4 === 0 && { idleOutput: 50_000 }),
          }).catch(() => undefined),
        10,
      ),
  },
  // Terminated with everything open.
  workers: {
    count: 60,
    notices: 65_536,
    async round(count) {
      const source = `
        const { parentPort, threadId } = require('node:worker_threads')
        const { Cancelable, every, guard, record, run, samples, watchdog } = require(${JSON.stringify(library)})
        const env = ${JSON.stringify(env)}
        guard({ 'process.rss': { above: 1 } }, { within: 1 }).on('breach', () => parentPort.postMessage('notified'))
        guard({ 'eventLoop.delay': { above: 10, stack: true }, heap: 99, memory: 100 }, { within: 1 })
        for (let i = 0; i < 5; i++) every('250us', () => undefined)
        void samples({ metrics: 'memory', interval: '250us', batch: 4 }).next()
        record({ file: ${JSON.stringify(folder)} + '/' + threadId % 4, interval: 10, last: '1s' })
        if (threadId % 4 === 0) void run('/bin/sh', ['-c', 'sleep 60'], { env, killAfter: 10 }).catch(() => undefined)
        setInterval(() => void Cancelable.run((cancel) => cancel.preemptible(() => { for (;;); }), { timeout: 1 }).catch(() => undefined), 3)
      `
      for (let i = 0; i < count; i += 2) {
        await Promise.all(
          [0, 1].map(async (kind) => {
            const worker = new Worker(source, { eval: true })
            await once(worker, 'message')
            if (kind === 1) await delay(5)
            await worker.terminate()
          }),
        )
      }
    },
  },
}

const part = PARTS[name]
const items = Math.max(1, Math.round(part.count * scale))
const kept = []

/** Loses bytes per item on purpose: on the JavaScript heap, or outside of it as native code does. */
function lose() {
  if (leak === undefined) return
  const bytes = leak.bytes * items
  kept.push(
    leak.where === 'heap'
      ? Array.from({ length: bytes / 1000 }, (_, i) => String(i).padEnd(984)).map((each) => each.toUpperCase())
      : Buffer.alloc(bytes, 1),
  )
}

const alive = setInterval(() => undefined, 1e6)
const began = performance.now()
async function work() {
  const made = await part.open?.()
  await part.round(items, made)
  lose()
  await part.close?.(made)
  if (part.settle !== undefined) {
    globalThis.gc()
    await delay(part.settle)
  }
}
// Code, caches and allocators reach their size in the first rounds.
for (let i = 0; i < 2; i++) await work()
const measured = [await settle()]
for (let i = 0; i < rounds || performance.now() - began < seconds * 1000; i++) {
  await work()
  measured.push(await settle())
}
clearInterval(alive)
console.log(JSON.stringify({ items, notices: part.notices, measured }))
