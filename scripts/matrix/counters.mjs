// Under wine with the stand-in pdh.dll of test/platforms: what its counters say, and that they were asked.
import { capabilities, samples } from 'tripline'

const path = 'C:\\'
const metrics = ['load', ...['disk.read', 'disk.write', 'disk.busy'].map((metric) => ({ metric, path }))]
const near = (value, expected) => Math.abs(value - expected) <= expected / 50
let rounds = 0
let ok = false
for await (const each of samples({ metrics, interval: 1000 })) {
  const [load, read, written, busy] = ['load', 'disk.read', 'disk.write', 'disk.busy'].map(
    (name) => each.get(name)?.value,
  )
  // A queue of 1000 over some processors, 1 and 2 MB/s, half of the time.
  ok = load > 5 && near(read, 1e6) && near(written, 2e6) && near(busy, 50)
  if (ok || ++rounds === 20) break
}
const host = capabilities().find((each) => each.metric === 'cpu.host')
console.log(JSON.stringify({ ok: ok && host.available, steps: ['counters of pdh.dll'] }))
