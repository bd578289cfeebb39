// The table of ways to call a function at a steady rate: rate, drift, lateness and CPU, idle and half busy, each in a
// process of its own. Then ours beside the bare native thread, taken in turns, for the ratio that counts.
//
//   npm install --prefix bench && node bench/ticker/run.js [--seconds 2] [--rounds 5]
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { describeMachine } from '../machine.js'
import { buildBare } from '../native/build.js'
import { METHODS } from './methods.js'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '2' }, rounds: { type: 'string', default: '5' } },
})
const seconds = Number(values.seconds)
const rounds = Number(values.rounds)
const run = promisify(execFile)
const program = fileURLToPath(new URL('measure.js', import.meta.url))

async function measure(method, hz, load, warmUp) {
  try {
    const { stdout } = await run(process.execPath, [program, method, hz, load, seconds, warmUp])
    return JSON.parse(stdout)
  } catch (error) {
    return { method, hz, load, failed: error.stderr?.match(/^\w*Error.*$/m)?.[0] ?? error.message }
  }
}

const ms = (value) => (value < 10 ? value.toFixed(2) : value.toFixed(0))
function print(row) {
  const name = row.method.padEnd(32) + String(row.hz).padStart(5)
  if (row.failed !== undefined) return console.log(`${name}  ${row.failed}`)
  const { p50, p99, max } = row.late
  const missed = row.missed > 0 ? `, ${row.missed.toFixed(0)} missed` : ''
  const late = `${ms(p50)} / ${ms(p99)} / ${ms(max)}`
  console.log(
    `${name}${row.rate.toFixed(1).padStart(9)}${row.drift.toFixed(1).padStart(9)}${late.padStart(22)}${row.cpu.toFixed(1).padStart(8)}${missed}`,
  )
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]

/** Ours against the bare thread at one rate: medians of runs taken in turns. */
async function compare(hz) {
  const names = ['native thread, one call a tick', 'tripline']
  const taken = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed())
      taken[name].push(await measure(name, hz, 'idle', 6))
  }
  const figures = names.map((name) => ({
    method: name,
    rate: median(taken[name].map((row) => row.rate + row.missed)),
    drift: median(taken[name].map((row) => row.drift)),
    p50: median(taken[name].map((row) => row.late.p50)),
    p99: median(taken[name].map((row) => row.late.p99)),
    cpu: median(taken[name].map((row) => row.cpu)),
  }))
  const [bare, ours] = figures
  return {
    hz,
    rounds,
    bare,
    ours,
    ratio: { p50: ours.p50 / bare.p50, p99: ours.p99 / bare.p99, cpu: ours.cpu / bare.cpu },
  }
}

if (!buildBare()) process.exit(1)
const rows = []
for (const load of ['idle', 'half']) {
  console.log(`\n${load === 'idle' ? 'Idle loop' : 'Loop busy for 5 ms of every 10'}`)
  console.log('method                             Hz     rate  drift/s     late p50/p99/max ms   CPU %')
  for (const [method, { rates }] of Object.entries(METHODS)) {
    for (const hz of rates) {
      const row = await measure(method, hz, load, 1)
      rows.push(row)
      print(row)
    }
  }
}

console.log('\nOurs against the bare native thread, idle, medians of runs taken in turns')
const comparisons = []
for (const hz of [1000, 4000]) {
  const each = await compare(hz)
  comparisons.push(each)
  const { ratio, ours, bare } = each
  console.log(
    `${String(hz).padStart(5)} Hz: p50 ${ms(ours.p50)} / ${ms(bare.p50)} = ${ratio.p50.toFixed(2)}, p99 ${ms(ours.p99)} / ${ms(bare.p99)} = ${ratio.p99.toFixed(2)}, ` +
      `CPU ${ours.cpu.toFixed(2)} / ${bare.cpu.toFixed(2)} = ${ratio.cpu.toFixed(2)}, ${ours.rate.toFixed(2)} Hz`,
  )
}

const results = new URL('../results/', import.meta.url)
mkdirSync(results, { recursive: true })
const result = { ...describeMachine(['nanotimer', 'set-interval-async']), seconds, rows, comparisons }
writeFileSync(new URL('ticker.json', results), `${JSON.stringify(result, null, 2)}\n`)
