/** Compares values with psutil's, under load; skipped if python3 has no psutil (Debian: python3-psutil). */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sample } from '../../src/monitor/snapshot.js'

const python = ['python3', '/usr/bin/python3'].find((each) => spawnSync(each, ['-c', 'import psutil']).status === 0)
if (python === undefined) console.warn('skipped: no python3 has psutil (Debian: python3-psutil)')

/** The result of a Python expression that uses psutil. */
async function ask<T>(expression: string): Promise<T> {
  const script = `import json, os, time, psutil\nprint(json.dumps(${expression}))`
  const { stdout } = await promisify(execFile)(python!, ['-c', script])
  return JSON.parse(stdout) as T
}

/** How much the numbers in a Python list grow per second, measured over about a second. */
async function askRates(list: string): Promise<number[]> {
  const { rates } = await ask<{ rates: number[] }>(
    `(lambda read: (lambda a, t, _, b: {'rates': [(y - x) / (time.monotonic() - t) for x, y in zip(a, b)]})` +
      `(read(), time.monotonic(), time.sleep(1.2), read()))(lambda: ${list})`,
  )
  return rates
}

function start(code: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  return new Promise((resolve) => child.stdout.once('data', () => resolve(child)))
}

describe.skipIf(python === undefined)('compared with psutil', () => {
  let loads: ChildProcess[] = []

  beforeAll(async () => {
    loads = await Promise.all([
      start(`process.stdout.write('.'); setTimeout(() => { for (;;); }, 10)`),
      // Writes some ten megabytes per second to the disk of the working directory.
      start(`
        const fs = require('node:fs'), file = '.tripline-test-' + process.pid
        const fd = fs.openSync(file, 'w'), block = Buffer.alloc(1 << 18, 1)
        fs.unlinkSync(file)
        process.stdout.write('.')
        setInterval(() => { fs.writeSync(fd, block, 0, block.length, 0); fs.fdatasyncSync(fd) }, 20)`),
    ])
  })
  afterAll(() => {
    for (const each of loads) each.kill('SIGKILL')
  })

  it('levels of the machine', async () => {
    const ours = await sample(['memory.host', 'swap', 'disk', 'load'])
    const [memory, swap, disk, load] = await ask<[number, number, number, number]>(
      `[psutil.virtual_memory().percent, psutil.swap_memory().percent, psutil.disk_usage('.').percent,` +
        ` psutil.getloadavg()[0] / psutil.cpu_count()]`,
    )
    expect(Math.abs(ours.get('memory.host')!.value - memory)).toBeLessThan(3)
    expect(Math.abs(ours.get('swap')!.value - swap)).toBeLessThan(1)
    expect(Math.abs(ours.get('disk')!.value - disk)).toBeLessThan(1)
    expect(Math.abs(ours.get('load')!.value - load)).toBeLessThan(0.3)
  })

  it('levels of another process, and of its tree', async () => {
    const child = await start(`
      const { Worker } = require('node:worker_threads'), fs = require('node:fs')
      const held = Buffer.alloc(64 << 20, 1)
      for (let i = 0; i < 50; i++) fs.openSync('/dev/null')
      const worker = new Worker('setInterval(() => {}, 1e6)', { eval: true })
      const grandchild = require('node:child_process').spawn('sleep', ['60'])
      worker.once('online', () => process.stdout.write('.'))
      setInterval(() => held.length, 1e6)
      process.on('SIGTERM', () => { grandchild.kill(); process.exit() })`)
    try {
      const pid = child.pid!
      const ours = await sample([
        { metric: 'process.rss', pid },
        { metric: 'process.threads', pid },
        { metric: 'process.fds', pid },
      ])
      const [rss, threads, fds, limit] = await ask<[number, number, number, number]>(
        `(lambda p: [p.memory_info().rss, p.num_threads(), p.num_fds(), p.rlimit(psutil.RLIMIT_NOFILE)[0]])(psutil.Process(${pid}))`,
      )
      expect(Math.abs(ours.get('process.rss')!.value / rss - 1)).toBeLessThan(0.1)
      expect(ours.get('process.threads')!.value).toBe(threads)
      expect(ours.get('process.fds')!.value).toBeCloseTo((100 * fds) / limit, 6)

      const tree = await sample([{ metric: 'process.threads', pid, tree: true }])
      expect(tree.get('process.threads')!.value).toBe(threads + 1)
    } finally {
      child.kill('SIGTERM')
    }
  })

  it('shares of CPU time', async () => {
    const [ours, [busy, all]] = await Promise.all([
      sample([{ metric: 'cpu.host', over: '1s' }]),
      askRates(`(lambda c: [sum(c[:8]) - c.idle - c.iowait, sum(c[:8])])(psutil.cpu_times())`) as Promise<
        [number, number]
      >,
    ])
    expect(Math.abs(ours.get('cpu.host')!.value - (100 * busy) / all)).toBeLessThan(25)
  })

  it('rates of a disk that is being written to', async ({ skip }) => {
    const disks = await ask<string[]>(
      `[os.path.basename(d.device) for d in psutil.disk_partitions(all=True) if d.mountpoint == '/' and d.device.startswith('/dev/')]`,
    )
    const [ours, [written]] = await Promise.all([
      disks.length === 0 ? undefined : sample([{ metric: 'disk.write', path: '/', over: '1s' }]),
      disks.length === 0
        ? Promise.resolve([0])
        : askRates(`[psutil.disk_io_counters(perdisk=True)['${disks[0]}'].write_bytes]`),
    ])
    skip(disks.length === 0, 'the root of a container is not on a device of its own')
    const value = ours!.get('disk.write')!.value
    expect(value).toBeGreaterThan(1e6)
    expect(value / written!).toBeGreaterThan(0.4)
    expect(value / written!).toBeLessThan(2.5)
  })
})
