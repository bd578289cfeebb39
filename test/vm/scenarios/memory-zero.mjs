// memory.max is set to 0 on a group in use, as by a runtime that drains it: nothing is left, and the value is known.
import { Subject, check, equal, finish, group, pause, read, scenario, table, write } from '../guest/scenario.mjs'

await scenario(async () => {
  // Loads shared files outside the group first, so that their pages are charged elsewhere: the kernel reclaims those of
  // the group.
  const first = await Subject.start()
  await first.value('memory')
  await first.end()

  const folder = group('zero', { 'memory.max': 400e6 })
  // No process in the group may be killed: one that needs memory is stopped. The sampling thread needs none.
  const subject = await Subject.start({ group: folder, score: -1000 })
  await subject.guard('full', { memory: 99 }, { within: 100 })
  await subject.guard('room', { 'memory.available': '1MB' }, { within: 100 })
  equal('memory is clear in a group with room', await subject.state('full'), 'clear')

  // The kernel reclaims until the writing process is interrupted.
  await finish(['timeout', '3', 'sh', '-c', `echo 0 >${folder}/memory.max`])
  equal('the kernel has set the limit', read(`${folder}/memory.max`), '0')
  await pause(4000)
  write(`${folder}/memory.max`, 400e6)
  const full = await subject.comes('memory breaches', 'full', 'breach')
  equal('the breach of memory has 100 %', full?.value, 100)
  check('the breach names that group', full?.origin.startsWith(`${folder}/memory.`), full?.origin)
  const room = await subject.comes('memory.available breaches', 'room', 'breach')
  equal('the breach of memory.available has 0', room?.value, 0)
  await subject.comes('memory is clear when there is room again', 'full', 'clear')
  await subject.comes('memory.available, too', 'room', 'clear')
  equal('no metric was unavailable', subject.events.filter((each) => each.event === 'unavailable').length, 0)
  equal('the kernel has killed nothing', table(`${folder}/memory.events`).oom_kill, 0)
})
