// Control groups of version 1: a limit on the process's own group, page cache in it, and a raised limit.
import {
  MB,
  MiB,
  Subject,
  check,
  comes,
  endsInTime,
  equal,
  finish,
  near,
  read,
  scenario,
  shell,
  table,
  write,
} from '../guest/scenario.mjs'
import { mkdirSync } from 'node:fs'

const folder = '/sys/fs/cgroup/memory/old'

/** The headroom below the limit, from the kernel's own files. */
function headroom() {
  const stat = table(`${folder}/memory.stat`)
  const cache = Math.max(0, stat.total_inactive_file + stat.total_active_file - stat.total_dirty - stat.total_writeback)
  return Number(read(`${folder}/memory.limit_in_bytes`)) - Number(read(`${folder}/memory.usage_in_bytes`)) + cache
}

const kills = () => table(`${folder}/memory.oom_control`).oom_kill

await scenario(async () => {
  await shell(
    'umount /sys/fs/cgroup; mount -t tmpfs tmpfs /sys/fs/cgroup; mkdir /sys/fs/cgroup/memory; mount -t cgroup -o memory memory /sys/fs/cgroup/memory',
  )
  mkdirSync(folder)
  write(`${folder}/memory.limit_in_bytes`, 200 * MiB)
  const subject = await Subject.start({ group: folder })
  await subject.run((t) => t.keep(50e6))
  near(
    'memory.available is the headroom of the group',
    (await subject.value('memory.available')).value,
    headroom(),
    8 * MB,
  )
  await subject.guard('full', { memory: 90 })

  const written = await finish(['dd', 'if=/dev/zero', 'of=/var/dirty', 'bs=1M', 'count=300', 'status=none'], {
    group: folder,
  })
  equal('dd has ended without an error', written.code, 0)
  const usage = Number(read(`${folder}/memory.usage_in_bytes`))
  check('dd has filled the group with page cache', usage > 0.85 * 200 * MiB, usage)
  equal('a plain dd causes no breach', subject.of('full', 'breach').length, 0)

  const breach = await endsInTime(subject, 'full', kills)
  check('the breach names the file that decided', breach?.origin.startsWith(`${folder}/memory.`), breach?.origin)
  await subject.comes('the guard is clear afterwards', 'full', 'clear')

  write(`${folder}/memory.limit_in_bytes`, 300 * MiB)
  let seen
  const follows = async () => Math.abs((seen = (await subject.value('memory.available')).value) - headroom()) < 8 * MB
  await comes('the raised limit counts', follows, () => [seen, headroom()])
  await shell('rm /var/dirty')
})
