// A disk is plugged in, mounted on a path that a guard watches already, written to, and pulled out while mounted.
import { existsSync, readdirSync } from 'node:fs'
import { MB, Subject, check, comes, equal, finish, machine, read, scenario, shell } from '../guest/scenario.mjs'

const path = '/mnt/plugged'

await scenario(async () => {
  await shell(`mkdir -p ${path}`)
  const subject = await Subject.start()
  await subject.guard('low', { 'disk.free': { below: '1MB', path } })
  await subject.guard('busy', { 'disk.write': { above: '2MB', path, for: 0 } })
  const before = new Set(readdirSync('/sys/block'))

  machine('device_add', { driver: 'virtio-blk-pci', drive: 'spare', id: 'disk', bus: 'one' })
  const name = await comes('the kernel has the disk', () => readdirSync('/sys/block').find((each) => !before.has(each)))
  if (name === undefined) return
  await shell(`mkfs.ext4 -q /dev/${name} && mount -o errors=remount-ro /dev/${name} ${path}`)
  const at = (metric) => subject.value({ metric, path })
  const isOfDisk = async () => (await at('disk.free')).value < 128 * MB
  await comes('disk.free is that of the disk that was mounted later', isOfDisk, () => at('disk.free'))

  await shell(`dd if=/dev/zero of=${path}/file bs=1M count=40 oflag=direct status=none`)
  const origin = `/sys/dev/block/${read(`/sys/block/${name}/dev`)}/stat`
  await comes(
    'disk.write breaches because of writes to that disk',
    () => subject.of('busy', 'breach').some((each) => each.origin === origin),
    () => [origin, subject.of('busy')],
  )
  equal('the guard on free space is clear', await subject.state('low'), 'clear')

  machine('device_del', { id: 'disk' })
  await comes('the kernel has lost the disk', () => !existsSync(`/sys/block/${name}`))
  const { code } = await finish(['dd', 'if=/dev/zero', `of=${path}/more`, 'bs=1M', 'count=4', 'conv=fsync'])
  check('nothing can be written to it any more', code !== 0, code)
  const noticed = async () => subject.of('low').some((each) => each.event !== 'clear')
  await comes('the guard on free space breaches or becomes unavailable', noticed, () => at('disk.free'))
  const free = await at('disk.free')
  check('disk.free of the removed disk is 0 or unavailable', free.value === 0 || free.unavailable !== undefined, free)
  const written = await at('disk.write')
  check('its disk.write is 0 or unavailable', written.value === 0 || written.unavailable !== undefined, written)
  await shell(`umount -l ${path}`)
  await comes(
    'after an unmount, disk.free is that of the file system below',
    async () => (await at('disk.free')).value > 128 * MB,
    () => at('disk.free'),
  )
})
