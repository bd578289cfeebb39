/** Limits that the kernel holds as well: what `enforce` takes, refuses and writes. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { run } from '../../src/index.js'
import { ownGroups, ancestry, readCount } from '../../src/base/control-groups.js'
import { kernelLimits, thresholdsOf } from '../../src/run/thresholds.js'
import type { KernelKill } from '../../src/base/kernel-log.js'
import { countKills } from '../../src/run/oom-watch.js'

const folder = mkdtempSync(join(tmpdir(), 'tripline-groups-'))
afterAll(() => rmSync(folder, { recursive: true }))

const MiB = 2 ** 20

/** A folder like /proc/self. */
const made = (name: string, group: string, mountinfo: string): string => {
  const proc = join(folder, name)
  mkdirSync(proc)
  writeFileSync(join(proc, 'cgroup'), group)
  writeFileSync(join(proc, 'mountinfo'), mountinfo)
  return proc
}

const groupWith = (path: string): string => {
  mkdirSync(join(folder, path), { recursive: true })
  writeFileSync(join(folder, path, 'cgroup.procs'), '1\n')
  return join(folder, path)
}

const kill = (at: number, group: string | undefined, pid: number): KernelKill => ({ at, pid, name: 'node', group })

describe('the limits that the kernel holds', () => {
  it('takes the lowest limits on the command', () => {
    const limits = { 'process.footprint': [{ above: '2GB' }, { above: 1e9 }], 'process.count': 20, memory: 90 }
    expect(thresholdsOf(limits)).toEqual({ memory: 1e9, processes: 20, threads: undefined, cpu: undefined })
  })

  it('leaves out limits on another process, limits below, and durations, which the kernel does not know', () => {
    const others = [{ above: '1GB', pid: process.pid }, { below: '1MB' }, { above: '2GB', for: '2s' }]
    expect(thresholdsOf({ 'process.footprint': others, 'process.cpu': 300 })).toMatchObject({
      memory: undefined,
      cpu: 300,
    })
  })

  it('leaves out limits whose text names another process', () => {
    expect(thresholdsOf({ 'process.footprint(1)': '1MB', 'process.footprint': '1GB' })).toMatchObject({ memory: 1e9 })
  })

  it('needs at least one', async () => {
    for (const limits of [undefined, { memory: 90 }, { 'process.footprint': { above: '1GB', for: '2s' } }]) {
      expect(thresholdsOf(limits)).toBeUndefined()
    }
    await expect(run('true', [], { enforce: true })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
  })

  it('is behind the limits of tripline, with slack', () => {
    expect(kernelLimits({ memory: 1e9, processes: 10, threads: undefined, cpu: 200 })).toEqual({
      memory: Math.ceil(1.25e9 / 4096) * 4096,
      tasks: 11 * 64,
      cpu: 250,
    })
    expect(kernelLimits({ memory: 10 * MiB, processes: 10, threads: 40, cpu: undefined })).toEqual({
      memory: 74 * MiB,
      tasks: 66,
      cpu: undefined,
    })
    expect(kernelLimits({ memory: undefined, processes: undefined, threads: undefined, cpu: 0.1 }).cpu).toBe(1)
  })

  it('refuses what contradicts it, before anything is started', async () => {
    const limits = { 'process.count': 10 }
    await expect(run('true', [], { enforce: 1 as never, limits })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    })
    await expect(run('true', [], { enforce: true, dryRun: true, limits })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    })
  })
})

describe.runIf(process.platform !== 'win32')('the groups of this process', () => {
  it('finds them below their mounts, which may show a part of the hierarchy', () => {
    const path = groupWith('a b/deep/er')
    const point = join(folder, 'a\\040b')
    const proc = made('one', '0::/app/deep/er\n', `31 23 0:28 /app ${point} rw shared:1 - cgroup2 cgroup rw\n`)
    const [group] = ownGroups(proc)
    expect(group).toEqual({ version: 2, mount: join(folder, 'a b'), path })
    expect(ancestry(group!)).toEqual([path, join(folder, 'a b/deep'), join(folder, 'a b')])
  })

  it('finds the memory controller of version 1, in whatever order', () => {
    const path = groupWith('v1/x')
    const mounts = `31 23 0:28 / ${join(folder, 'v1')} rw - cgroup cgroup rw,cpu,memory\n32 23 0:29 / /nowhere rw - tmpfs tmpfs rw\n`
    expect(ownGroups(made('two', '4:cpu,memory:/x\n3:pids:/x\n', mounts))).toEqual([
      { version: 1, mount: join(folder, 'v1'), path },
    ])
  })

  it('finds none outside of the mount, without members, or in a broken file', () => {
    const point = join(folder, 'other')
    groupWith('other')
    const mounts = `31 23 0:28 / ${point} rw - cgroup2 cgroup rw\n`
    expect(ownGroups(made('three', '0::/gone\n', mounts))).toEqual([])
    expect(ownGroups(made('four', '0::/../up\n', mounts))).toEqual([])
    expect(ownGroups(made('five', '0::\nx:y\n:::\n', `- - -\n${mounts}`))).toEqual([])
    expect(ownGroups(join(folder, 'missing'))).toEqual([])
  })

  it('reads a count by its whole name', () => {
    const file = join(folder, 'events')
    writeFileSync(file, 'low 0\noom 2\noom_kill 3\noom_group_kill 4\n')
    expect([readCount(file, 'oom'), readCount(file, 'oom_kill'), readCount(file, 'kill')]).toEqual([2, 3, undefined])
  })
})

describe("kills in the kernel's log", () => {
  const subject = { code: null, signal: 'SIGKILL', pids: [812], groups: ['/sys/fs/cgroup/a/tripline-7-1-99'] }

  it('counts those of the command by its process id, where the log has the same ids', () => {
    const kills = [kill(50, '/a', 812), kill(150, '/a', 812), kill(151, '/a', 8120), kill(152, '/b', 9)]
    expect(countKills(kills, subject, 100, true)).toBe(1)
    expect(countKills(kills, subject, 100, false)).toBe(0)
  })

  it('counts those in its group, wherever the hierarchy is mounted', () => {
    const kills = [
      kill(150, '/k/a/tripline-7-1-99', 3),
      kill(150, '/k/tripline-7-1-99/in', 4),
      kill(150, '/tripline-7-1-9', 5),
    ]
    expect(countKills(kills, subject, 100, false)).toBe(2)
  })

  it('counts the line of each kill that has a group, and not the second one', () => {
    expect(countKills([kill(150, '/a', 812), kill(150, undefined, 812)], subject, 100, true)).toBe(1)
  })
})
