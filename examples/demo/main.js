// A real job on this machine, guarded and canceled for a real reason.
//
// 1. Every file under node_modules is hashed and compressed, under a timeout, Ctrl-C and a limit on memory. A child
//    process then fills real memory until the limit is crossed.
// 2. The same limit stops a loop that never yields, which an AbortSignal cannot do.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { createGzip } from 'node:zlib'
import { Cancelable, CancelationError, sample, samplerStats, snapshot } from 'tripline'
import { startEater } from './eater.js'

const MB = 1e6
const root = fileURLToPath(new URL('../../node_modules', import.meta.url))
const megabytes = (bytes) => `${(bytes / MB).toFixed(0)} MB`
const wallClock = (at) => new Date(performance.timeOrigin + at).toISOString()

// How much memory the child fills: a twentieth of what is free, between 128 and 512 MB. The limit lies halfway.
const available = await readAvailable()
const appetite = Math.min(512 * MB, Math.max(128 * MB, available / 20))
const limitsFrom = (start) => ({ 'memory.available': { below: Math.floor(start - appetite / 2) } })

async function readAvailable() {
  return (await sample('memory.available')).get('memory.available').value
}

async function* walk(folder) {
  for await (const entry of await opendir(folder)) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* walk(path)
    else if (entry.isFile()) yield path
  }
}

/** Hashes and compresses one file; resolves with its size before and after. */
async function compress(path, digest, signal) {
  let size = 0
  let compressed = 0
  await pipeline(
    createReadStream(path),
    async function* (source) {
      for await (const chunk of source) {
        digest.update(chunk)
        size += chunk.length
        yield chunk
      }
    },
    createGzip({ level: 1 }),
    async (source) => {
      for await (const chunk of source) compressed += chunk.length
    },
    { signal },
  )
  return { size, compressed }
}

function printReason(error) {
  if (!(error instanceof CancelationError)) throw error
  const { reason } = error
  console.log(`\n  canceled: ${reason.message}`)
  if (reason.kind !== 'resource') return
  const { breach } = reason
  console.log(`    metric  ${breach.metric}`)
  console.log(`    value   ${breach.value} ${breach.unit}`)
  console.log(`    limit   ${breach.direction} ${breach.limit} ${breach.unit}`)
  console.log(`    since   ${wallClock(breach.since)}`)
  console.log(`    decided ${wallClock(breach.at)}`)
  console.log(`    origin  ${breach.origin}`)
  console.log(`    recent  ${breach.recent.map(megabytes).join(', ')}`)
}

console.log(
  `This machine has ${megabytes(available)} of memory available. A child process will fill ${megabytes(appetite)} of it;`,
)
console.log(`the limit is ${megabytes(appetite / 2)} below what is available now.\n`)

console.log('1. Hashing and compressing every file under node_modules')
const job = new Cancelable({ name: 'compress', timeout: '60s', signals: ['SIGINT'], resources: limitsFrom(available) })
const digest = createHash('sha256')
const total = { files: 0, size: 0, compressed: 0 }
let eater
const live = setInterval(() => {
  const now = snapshot().get('memory.available')
  console.log(
    `  ${String(total.files).padStart(6)} files  ${megabytes(total.size).padStart(7)} -> ${megabytes(total.compressed).padStart(6)}` +
      `   available ${megabytes(now?.value ?? NaN)}`,
  )
}, 250)

try {
  await job.run(async (cancel) => {
    for await (const path of cancel.stream(walk(root), { keep: 3 })) {
      const { size, compressed } = await compress(path, digest, cancel.signal)
      total.files++
      total.size += size
      total.compressed += compressed
      // Start the child process once the job is well under way.
      if (total.files === 50) eater = startEater(appetite)
    }
  })
  console.log('\n  The job was done before the limit was crossed.')
} catch (error) {
  printReason(error)
  const partial = error.partialResult
  console.log(
    `    partial ${total.files} files, ${megabytes(total.size)} read, ${megabytes(total.compressed)} compressed`,
  )
  console.log(`            sha256 so far ${digest.copy().digest('hex').slice(0, 16)}...`)
  if (partial?.items?.length > 0) console.log(`            last file ${partial.items.at(-1).slice(root.length + 1)}`)
} finally {
  clearInterval(live)
  await eater?.stop()
}
if (job.reason?.kind === 'signal') process.exit(0)

console.log('\n2. A loop that never yields')
const deaf = AbortSignal.timeout(100)
const loop = new Cancelable({ name: 'crunch', timeout: '10s', resources: limitsFrom(await readAvailable()) })
try {
  await loop.run(async (cancel) => {
    eater = startEater(appetite)
    await eater.started
    const started = performance.now()
    let rounds = 0
    let number = 1
    while (!cancel.isCanceled) {
      for (let i = 0; i < 10_000; i++) number = (number * 48271) % 2147483647
      rounds++
    }
    const ran = performance.now() - started
    console.log(
      `  The loop ran ${rounds} rounds in ${ran.toFixed(0)} ms without letting the event loop turn once, and stopped.`,
    )
    console.log(`  AbortSignal.timeout(100) beside it: aborted is ${deaf.aborted} after ${ran.toFixed(0)} ms.`)
    cancel.throwIfCanceled()
  })
} catch (error) {
  printReason(error)
} finally {
  await eater.stop()
}

const stats = samplerStats()
console.log(`\nThe sampling thread woke ${stats.wakeups} times and took ${stats.cpu.toFixed(1)} ms of CPU time in all.`)
