// What a recording says of a process that the kernel kills because the machine runs out of memory.
import { equal, killsOfMachine, recorded, scenario, shell, verdictOf } from '../guest/scenario.mjs'

await scenario(async () => {
  await shell('swapoff -a')
  const file = '/tmp/recording'
  const { ended } = await recorded(file, { score: 500 }, 'most(); later(() => setInterval(more, 1))')
  equal('the kernel kills the process', (await ended).signal, 'SIGKILL')
  equal('the machine counts one kill', killsOfMachine(), 1)
  const { end, certainty, samples } = await verdictOf(file)
  equal('the log proves it', `${end} ${certainty}`, 'oom proved')
  equal('the last row shows little memory', samples.at(-1).values.memory > 50, true)
})
