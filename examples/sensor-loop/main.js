// Reads a sensor 200 times per second, indefinitely: each beat takes the readings that have arrived through the pipe,
// smooths them and writes them to disk in batches.
//
// - On a busy (or hot) machine, the loop runs at a quarter of its rate until the machine has recovered.
// - While the disk is nearly full, the loop pauses.
// - On SIGTERM or Ctrl-C, the current batch is saved, and the process exits with status 0.
//
//   node examples/sensor-loop/main.js [--out FILE] [--min-free SIZE] [--cpu PERCENT] [--seconds N]
import { spawn } from 'node:child_process'
import { open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { capabilities, every, guard } from 'tripline'
import { Readings } from './readings.js'

const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: 'readings.csv' },
    'min-free': { type: 'string', default: '100MB' },
    cpu: { type: 'string', default: '85%' },
    seconds: { type: 'string' },
  },
})

const HZ = 200
const BATCH = 100
// The weight of each new mean in the smoothed value.
const WEIGHT = 0.2

const path = resolve(options.out)
const file = await open(path, 'a')
const sensor = spawn(process.execPath, [fileURLToPath(new URL('sensor.js', import.meta.url))], {
  stdio: ['ignore', 'pipe', 'inherit'],
  // In a process group of its own, so that Ctrl-C only reaches this process, which stops the sensor itself.
  detached: true,
})
const readings = new Readings(sensor.stdout)

let batch = []
let rows = 0
let smooth

async function save() {
  const lines = batch.join('')
  rows += batch.length
  batch = []
  await file.appendFile(lines)
}

async function beat(cancel, { due, missed }) {
  const mean = readings.mean()
  if (mean === undefined) return
  smooth = smooth === undefined ? mean : smooth + WEIGHT * (mean - smooth)
  batch.push(`${(performance.timeOrigin + due).toFixed(1)},${smooth.toFixed(4)},${missed}\n`)
  // A signal does not interrupt a write in progress: half a line would be worse than a late end.
  if (batch.length >= BATCH) await cancel.shield(save)
}

const hot = capabilities().some(({ metric, available }) => metric === 'temperature' && available)
const strain = guard({ cpu: options.cpu, ...(hot && { temperature: '75C' }) }, { name: 'strain' })
const disk = guard({ 'disk.free': { below: options['min-free'], path: dirname(path) } }, { name: 'disk' })

const ticker = every({ hz: HZ }, beat, {
  name: 'sensor loop',
  guard: strain,
  whileBreached: { slow: 4 },
  signals: ['SIGTERM', 'SIGINT'],
  onState: (state) => console.log(`loop: ${state}`),
})

const pauseOrResume = () => (disk.isBreached ? ticker.pause() : ticker.resume())
disk.on('breach', pauseOrResume)
disk.on('clear', pauseOrResume)
pauseOrResume()

sensor.once('exit', () => void ticker.close())
if (options.seconds !== undefined) setTimeout(() => void ticker.close(), options.seconds * 1000).unref()
console.log(`reading ${HZ} times per second into ${path}`)

const reason = await ticker.done
const partial = batch.length
await save()
await file.sync()
await file.close()
sensor.kill()

const { rate, late, missed, overruns } = ticker.stats
console.log(
  JSON.stringify({ reason: reason?.message ?? 'closed', rows, partial, rate, lateP99: late.p99, missed, overruns }),
)
