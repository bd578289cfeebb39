// Many operations at once under one parent with a time limit; the body is one turn of the event loop.
import { Cancelable } from '../../dist/index.js'
import { cpuTime, report } from './harness.js'
import * as peers from './peers.js'

const turn = () => new Promise(setImmediate)
const root = new Cancelable().enter()
const options = { parent: root, timeout: peers.LIMIT }

const CASES = {
  none: () => turn(),
  tripline: () => Cancelable.run(turn, options),
  byHand: () => peers.byHand(turn),
  abortSignalAny: () => peers.abortSignalAny(turn),
  pTimeout: () => peers.viaPTimeout(turn),
  cockatiel: () => peers.viaCockatiel(turn),
  effect: () => peers.viaEffect(turn),
}

const results = {}
for (const width of [1, 100, 1000, 10_000]) {
  const rounds = width === 1 ? 2000 : width === 10_000 ? 1 : Math.ceil(10_000 / width)
  const row = (results[width] = {})
  for (let repeat = 0; repeat < 4; repeat++) {
    for (const [name, fn] of Object.entries(CASES)) {
      const start = cpuTime()
      for (let i = 0; i < rounds; i++) {
        const all = []
        for (let k = 0; k < width; k++) all.push(fn())
        await Promise.all(all)
      }
      const each = (cpuTime() - start) / (rounds * width)
      row[name] = Math.min(row[name] ?? Infinity, each)
    }
  }
}
report(results)
process.exit()
