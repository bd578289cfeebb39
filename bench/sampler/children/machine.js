// Makes the sampler of this process read files that the benchmark writes, so that the moment of a crossing is known.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const MiB = 2 ** 20

/** Writes the files of a machine to memory (/dev/shm) and makes the sampler read them, until the process ends. */
export function layMachine() {
  const root = mkdtempSync('/dev/shm/tripline-bench-')
  process.env['HOST_PROC'] = `${root}/proc`
  process.env['HOST_SYS'] = `${root}/sys`
  process.on('exit', () => rmSync(root, { recursive: true, force: true }))
  const write = (path, text) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  write(
    'proc/meminfo',
    'MemTotal: 16000000 kB\nMemFree: 8000000 kB\nMemAvailable: 12000000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n',
  )
  write('proc/self/cgroup', '0::/g\n')
  write('proc/self/mountinfo', '30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n')
  const group = 'sys/fs/cgroup/g'
  write(`${group}/memory.max`, `${1000 * MiB}\n`)
  write(`${group}/memory.current`, `${FAR}\n`)
  write(
    `${group}/memory.stat`,
    'anon 0\nfile 0\nactive_file 0\ninactive_file 0\nslab_reclaimable 0\nfile_dirty 0\nfile_writeback 0\n',
  )
  return join(root, group, 'memory.current')
}

/** Usage far below the line, just below it, where the sampler is fastest, and beyond it. All have the same length as text. */
export const FAR = 500 * MiB
export const LOW = 899 * MiB
export const HIGH = 950 * MiB
export const LIMITS = { memory: { above: 90, clear: 89.95, for: 0 } }
