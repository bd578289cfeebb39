// A machine without swap that runs out of memory: a guard is notified before the kernel kills, and where
// nothing acts on it, it has been notified when the kernel has.
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
  equal('it is the machine’s', breach?.origin, '/proc/meminfo')
  await subject.comes('it is clear afterwards', 'full', 'clear')

  await endsInTime(subject, 'room', killsOfMachine, { what: 'with memory.available, one' })

  const limited = await underLimits('--limit memory>88 --kill-after 1s', `${bin}/hog 40 3000 60`)
  equal('run ends it', limited.code, 123)
  equal('the kernel has killed nothing', killsOfMachine(), 0)

  const before = subject.of('full', 'breach').length
  const unheeded = await finish([`${bin}/hog`, '0', '3000', '60'])
  equal('unheeded, the kernel kills', unheeded.signal, 'SIGKILL')
  equal('once', killsOfMachine(), 1)
  await comes(
    'and the guard had been notified',
    () => subject.of('full', 'breach').length > before,
    () => subject.of('full'),
  )
})
