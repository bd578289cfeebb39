// A machine without swap that runs out of memory: a guard is told before the kernel kills, and where nobody acts on it, it has
// been told when the kernel has.
import { Subject, bin, check, comes, equal, finish, scenario, shell, table } from '../guest/scenario.mjs'

const kills = () => table('/proc/vmstat').oom_kill

await scenario(async () => {
  await shell('swapoff -a')
  const subject = await Subject.start({ score: -900 })
  await subject.guard('full', { memory: 88 })
  await subject.guard('room', { 'memory.available': '40MB' })
  const slow = await subject.run((t, hog) => t.endAtBreach('full', [hog, '40', '3000', '60']), `${bin}/hog`)
  equal('the command is ended by the guard', slow.by, 'us')
  check('with its proof', slow.breach?.value > 88 && slow.breach.value <= 100, slow.breach)
  equal('of the machine', slow.breach?.origin, '/proc/meminfo')
  equal('the kernel has killed nobody', kills(), 0)
  await subject.comes('it is clear afterwards', 'full', 'clear')

  const room = await subject.run((t, hog) => t.endAtBreach('room', [hog, '30', '3000', '60']), `${bin}/hog`)
  equal('with memory.available, too', room.by, 'us')
  check('with its proof', room.breach?.value < 40e6, room.breach)
  equal('the kernel has killed nobody', kills(), 0)

  const limited = await finish([
    'tripline',
    'run',
    '--limit',
    'memory>88',
    '--kill-after',
    '1s',
    '--',
    `${bin}/hog`,
    '40',
    '3000',
    '60',
  ])
  equal('run ends it', limited.code, 123)
  equal('the kernel has killed nobody', kills(), 0)

  const told = subject.of('full', 'breach').length
  const unheeded = await finish([`${bin}/hog`, '0', '3000', '60'])
  equal('unheeded, the kernel kills', unheeded.signal, 'SIGKILL')
  equal('once', kills(), 1)
  await comes(
    'and the guard had been told',
    () => subject.of('full', 'breach').length > told,
    () => subject.of('full'),
  )
})
