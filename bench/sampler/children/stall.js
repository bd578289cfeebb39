// stall.js <times>: measures how long after the CPUs are oversubscribed a pressure guard is breached, with a polling period
// of an hour.
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { guard } from '../../../dist/index.js'

const delays = []
for (let i = 0; i < Number(process.argv[2]); i++) {
  const burners = []
  const watched = guard({ 'pressure.cpu': { above: 90, for: 0 } }, { within: '1h' })
  await sleep(2500)
  // On a machine that is stalling already, there is no crossing to wait for.
  if (watched.isBreached) {
    watched.close()
    continue
  }
  const start = performance.now()
  const breached = new Promise((resolve) => {
    watched.on('breach', () => resolve(performance.now()))
    setTimeout(() => resolve(undefined), 8000)
  })
  for (let n = 0; n < availableParallelism() * 4; n++) burners.push(spawn('sh', ['-c', 'while :; do :; done']))
  const seen = await breached
  for (const each of burners) each.kill('SIGKILL')
  if (seen !== undefined) delays.push(seen - start)
  watched.close()
}
console.log(JSON.stringify({ delays }))
process.exit()
