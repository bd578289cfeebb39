// Ways to call a function at a steady rate: rate, drift, lateness and CPU, idle and half busy, each in a process of its
// own. Then tripline next to a bare native thread, in alternating runs, for the ratios that count.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { median, row } from '../lib/suite.js'
import { buildBare } from '../native/build.js'
import { METHODS } from './methods.js'

export const title = 'a steady beat: rate, drift, lateness, CPU'

const SECONDS = 2
const ROUNDS = 5
const BARE = 'native thread, one call per tick'
const OURS = 'tripline'

const execute = promisify(execFile)
const program = fileURLToPath(new URL('measure.js', import.meta.url))

async function measure(method, hz, load, warmUp) {
  const { stdout } = await execute(process.execPath, [program, method, hz, load, SECONDS, warmUp])
  return JSON.parse(stdout)
}

const ms = (value) => (Math.abs(value) < 10 ? value.toFixed(2) : value.toFixed(0))

/** One line of the table. `figures` has all values, for other tables. */
function toRow(name, figures) {
  const { rate, missed, drift, late, lateness, cpu } = figures
  const note =
    `drift ${ms(drift)} ms/s, late p50/p99/max ${ms(late.p50)}/${ms(late.p99)}/${ms(late.max)} ms (${lateness}), ` +
    `CPU ${cpu.toFixed(1)} %${missed > 0 ? `, ${missed.toFixed(0)}/s reported as missed` : ''}`
  return { ...row(name, rate, 'Hz', { note }), figures }
}

export async function run(add) {
  const bare = await buildBare()
  for (const load of ['idle', 'half busy']) {
    for (const [method, { rates }] of Object.entries(METHODS)) {
      for (const hz of rates) {
        const name = `${load}, ${hz} Hz, ${method}`
        try {
          add(toRow(name, await measure(method, hz, load, 1)))
        } catch (error) {
          add(row(name, undefined, 'Hz', { note: error.stderr?.match(/^\w*Error.*$/m)?.[0] ?? error.message }))
        }
      }
    }
  }
  if (bare) for (const hz of [1000, 4000]) await compare(hz, add)
  else add(row('beside a bare native thread', undefined, 'x', { note: 'bench/native does not compile here' }))
}

/** Compares tripline with the bare thread at one rate: medians of alternating runs. */
async function compare(hz, add) {
  const taken = { [BARE]: [], [OURS]: [] }
  const methods = Object.keys(taken)
  for (let round = 0; round < ROUNDS; round++) {
    const order = round % 2 === 0 ? methods : methods.toReversed()
    // Long enough for the JIT compiler to finish, because its threads count as well.
    for (const method of order) taken[method].push(await measure(method, hz, 'idle', 6))
  }
  const of = (method, figure) => median(taken[method].map(figure))
  const beside = (what, unit, figure, remark = '') => {
    const ours = of(OURS, figure)
    const theirs = of(BARE, figure)
    // 4 kHz is too fast for one call per beat; it is shown for comparison.
    const target = hz === 1000 ? { atMost: 1.3 } : {}
    const note = `${ours.toFixed(2)} / ${theirs.toFixed(2)} ${unit}, medians of ${ROUNDS} alternating runs${remark}`
    add(row(`${what} beside a bare native thread, ${hz} Hz`, ours / theirs, 'x', { ...target, note }))
  }
  const stalls = '; a stall delays one call here, and every missed beat there'
  beside('late p99', 'ms', (each) => each.late.p99, stalls)
  beside('late p50', 'ms', (each) => each.late.p50)
  beside('CPU', '%', (each) => each.cpu)
  const exact = of(OURS, (each) => Math.abs(each.beatRate / hz - 1) * 1e6)
  add(
    row(`deviation of delivered and missed beats from ${hz} Hz`, exact, 'ppm', {
      atMost: 1,
      note: 'by their due times',
    }),
  )
}
