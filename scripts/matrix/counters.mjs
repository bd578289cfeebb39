// Tests performance counters under wine, with the stand-in pdh.dll of test/platforms: the values, that the counters were
// queried, that nothing waits for their slow first load, and that a corrupt counter is reported.
import { capabilities, guard, samples, snapshot } from 'tripline'

const steps = []
const expect = (what, condition) => {
  if (!condition) throw new Error(`${what}: no`)
  steps.push(what)
}
const near = (value, expected) => Math.abs(value - expected) <= expected / 50
const originOf = (name) => capabilities().find((each) => each.metric === name).origin

// Guards do not keep a process alive.
setInterval(() => {}, 1000)

try {
  const path = 'C:\\'
  const load = guard({ load: { above: 1e6 } })
  const tiny = guard({ 'process.rss': { above: '1MB' } })
  await new Promise((resolve) => tiny.on('breach', resolve))
  expect('nothing waits for the first load', snapshot().get('load') === undefined)
  tiny.close()

  const metrics = ['load', ...['disk.read', 'disk.write', 'disk.busy'].map((metric) => ({ metric, path }))]
  let rounds = 0
  let ok = false
  for await (const each of samples({ metrics, interval: 1000 })) {
    const [queue, read, written, busy] = ['load', 'disk.read', 'disk.write', 'disk.busy'].map(
      (name) => each.get(name)?.value,
    )
    // The stand-in reports a queue of 1000, which is divided by the number of processors, 1 and 2 MB/s, and a disk that is
    // busy half of the time.
    ok = queue > 5 && near(read, 1e6) && near(written, 2e6) && near(busy, 50)
    if (ok || ++rounds === 20) break
  }
  expect('the values are those of pdh.dll', ok)
  expect('the origin names the counter', originOf('load').startsWith('PDH \\System\\Processor Queue Length'))
  load.close()

  // The counter may or may not have been queried before the guard is made.
  const why = await new Promise((resolve) => {
    try {
      guard({ 'disk.write': { above: 1, path: 'Z:\\' } }, { within: 1000 }).on('unavailable', ({ message }) =>
        resolve(message),
      )
    } catch ({ message }) {
      resolve(message)
    }
  })
  expect(`a corrupt counter is reported as unavailable (${why})`, /PDH.*invalid data/.test(why))
  console.log(JSON.stringify({ ok: true, steps }))
  process.exit(0)
} catch (error) {
  console.log(JSON.stringify({ failed: String(error?.stack ?? error), steps }))
  process.exit(1)
}
