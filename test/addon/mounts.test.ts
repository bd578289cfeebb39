/** The file systems that the error about a missing path lists. */
import { describe, expect, it } from 'vitest'
import { mountPoints } from '../../src/addon/mounts.js'

describe('mount points', () => {
  it('are those of file systems with files of the user’s, each once', () => {
    const mountinfo = [
      '22 27 0:21 / /sys rw,nosuid shared:7 - sysfs sysfs rw',
      '27 0 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw',
      '30 27 8:2 /var/log /mnt/logs rw shared:1 - ext4 /dev/sda2 rw',
      String.raw`31 27 8:17 / /media/my\040disk rw shared:9 - vfat /dev/sdb1 rw`,
      '32 27 0:45 / /data rw - nfs4 server:/export rw',
      '33 27 0:22 / /proc rw - proc proc rw',
      '',
      'nonsense',
    ].join('\n')
    expect(mountPoints(mountinfo)).toEqual(['/', '/data', '/media/my disk'])
  })
})
