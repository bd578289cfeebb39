/** Compares values with the system's own figures, read in another way, idle and under load. */
import { execFileSync, spawn } from 'node:child_process'
import { readFileSync, statfsSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { describe, expect, it } from 'vitest'
import { sample } from '../../src/monitor/snapshot.js'

/** Runs `body` while `count` processes spin. */
async function underLoad<T>(count: number, body: () => Promise<T>): Promise<T> {
  const burners = Array.from({ length: count }, () => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }))
  try {
    return await body()
  } finally {
    for (const each of burners) each.kill('SIGKILL')
  }
}

/** Busy share over all CPUs since `before`, from /proc/stat. */
function readBusy(): { busy: number; all: number } {
  const [user, nice, system, idle, iowait, irq, softirq, steal] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]!
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number) as [number, number, number, number, number, number, number, number]
  const all = user + nice + system + idle + iowait + irq + softirq + steal
  return { busy: all - idle - iowait, all }
}

function readMeminfo(field: string): number {
  return Number(new RegExp(`^${field}:\\s*(\\d+)`, 'm').exec(readFileSync('/proc/meminfo', 'utf8'))![1]) * 1024
}

/** CPU time of a process in ticks. */
function readTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

describe('compared with the system’s own figures', () => {
  it('memory.host and memory.available of the host', async () => {
    const now = await sample(['memory.host', 'memory.available'])
    const expected = 100 * (1 - readMeminfo('MemAvailable') / readMeminfo('MemTotal'))
    expect(Math.abs(now.get('memory.host')!.value - expected)).toBeLessThan(2)
    expect(now.get('memory.available')!.value).toBeLessThanOrEqual(readMeminfo('MemAvailable') * 1.02)
  })

  it('memory.host and process.rss while a child holds a known amount', async () => {
    const size = 256 * 2 ** 20
    const child = spawn(
      process.execPath,
      ['-e', `const b = Buffer.alloc(${size}, 1); process.stdout.write('.'); setInterval(() => b.length, 1e6)`],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    )
    try {
      await new Promise((resolve) => child.stdout.once('data', resolve))
      const now = await sample(['memory.host', { metric: 'process.rss', pid: child.pid! }])
      const expected = 100 * (1 - readMeminfo('MemAvailable') / readMeminfo('MemTotal'))
      expect(Math.abs(now.get('memory.host')!.value - expected)).toBeLessThan(2)
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
      const resident = Number(/^VmRSS:\s*(\d+)/m.exec(status)![1]) * 1024
      expect(resident).toBeGreaterThan(size)
      expect(Math.abs(now.get('process.rss')!.value / resident - 1)).toBeLessThan(0.05)
    } finally {
      child.kill('SIGKILL')
    }
  })

  it('disk, disk.free and disk.inodes, as df counts them', async () => {
    const now = await sample(['disk', 'disk.free', 'disk.inodes'])
    const [used, available, inodes] = execFileSync('df', ['--output=used,avail,ipcent', '-B1', '.'], {
      encoding: 'utf8',
    })
      .split('\n')[1]!
      .trim()
      .split(/[\s%]+/)
      .map(Number) as [number, number, number]
    expect(Math.abs(now.get('disk')!.value - (100 * used) / (used + available))).toBeLessThan(0.5)
    expect(Math.abs(now.get('disk.free')!.value / available - 1)).toBeLessThan(0.01)
    expect(Math.abs(now.get('disk.inodes')!.value - inodes)).toBeLessThanOrEqual(1.01)
    const { bavail, bsize } = statfsSync('.')
    expect(Math.abs(now.get('disk.free')!.value / (bavail * bsize) - 1)).toBeLessThan(0.01)
  })

  it('load', async () => {
    const now = await sample('load')
    const online = readFileSync('/proc/stat', 'utf8').match(/^cpu\d+/gm)!.length
    const candidates = [loadavg()[0]! / online, loadavg()[0]! / availableParallelism()]
    const off = Math.min(...candidates.map((each) => Math.abs(each - now.get('load')!.value)))
    expect(off).toBeLessThan(0.3)
  })

  it('process.rss and process.threads of this process', async () => {
    const now = await sample(['process.rss', 'process.threads'])
    const status = readFileSync('/proc/self/status', 'utf8')
    const rss = Number(/^VmRSS:\s*(\d+)/m.exec(status)![1]) * 1024
    expect(Math.abs(now.get('process.rss')!.value / rss - 1)).toBeLessThan(0.1)
    expect(now.get('process.rss')!.value / process.memoryUsage.rss()).toBeGreaterThan(0.9)
    const threads = Number(/^Threads:\s*(\d+)/m.exec(status)![1])
    expect(Math.abs(now.get('process.threads')!.value - threads)).toBeLessThanOrEqual(2)
  })

  it('cpu.host under load, over the same second', async () => {
    await underLoad(availableParallelism(), async () => {
      // The burners must be running before the window starts.
      await sample({ metric: 'cpu.host', over: 500 })
      const before = readBusy()
      const now = await sample([
        { metric: 'cpu.host', over: 1000 },
        { metric: 'cpu', over: 1000 },
      ])
      const after = readBusy()
      const expected = (100 * (after.busy - before.busy)) / (after.all - before.all)
      expect(Math.abs(now.get('cpu.host')!.value - expected)).toBeLessThan(15)
      expect(now.get('cpu')!.value).toBeGreaterThanOrEqual(now.get('cpu.host')!.value - 1)
    })
  })

  it('process.cpu of a burner and of a sleeper, over the same second', async () => {
    const sleeper = spawn('sleep', ['60'])
    const burner = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' })
    try {
      await sample({ metric: 'process.cpu', pid: burner.pid!, over: 300 })
      const started = performance.now()
      const before = readTicks(burner.pid!)
      const now = await sample([
        { metric: 'process.cpu', pid: burner.pid!, over: 1000 },
        { metric: 'process.cpu', pid: sleeper.pid!, over: 1000 },
      ])
      // 100 ticks per second, so ticks per second are percent.
      const expected = (readTicks(burner.pid!) - before) / ((performance.now() - started) / 1000)
      expect(Math.abs(now.get('process.cpu', { pid: burner.pid! })!.value - expected)).toBeLessThan(15)
      expect(expected).toBeGreaterThan(0)
      expect(now.get('process.cpu', { pid: sleeper.pid! })!.value).toBeLessThan(1)
    } finally {
      sleeper.kill('SIGKILL')
      burner.kill('SIGKILL')
    }
  })
})
