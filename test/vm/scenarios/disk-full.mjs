// A disk that fills up, is remounted read-only and writable again, and is unmounted under a guard.
import { MB, Subject, check, comes, equal, scenario, shell, write } from '../guest/scenario.mjs'

const path = '/mnt/full'

/** The space that an unprivileged user may still use, according to df. */
const free = async () => Number((await shell(`df -B1 --output=avail ${path} | tail -1`)).trim())

/** Creates files until there are no inodes left. */
function useInodes() {
  try {
    for (let count = 0; count < 1e5; count++) write(`${path}/${count}`, '')
  } catch {
    // No inode is left.
  }
}

await scenario(async () => {
  await shell(`modprobe loop; mkdir -p ${path}; dd if=/dev/zero of=/var/full bs=1M count=64 status=none`)
  const loop = await shell('losetup -f --show /var/full')
  await shell(`mkfs.ext4 -q ${loop} && mount ${loop} ${path}`)
  const subject = await Subject.start()
  const at = (metric) => subject.value({ metric, path })
  equal('disk.free is the figure of df', (await at('disk.free')).value, await free())
  await subject.guard('low', { 'disk.free': { below: '10MB', clear: '20MB', path } })
  await subject.guard('full', { disk: { above: 90, path } })
  await subject.guard('inodes', { 'disk.inodes': { above: 90, path } })
  await subject.guard('busy', { 'disk.write': { above: '1kB', path, for: 0 } })

  await shell(`dd if=/dev/zero of=${path}/file bs=1M count=100 oflag=direct status=none; true`)
  const low = await subject.comes('disk.free breaches', 'low', 'breach')
  check('the breach has the space that is left', low?.value < 10 * MB, low)
  const full = await subject.comes('disk breaches', 'full', 'breach')
  check('the breach of disk has a share', full?.value > 90 && full.value <= 100, full)
  const busy = await subject.comes('disk.write breaches: bytes went to the device', 'busy', 'breach')
  check('the breach names that device', busy?.origin.startsWith('/sys/dev/block/7:'), busy?.origin)
  await comes(
    'disk.free is 0, as df shows',
    async () => (await at('disk.free')).value === (await free()),
    async () => [await at('disk.free'), await free()],
  )
  await comes(
    'disk is 100',
    async () => (await at('disk')).value === 100,
    () => at('disk'),
  )
  await shell(`rm ${path}/file; sync`)
  await subject.comes('disk.free is clear', 'low', 'clear')
  await subject.comes('disk is clear', 'full', 'clear')

  await shell(`mount -o remount,ro ${path}`)
  const readOnly = await subject.comes('disk.free breaches when the file system turns read-only', 'low', 'breach', 1)
  equal('no space is left then', readOnly?.value, 0)
  await shell(`mount -o remount,rw ${path}`)
  await subject.comes('disk.free is clear when it is writable again', 'low', 'clear', 1)

  useInodes()
  const inodes = await subject.comes('disk.inodes breaches', 'inodes', 'breach')
  check('the breach of disk.inodes has a share', inodes?.value > 90 && inodes.value <= 100, inodes)

  await shell(`umount ${path} && losetup -d ${loop} && rm /var/full`)
  await comes(
    'after an unmount, disk.free is that of the file system below',
    async () => (await at('disk.free')).value > 100 * MB,
    () => at('disk.free'),
  )
})
