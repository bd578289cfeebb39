// Page cache that a sibling protects by memory.min cannot be reclaimed for others, so it does not count as headroom.
import {
  MB,
  MiB,
  Subject,
  cacheFile,
  check,
  endsInTime,
  group,
  headroom,
  killsIn,
  near,
  scenario,
  shell,
  table,
} from '../guest/scenario.mjs'

await scenario(async () => {
  const above = group('min', { 'memory.max': 200 * MiB })
  const sibling = group('min/sibling', { 'memory.min': 110 * MiB })
  const own = group('min/own')
  await cacheFile('/var/kept', 100, sibling)
  const subject = await Subject.start({ group: own })
  const kept = Math.min(
    table(`${sibling}/memory.stat`).inactive_file + table(`${sibling}/memory.stat`).active_file,
    110 * MiB,
  )
  check('the sibling holds page cache', kept > 95 * MiB, kept)

  const available = await subject.value('memory.available')
  near('memory.available leaves out protected page cache', available.value, headroom(above, kept), 8 * MB)
  await subject.guard('full', { memory: 90 })
  await endsInTime(subject, 'full', killsIn(above), { rate: 20 })
  await shell('rm /var/kept')
})
