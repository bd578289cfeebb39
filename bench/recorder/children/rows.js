// node rows.js MODE[:RATE] FILE: prints the CPU time per second of this process and of its sampling thread, in microseconds.
import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { monitor, record } from '../../../dist/index.js'
import { findThread, threadCpu } from '../../lib/process.js'

const WARM_UP = 1500
const SECONDS = 5
const METRICS = [
  'process.rss',
  'process.cpu',
  'process.threads',
  'process.fds',
  'heap.used',
  'eventLoop.delay',
  'eventLoop.utilization',
  'memory',
  'memory.available',
  'cpu',
]

const [, , words, file] = process.argv
const [mode, rate = 1] = words.split(':')
const interval = 1000 / Number(rate)
const keep = []
if (mode === 'record') keep.push(record({ interval, last: '10m', metrics: METRICS }))
if (mode === 'monitor') keep.push(monitor(METRICS, { interval }))
if (mode === 'json') {
  setInterval(() => {
    const { rss, heapUsed } = process.memoryUsage()
    const { user, system } = process.cpuUsage()
    appendFileSync(file, `${JSON.stringify({ at: Date.now(), rss, heapUsed, user, system })}\n`)
  }, interval)
}

/** CPU time of the sampling thread so far, in microseconds: the kernel's figure, because the sampler's own is updated rarely. */
function samplerCpu() {
  const thread = findThread(process.pid, 'tripline')
  return thread === undefined ? 0 : threadCpu(process.pid, thread) / 1000
}

await sleep(WARM_UP)
const before = { process: process.cpuUsage(), thread: samplerCpu() }
await sleep(SECONDS * 1000)
const { user, system } = process.cpuUsage(before.process)
const thread = samplerCpu() - before.thread
console.log(JSON.stringify({ process: (user + system) / SECONDS, thread: thread / SECONDS }))
for (const each of keep) each.close()
process.exit()
