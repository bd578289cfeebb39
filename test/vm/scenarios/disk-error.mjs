// An ext4 with errors is read-only from then on, whether or not its mount flags show that. Nothing more can be written.
import { MB, Subject, check, equal, finish, read, scenario, shell, write } from '../guest/scenario.mjs'

await scenario(async () => {
  const path = '/mnt/error'
  await shell(`modprobe loop; mkdir -p ${path}; dd if=/dev/zero of=/var/error bs=1M count=64 status=none`)
  const loop = await shell('losetup -f --show /var/error')
  await shell(`mkfs.ext4 -q ${loop} && mount -o errors=remount-ro ${loop} ${path}`)
  const subject = await Subject.start()
  check('the file system has room', (await subject.value({ metric: 'disk.free', path })).value > 10 * MB)
  await subject.guard('low', { 'disk.free': { below: '1MB', path } })

  write(`/sys/fs/ext4/${loop.split('/').at(-1)}/trigger_fs_error`, 'a scenario')
  const touched = await finish(['touch', `${path}/file`])
  check('nothing can be written any more', touched.code !== 0, touched.output)
  const mount = read('/proc/mounts')
    .split('\n')
    .find((line) => line.includes(path))
  const breach = await subject.comes(
    `disk.free breaches (mounted ${mount
      .split(' ')[3]
      .split(',')
      .filter((word) => /^(ro|rw|emergency_ro)$/.test(word))
      .join()})`,
    'low',
    'breach',
  )
  equal('the value of the breach is 0', breach?.value, 0)
  equal('a sample of disk.free is 0', (await subject.value({ metric: 'disk.free', path })).value, 0)
  await subject.end()
  const later = await Subject.start()
  const free = await later.value({ metric: 'disk.free', path })
  // If the mount flags do not show it, only a write would; see docs/metrics.md.
  const says = /\b(emergency_ro|shutdown)\b/.test(mount.split(' ')[3])
  check('a later process sees 0 if the mount flags show it', says ? free.value === 0 : free.value > 0, free)
  await later.end()
  await shell(`umount -l ${path}; losetup -d ${loop}; rm /var/error`)
})
