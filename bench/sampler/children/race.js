// race.js <group> <adaptive|fixed> <bytes per second> <line in bytes>: memory races towards a line. Measures how far past
// the line the memory was when the breach was seen, and the CPU time of the sampling thread until then.
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { guard, samplerStats } from '../../../dist/index.js'
import { join } from '../../lib/cgroup.js'
import { threadCpu, waitForThread } from '../../lib/process.js'
import { start } from '../native.js'

const [group, mode, rate, line, size] = process.argv.slice(2)
join(group)
const watched = guard({ 'memory.available': { below: Number(line), for: 0 } }, mode === 'fixed' ? { interval: 1 } : {})
const sampler = await waitForThread(process.pid, 'tripline')
const cpu = threadCpu(process.pid, sampler)
await sleep(1000)
const filler = start('fill', rate, size)
filler.stdin.write('\n')
const breach = await new Promise((resolve) => {
  watched.on('breach', resolve)
  setTimeout(() => resolve(undefined), 20_000).unref()
})
const spent = threadCpu(process.pid, sampler) - cpu
filler.stdin.end()
filler.kill('SIGKILL')
await once(filler, 'close')
const { reads, wakeups } = samplerStats()
console.log(JSON.stringify({ past: breach === undefined ? null : line - breach.value, cpu: spent, reads, wakeups }))
process.exit()
