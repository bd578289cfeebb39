// rest.js <plain|stack>: prints the CPU time in milliseconds that a process with one limit takes in 10 s of rest.
import { setTimeout as sleep } from 'node:timers/promises'
import { guard } from '../../../dist/index.js'

guard({ 'eventLoop.delay': { above: '500ms', ...(process.argv[2] === 'stack' ? { stack: true } : {}) } })
await sleep(5000)
const before = process.cpuUsage()
await sleep(10_000)
const { user, system } = process.cpuUsage(before)
console.log((user + system) / 1000)
process.exit()
