// Memory is filled towards a limit: adaptive reads against a fixed thousand per second, in interleaved rounds.
import { makeGroup, removeGroup } from '../lib/cgroup.js'
import { runChild } from '../lib/process.js'
import { median, row } from '../lib/suite.js'

const RATE = 500e6
const LIMIT = 2 ** 30
const LINE = 200 * 2 ** 20 // of available memory
const ROUNDS = 9
const script = new URL('children/race.js', import.meta.url)

export async function measureRace(add) {
  const overshoot = 'memory filled at 500 MB/s: overshoot past the line, adaptive against fixed 1 kHz'
  const cost = 'memory filled at 500 MB/s: CPU of the sampling thread, adaptive against fixed 1 kHz'
  const group = makeGroup(LIMIT)
  if (group === undefined) {
    const note = 'no version 1 memory cgroup can be made here'
    add(row(overshoot, undefined, 'x', { atMost: 2, note }))
    add(row(cost, undefined, 'x', { under: 0.1, note }))
    return
  }
  const runs = { adaptive: [], fixed: [] }
  try {
    for (let round = 0; round < ROUNDS; round++) {
      for (const mode of ['adaptive', 'fixed']) {
        runs[mode].push(await runChild(script, [group, mode, RATE, LINE, LIMIT - 100 * 2 ** 20]))
      }
    }
  } finally {
    await removeGroup(group)
  }
  const of = (mode, name) => median(runs[mode].map((each) => each[name]))
  const kib = (mode) => `${Math.round(of(mode, 'past') / 1024)} KiB`
  add(
    row(overshoot, of('adaptive', 'past') / of('fixed', 'past'), 'x', {
      atMost: 2,
      note: `medians of ${ROUNDS}: ${kib('adaptive')} against ${kib('fixed')}; 1 ms is 488 KiB`,
    }),
  )
  add(
    row(cost, of('adaptive', 'cpu') / of('fixed', 'cpu'), 'x', {
      under: 0.1,
      note: `from the guard to the breach: ${(of('adaptive', 'cpu') / 1e6).toFixed(2)} against ${(of('fixed', 'cpu') / 1e6).toFixed(2)} ms, ${of('adaptive', 'reads')} against ${of('fixed', 'reads')} reads`,
    }),
  )
}
