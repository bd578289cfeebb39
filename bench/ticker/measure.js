// Measures one method at one rate, in a process of its own, and prints JSON.
//
//   node measure.js <method> <hz> <idle | 'half busy'> <seconds> <seconds of warm-up>
import { METHODS } from './methods.js'

const [, , method, hz, load, seconds, warmUp] = process.argv
const period = 1000 / hz
const most = Math.ceil(hz * seconds * 4) + 100
const times = new Float64Array(most)
const dues = new Float64Array(most)
let count = 0
let missed = 0
let measuring = false

function beat(due = NaN, gone = 0, at = performance.now()) {
  if (!measuring || count === most) return
  times[count] = at
  dues[count++] = due
  // Beats missed before the first one do not count.
  if (count > 1) missed += gone
}

/** The loop is busy for 5 ms of every 10. */
function keepHalfBusy() {
  const until = performance.now() + 5
  while (performance.now() < until);
  return setTimeout(keepHalfBusy, 5)
}

const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const quantile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]

const stop = await METHODS[method].start(period, beat)
if (load === 'half busy') keepHalfBusy()
// During the warm-up functions are compiled repeatedly, on threads that count as well.
await rest(warmUp * 1000)
measuring = true
const begun = performance.now()
const cpuBefore = process.cpuUsage()
await rest(seconds * 1000)
const { user, system } = process.cpuUsage(cpuBefore)
const elapsed = performance.now() - begun
measuring = false
await stop()

// Without a due time, only the difference between intervals and period can be measured.
const late = Array.from({ length: count - 1 }, (_, i) =>
  Number.isNaN(dues[i + 1]) ? Math.abs(times[i + 1] - times[i] - period) : times[i + 1] - dues[i + 1],
).toSorted((a, b) => a - b)
const beats = count - 1 + missed
const span = times[count - 1] - times[0]
process.stdout.write(
  JSON.stringify({
    method,
    hz: Number(hz),
    load,
    rate: ((count - 1) / span) * 1000,
    missed: (missed / span) * 1000,
    // Uses the due times, if they are known: the grid that the method keeps.
    beatRate: (beats / (dues[count - 1] - dues[0])) * 1000,
    // How far the beats fall behind the clock, in ms per second.
    drift: ((span - beats * period) / span) * 1000,
    late: { p50: quantile(late, 0.5), p99: quantile(late, 0.99), max: late.at(-1) },
    lateness: Number.isNaN(dues[1]) ? 'interval less period' : 'since due',
    cpu: ((user + system) / 1000 / elapsed) * 100,
  }),
  () => process.exit(),
)
