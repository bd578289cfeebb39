// memory.max is set to 0 on a group that is in use, as a runtime does that drains one: nothing is left, and that is no unknown.
import { Subject, check, equal, finish, group, pause, read, scenario, table, write } from '../guest/scenario.mjs'

await scenario(async () => {
  // So that what is shared is charged outside the group: the kernel takes its page cache away.
  const first = await Subject.start()
  await first.value('memory')
  await first.end()

  const folder = group('zero', { 'memory.max': 400e6 })
  // Nothing may be killed in there: a process that wants memory stands still. The sampling thread wants no memory.
  const subject = await Subject.start({ group: folder, score: -1000 })
  await subject.guard('full', { memory: 99 }, { within: 100 })
  await subject.guard('room', { 'memory.available': '1MB' }, { within: 100 })
  equal('memory is clear in a group with room', await subject.state('full'), 'clear')

  // The kernel reclaims for as long as the writer has patience.
  await finish(['timeout', '3', 'sh', '-c', `echo 0 >${folder}/memory.max`])
  equal('the kernel has set it', read(`${folder}/memory.max`), '0')
  await pause(4000)
  write(`${folder}/memory.max`, 400e6)
  const full = await subject.comes('memory breaches', 'full', 'breach')
  equal('with 100 %', full?.value, 100)
  check('of that group', full?.origin.startsWith(`${folder}/memory.`), full?.origin)
  const room = await subject.comes('memory.available breaches', 'room', 'breach')
  equal('with 0', room?.value, 0)
  await subject.comes('memory is clear when there is room again', 'full', 'clear')
  await subject.comes('memory.available, too', 'room', 'clear')
  equal('nothing was unavailable', subject.events.filter((each) => each.event === 'unavailable').length, 0)
  equal('the kernel has killed nothing', table(`${folder}/memory.events`).oom_kill, 0)
})
