// A group with a limit: the value matches the kernel's files, and a guard is breached before the kernel has to kill.
import {
  MB,
  MiB,
  Subject,
  check,
  endsInTime,
  equal,
  group,
  headroom,
  killsIn,
  near,
  scenario,
} from '../guest/scenario.mjs'

await scenario(async () => {
  const limit = 200 * MiB
  const folder = group('max', { 'memory.max': limit })
  const subject = await Subject.start({ group: folder })
  await subject.run((t) => t.keep(60e6))

  const available = await subject.value('memory.available')
  near('memory.available is the headroom of the group', available.value, headroom(folder), 8 * MB)
  const memory = await subject.value('memory')
  near('memory is the share of the limit', memory.value, 100 * (1 - headroom(folder) / limit), 5)
  equal('memory is not the figure of the machine', (await subject.value('memory.host')).value < memory.value, true)

  await subject.guard('full', { memory: 90 })
  equal('the guard is clear', await subject.state('full'), 'clear')
  const breach = await endsInTime(subject, 'full', killsIn(folder), { rate: 40 })
  check('the breach names the file that decided', breach?.origin.startsWith(`${folder}/memory.`), breach?.origin)
  await subject.comes('the guard is clear afterwards', 'full', 'clear')
})
