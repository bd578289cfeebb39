// node job.js free|blocked WATCH RATE GROUP: one trial, in a process that starts in the group. Fills memory until the watch stops
// it, or until the kernel kills. Prints its last line when it has stopped; before, every 20 MB, how fast it is.
import { writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { allocatedIn } from '../lib/cgroup.js'
import { fillBlocked, fillFree, fillTo } from './fill.js'
import { BASE } from './limits.js'
import { BLOCKED, FREE } from './watches.js'

const [mode, name, rate, group] = process.argv.slice(2)

const watch = await (mode === 'free' ? FREE : BLOCKED)[name]()
fillTo(BASE, () => allocatedIn(group))
// The filling begins anywhere between two samples.
await sleep(200 + Math.random() * (watch.period ?? 100))

const say = (message) => writeSync(1, `${JSON.stringify(message)}\n`)
let next = 20e6
const filled = (bytes, ms) => {
  if (bytes < next) return
  next += 20e6
  say({ rate: bytes / 1000 / ms, stopped: false })
}
const fill = mode === 'free' ? fillFree : fillBlocked
const job = () => fill(Number(rate) * 1e6, watch.isOver, filled)
await (watch.run ?? ((body) => body()))(job)
say({ stopped: true })
process.exit()
