/** The pools that a process shares: the machine, and its control groups with a limit. */
import { mkdirSync, mkdtempSync, statSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { levelsHere } from '../../src/admit/levels.js'

function machine(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'tripline-levels-'))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(root, dirname(name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
  return root
}

const groupLevels = (root: string): unknown[] =>
  levelsHere(root)
    .filter(({ folder }) => folder !== undefined)
    .map(({ what, capacity, free, folder }) => ({ what, capacity, free, folder: folder!.slice(root.length) }))

const all = cpus().length

it('has every group with a limit, up to the mount point (version 2)', () => {
  const root = machine({
    'proc/self/cgroup': '0::/job/step\n',
    'proc/self/mountinfo': '25 20 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n',
    'sys/fs/cgroup/job/memory.max': '500000000\n',
    'sys/fs/cgroup/job/memory.current': '300000000\n',
    'sys/fs/cgroup/job/memory.stat':
      'anon 1\nfile 2\ninactive_file 40000000\nactive_file 5000000\nslab_reclaimable 1000000\n',
    'sys/fs/cgroup/job/cpu.max': `${all * 50000} 100000\n`,
    'sys/fs/cgroup/job/step/cgroup.procs': '',
    'sys/fs/cgroup/job/step/memory.max': 'max\n',
    'sys/fs/cgroup/job/step/cpu.max': 'max 100000\n',
  })
  expect(groupLevels(root)).toEqual([
    { what: 'memory', capacity: 5e8, free: 246e6, folder: '/sys/fs/cgroup/job' },
    { what: 'cpu', capacity: all / 2, free: undefined, folder: '/sys/fs/cgroup/job' },
  ])
  const level = levelsHere(root).find(({ folder }) => folder !== undefined)
  expect(level!.id).toBe(`memory:${statSync(level!.folder!).ino}`)
})

it('reads version 1, in a container whose mount shows its own group only', () => {
  const root = machine({
    'proc/self/cgroup': '4:memory:/docker/abc/inner\n3:cpu,cpuacct:/docker/abc\n0::/docker/abc\n',
    'proc/self/mountinfo': [
      '30 20 0:26 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory',
      String.raw`31 20 0:27 /docker/abc /sys/fs/cgroup/cpu\040cpuacct ro - cgroup cgroup rw,cpu,cpuacct`,
      '32 20 0:28 / /sys/fs/cgroup/unified ro - cgroup2 cgroup2 rw',
    ].join('\n'),
    'sys/fs/cgroup/memory/memory.limit_in_bytes': '400000000\n',
    'sys/fs/cgroup/memory/memory.usage_in_bytes': '100000000\n',
    'sys/fs/cgroup/memory/memory.stat': 'inactive_file 7\ntotal_inactive_file 20000000\ntotal_active_file 0\n',
    'sys/fs/cgroup/memory/inner/cgroup.procs': '',
    'sys/fs/cgroup/memory/inner/memory.limit_in_bytes': '9223372036854771712\n',
    'sys/fs/cgroup/cpu cpuacct/cgroup.procs': '',
    'sys/fs/cgroup/cpu cpuacct/cpu.cfs_quota_us': '50000\n',
    'sys/fs/cgroup/cpu cpuacct/cpu.cfs_period_us': '100000\n',
  })
  expect(groupLevels(root)).toEqual([
    { what: 'memory', capacity: 4e8, free: 320e6, folder: '/sys/fs/cgroup/memory' },
    { what: 'cpu', capacity: 0.5, free: undefined, folder: '/sys/fs/cgroup/cpu cpuacct' },
  ])
})

it('takes the latest mount, and nothing from a group outside of what it shows', () => {
  const files = {
    'proc/self/mountinfo': [
      '25 20 0:22 / /old rw - cgroup2 cgroup2 rw',
      '26 20 0:22 / /new rw - cgroup2 cgroup2 rw',
    ].join('\n'),
    'old/job/cgroup.procs': '',
    'old/job/memory.max': '1000000\n',
    'new/job/cgroup.procs': '',
    'new/job/memory.max': '2000000\n',
    'job/cgroup.procs': '',
    'job/memory.max': '3000000\n',
  }
  expect(groupLevels(machine({ ...files, 'proc/self/cgroup': '0::/job\n' }))).toMatchObject([{ capacity: 2e6 }])
  expect(groupLevels(machine({ ...files, 'proc/self/cgroup': '0::/../job\n' }))).toEqual([])
})

it('is the machine alone without control groups, and without any files of the system', () => {
  expect(levelsHere(machine({ 'proc/self/cgroup': '0::/elsewhere\n' })).map(({ id }) => id)).toEqual(['memory', 'cpu'])
})
