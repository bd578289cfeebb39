// Page cache in a limited group can be reclaimed, and so can pages that wait to be written: neither causes a breach.
import {
  MiB,
  Subject,
  cacheFile,
  check,
  endsInTime,
  equal,
  finish,
  group,
  headroom,
  killsIn,
  near,
  read,
  scenario,
  shell,
} from '../guest/scenario.mjs'

await scenario(async () => {
  const limit = 200 * MiB
  const folder = group('cache', { 'memory.max': limit })
  const subject = await Subject.start({ group: folder })
  await subject.guard('full', { memory: 90 })

  await cacheFile('/var/cached', 220, folder)
  const current = Number(read(`${folder}/memory.current`))
  check('the group is full of page cache', current > 0.9 * limit, current)
  const clean = await subject.value('memory')
  near('clean page cache is not used', clean.value, 100 * (1 - headroom(folder) / limit), 5)
  check('most of the limit is left', clean.value < 60, clean)
  equal('the guard has reported nothing', subject.of('full').length, 0)

  const written = await finish(['dd', 'if=/dev/zero', 'of=/var/dirty', 'bs=1M', 'count=300', 'status=none'], {
    group: folder,
  })
  equal('dd has ended without an error', written.code, 0)
  equal('a plain dd causes no breach', subject.of('full', 'breach').length, 0)
  equal('the guard is clear', await subject.state('full'), 'clear')

  await endsInTime(subject, 'full', killsIn(folder))
  await shell('rm -f /var/cached /var/dirty')
})
