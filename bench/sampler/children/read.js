// read.js: measures the nanoseconds per metric that reading the newest values takes.
import { guard, snapshot } from '../../../dist/index.js'

const METRICS = ['memory', 'memory.available', 'memory.host', 'swap', 'disk', 'disk.inodes', 'process.fds', 'load']
const watched = guard(Object.fromEntries(METRICS.map((each) => [each, each === 'memory.available' ? 1 : 100])), {
  within: '10s',
})
let sink = 0
const time = (count, body) => {
  let least = Infinity
  for (let round = 0; round < 60; round++) {
    const start = performance.now()
    for (let i = 0; i < count; i++) body()
    least = Math.min(least, ((performance.now() - start) * 1e6) / count)
  }
  return least
}
const all = time(3000, () => {
  sink += snapshot().at
})
const get = time(3000, () => {
  sink += snapshot().get('disk').value
})
const iterate = time(3000, () => {
  for (const each of snapshot()) sink += each.value
})
const flag = time(30_000, () => {
  sink += watched.isBreached ? 1 : 0
})
const words = new Int32Array(new SharedArrayBuffer(64))
const load = time(30_000, () => {
  sink += Atomics.load(words, 1)
})
console.log(JSON.stringify({ load, metrics: METRICS.length, all, get, iterate, flag, sink: sink > 0 }))
process.exit()
