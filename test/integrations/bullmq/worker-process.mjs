// A worker in a process of its own. It prints a line per event, and does what its standard input says.
import { createInterface } from 'node:readline'
import { protectWorker } from '../../../dist/bullmq.js'

const [port, limit] = process.argv.slice(2)
const say = (...words) => console.log(words.join(' '))
const connection = { host: '127.0.0.1', port: Number(port), maxRetriesPerRequest: null }

const worker = protectWorker(
  'fleet',
  async (job, cancel) => {
    say('start', job.id)
    cancel.onCancel(({ message }) => say('canceled', job.id, message))
    await cancel.sleep(job.data.time)
    say('done', job.id)
  },
  { connection, concurrency: 2, lockDuration: 1000, stalledInterval: 300, drainDelay: 1 },
  { resources: { 'process.rss': limit }, minHold: '10ms', heartbeat: { interval: '100ms', metrics: ['process.rss'] } },
)
worker.on('error', () => undefined)
worker.on('paused', () => say('held'))
worker.on('resumed', () => say('resumed'))
worker.on('ready', () => say('ready'))

let ballast
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'eat') ballast = Buffer.alloc(400e6, 1)
  if (line === 'free') {
    say('freed', ballast.length)
    ballast = undefined
    globalThis.gc()
  }
  if (line === 'close') {
    await worker.close()
    process.stdin.destroy()
    break
  }
}
// The end of the test ends this as well.
if (!worker.closing) process.exit(1)
