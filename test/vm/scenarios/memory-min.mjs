// What a sibling holds under memory.min cannot be reclaimed for us: it is no headroom, although it is page cache.
import {
  MB,
  MiB,
  Subject,
  bin,
  check,
  equal,
  finish,
  group,
  headroom,
  near,
  scenario,
  shell,
  table,
  write,
} from '../guest/scenario.mjs'

await scenario(async () => {
  await shell('dd if=/dev/zero of=/var/kept bs=1M count=100 status=none; sync')
  write('/proc/sys/vm/drop_caches', 3)
  const above = group('min', { 'memory.max': 200 * MiB })
  const sibling = group('min/sibling', { 'memory.min': 110 * MiB })
  const own = group('min/own')
  await finish(['cat', '/var/kept'], { group: sibling }, { stdio: ['ignore', 'ignore', 'ignore'] })
  const subject = await Subject.start({ group: own })
  const kept = Math.min(
    table(`${sibling}/memory.stat`).inactive_file + table(`${sibling}/memory.stat`).active_file,
    110 * MiB,
  )
  check('the sibling holds page cache', kept > 95 * MiB, kept)

  const available = await subject.value('memory.available')
  near('memory.available leaves out what is protected', available.value, headroom(above, kept), 8 * MB)
  await subject.guard('full', { memory: 90 })
  const { by, breach } = await subject.run((t, hog) => t.endAtBreach('full', [hog, '20', '400', '30']), `${bin}/hog`)
  equal('the command is ended by the guard', by, 'us')
  check('with its proof', breach?.value > 90, breach)
  equal('the kernel has killed nobody', table(`${above}/memory.events`).oom_kill, 0)
  await shell('rm /var/kept')
})
