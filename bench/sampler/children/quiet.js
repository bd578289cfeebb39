// quiet.js <guard|loop|none> <seconds>: a process with nothing to do, with or without guards, watched from outside.
import { setTimeout as sleep } from 'node:timers/promises'
import { guard, samplerStats } from '../../../dist/index.js'
import { typicalLimits } from '../typical.js'

const [mode, seconds] = process.argv.slice(2)
// Everything is loaded either way, so that the garbage collector has the same work left to do.
const limits = typicalLimits()
const heap = process.memoryUsage().heapUsed
const ofLoop = { 'eventLoop.delay': 500, 'eventLoop.utilization': 100 }
if (mode !== 'none') guard(mode === 'loop' ? { ...limits, ...ofLoop } : limits)
await sleep(10_000)
const before = samplerStats()
const start = performance.now()
console.log(JSON.stringify({ pid: process.pid, limits: Object.keys(limits) }))
await sleep(seconds * 1000)
const after = samplerStats()
const elapsed = (performance.now() - start) / 1000
const reads = (after.reads - before.reads) / elapsed
const wakeups = (after.wakeups - before.wakeups) / elapsed
console.log(JSON.stringify({ reads, wakeups, utilization: performance.eventLoopUtilization().utilization, heap }))
process.exit()
