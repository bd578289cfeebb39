// The tightest limit counts, however far up the chain, including the memory that other groups below it use.
import {
  MB,
  MiB,
  Subject,
  bin,
  check,
  endsInTime,
  group,
  headroom,
  killsIn,
  near,
  poll,
  read,
  scenario,
  start,
} from '../guest/scenario.mjs'

await scenario(async () => {
  const outer = group('nested', { 'memory.max': 150 * MiB })
  const inner = group('nested/inner', { 'memory.max': 300 * MiB })
  const subject = await Subject.start({ group: inner })
  near('the outer limit decides', (await subject.value('memory.available')).value, headroom(outer), 8 * MB)
  await subject.guard('full', { memory: 90 })
  const breach = await endsInTime(subject, 'full', killsIn(outer))
  check('the breach names the outer group', breach?.origin.startsWith(`${outer}/memory.`), breach?.origin)
  await subject.end()

  const sibling = group('nested/sibling')
  start([`${bin}/hog`, '0', '70', '300'], { group: sibling })
  await poll(() => Number(read(`${sibling}/memory.current`)) > 70 * MB)
  const plain = group('nested/plain')
  const second = await Subject.start({ group: plain })
  near('memory of a sibling counts as used', (await second.value('memory.available')).value, headroom(outer), 8 * MB)
  await second.guard('full', { memory: 90 })
  await endsInTime(second, 'full', killsIn(outer), { rate: 20, what: 'a command in a group without a limit' })

  // Nested deeper than in any container, with the limit on the topmost group.
  const path = Array.from({ length: 14 }, (_, depth) => `d${depth}`).join('/')
  const top = group('deep', { 'memory.max': 100 * MiB })
  const third = await Subject.start({ group: group(`deep/${path}`) })
  near('a limit 14 groups up counts', (await third.value('memory.available')).value, headroom(top), 8 * MB)
})
