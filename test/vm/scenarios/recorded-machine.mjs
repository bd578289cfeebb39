// What a recording says of a process that the kernel kills because the machine runs out of memory.
import { lastRun } from 'tripline'
import { equal, killsOfMachine, recorded, scenario, shell } from '../guest/scenario.mjs'

await scenario(async () => {
  await shell('swapoff -a')
  const file = '/tmp/recording'
  // Taken at once: a process that approaches the end slowly has its own code evicted, and the machine stands still for minutes
  // before the kernel kills. A single allocation may not exceed the machine's memory.
  const body = 'kept.push(Buffer.alloc(2e8, 1)); later(() => kept.push(Buffer.alloc(4e8, 1)))'
  const { ended } = await recorded(file, { score: 500 }, body)
  equal('the kernel kills the process', (await ended).signal, 'SIGKILL')
  equal('the machine counts one kill', killsOfMachine(), 1)
  const { end, certainty, samples } = lastRun(file)
  equal('the log proves it', `${end} ${certainty}`, 'oom proved')
  equal('the last row shows little memory', samples.at(-1).values.memory > 50, true)
})
