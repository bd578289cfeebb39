// push.js <group> <times>: measures how long after a crossing in a version 1 cgroup the listener is called, with a polling
// period of an hour.
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { guard } from '../../../dist/index.js'
import { join } from '../../lib/cgroup.js'
import { start } from '../native.js'

const [group, times] = process.argv.slice(2)
const LIMIT = 2 ** 28
const SHARE = 60
join(group)
const burst = start('burst', `${group}/memory.usage_in_bytes`, (LIMIT * SHARE) / 100)
const lines = createInterface({ input: burst.stdout })[Symbol.asyncIterator]()
const delays = []
for (let i = 0; i < times; i++) {
  const watched = guard({ memory: { above: SHARE, for: 0 } }, { within: '1h' })
  const breached = new Promise((resolve) => {
    watched.on('breach', () => resolve(process.hrtime.bigint()))
    setTimeout(() => resolve(undefined), 2000)
  })
  await sleep(20 + Math.random() * 5)
  burst.stdin.write('\n')
  const crossed = BigInt((await lines.next()).value)
  const seen = await breached
  if (seen !== undefined) delays.push(Number(seen - crossed) / 1e6)
  watched.close()
  burst.stdin.write('\n')
  await sleep(20)
}
burst.stdin.end()
await once(burst, 'close')
console.log(JSON.stringify({ delays, missed: times - delays.length }))
process.exit()
