// The setup of a container: a cgroup namespace, a mount namespace, and a new mount of the hierarchy.
import { MiB, Subject, check, endsInTime, group, headroom, killsIn, near, scenario } from '../guest/scenario.mjs'

await scenario(async () => {
  const limit = 200 * MiB
  const folder = group('container', { 'memory.max': limit })
  const remount = 'umount -l /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup; exec "$@"'
  const subject = await Subject.start(
    { group: folder, unshare: ['--cgroup', '--mount'] },
    { wrapper: ['sh', '-c', remount, 'sh'] },
  )
  await subject.run((t) => t.keep(60e6))
  const memory = await subject.value('memory')
  near('memory is the share of the container’s limit', memory.value, 100 * (1 - headroom(folder) / limit), 6)
  await subject.guard('full', { memory: 90 })
  const breach = await endsInTime(subject, 'full', killsIn(folder))
  check(
    'the breach names the file by its path inside the container',
    breach?.origin.startsWith('/sys/fs/cgroup/memory.'),
    breach?.origin,
  )
})
