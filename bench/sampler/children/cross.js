// cross.js <listener|flag> <times> <far ms> [interval ms]: measures, in milliseconds, how long after a crossing the breach
// is known.
import { once } from 'node:events'
import { Cancelable, guard } from '../../../dist/index.js'
import { start } from '../native.js'
import { FAR, HIGH, LIMITS, LOW, layMachine } from './machine.js'

const [mode, times, far, interval] = process.argv.slice(2)
// Shorter than the time that the writer stays near the line before it crosses.
const WITHIN = 20

const file = layMachine()
const watched = guard(LIMITS, interval === undefined ? { within: WITHIN } : { interval: Number(interval) })
const seen = []
let output = ''
const writer = start('cross', file, times, FAR, LOW, HIGH, far)
writer.stdout.on('data', (chunk) => (output += chunk))
const done = once(writer, 'close')

if (mode === 'listener') {
  watched.on('breach', () => seen.push(process.hrtime.bigint()))
} else {
  // The event loop never turns while the writer runs; each breach is detected by a separate operation.
  const end = process.hrtime.bigint() + BigInt(times) * BigInt(Number(far) + 45) * 1_000_000n
  while (seen.length < times && process.hrtime.bigint() < end) {
    while (watched.isBreached && process.hrtime.bigint() < end);
    let operation
    try {
      operation = new Cancelable({ resources: watched }).enter()
    } catch {
      continue // breached again while this thread was not running
    }
    while (!operation.isCanceled && process.hrtime.bigint() < end);
    if (operation.isCanceled) seen.push(process.hrtime.bigint())
    operation[Symbol.dispose]()
  }
}
await done
const crossed = output.trim().split('\n').map(BigInt)
const delays = []
let at = 0
for (const moment of crossed) {
  while (at < seen.length && seen[at] < moment) at++
  // A crossing that ended before the first check has no delay.
  if (at < seen.length && seen[at] - moment < 12_000_000n) delays.push(Number(seen[at] - moment) / 1e6)
}
console.log(JSON.stringify({ delays, missed: crossed.length - delays.length, period: watched.sampling[0].minPeriod }))
process.exit()
