// A machine without swap runs out of memory. A guard is breached before the kernel kills a process, and has still
// reported the breach if nothing acts on it and the kernel kills.
import {
  Subject,
  bin,
  comes,
  endsInTime,
  equal,
  finish,
  killsOfMachine,
  scenario,
  shell,
  underLimits,
} from '../guest/scenario.mjs'

await scenario(async () => {
  await shell('swapoff -a')
  const subject = await Subject.start({ score: -900 })
  await subject.guard('full', { memory: 88 })
  await subject.guard('room', { 'memory.available': '40MB' })
  const breach = await endsInTime(subject, 'full', killsOfMachine)
  equal('the breach names the machine’s file', breach?.origin, '/proc/meminfo')
  await subject.comes('the guard is clear afterwards', 'full', 'clear')

  await endsInTime(subject, 'room', killsOfMachine, { what: 'with a limit on memory.available, a command' })

  const limited = await underLimits('--limit memory>88 --kill-after 1s', `${bin}/hog 40 3000 60`)
  equal('run ends its command', limited.code, 123)
  equal('the kernel has killed nothing', killsOfMachine(), 0)

  const before = subject.of('full', 'breach').length
  const unheeded = await finish([`${bin}/hog`, '0', '3000', '60'])
  equal('if nothing acts on the breach, the kernel kills', unheeded.signal, 'SIGKILL')
  equal('the kernel has killed one process', killsOfMachine(), 1)
  await comes(
    'the guard has reported a breach',
    () => subject.of('full', 'breach').length > before,
    () => subject.of('full'),
  )
})
