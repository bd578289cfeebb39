// The same three figures from commonly used alternatives: CPU time per sample of the caller and of what it spawns.
import { spawnSync } from 'node:child_process'
import { statfsSync } from 'node:fs'
import { cpus, freemem, totalmem } from 'node:os'
import { cpuWithChildren } from '../lib/process.js'
import { median, min, row } from '../lib/suite.js'
import { measure } from './native.js'

const SET = 'cpu.host + memory.host + disk'
const OWN = 'process.cpu + process.rss'

export async function measurePeers(add) {
  const [{ ours: set, bare }] = measure('floor', SET)
  const [{ ours: own }] = measure('floor', OWN)
  add(row(`${SET}: tripline, on the sampling thread`, set / 1000, 'µs'))
  const compare = async (name, microseconds, base, options) => {
    try {
      const cost = await microseconds()
      const each = `${cost.toPrecision(3)} µs against ${(base / 1000).toPrecision(3)}`
      add(row(name, (cost * 1000) / base, 'x the CPU', { ...options, note: `${each}${options.note ?? ''}` }))
    } catch (error) {
      add(row(name, undefined, 'x the CPU', { ...options, note: `not here: ${error.message.split('\n', 1)[0]}` }))
    }
  }
  // The kernel's cost of producing the text is the same for all, and on some machines most of the total.
  const floor = `; the bare calls take ${(bare / 1000).toPrecision(3)}`
  await compare(`${SET}: psutil`, psutil, set, { atLeast: 5, note: floor })
  await compare(`${SET}: os.cpus, os.freemem, fs.statfsSync on the main thread`, node, set, {
    atLeast: 5,
    note: floor,
  })
  await compare(`${SET}: systeminformation`, systeminformation, set, { atLeast: 1000 })
  await compare(`${SET}: node-os-utils`, nodeOsUtils, set, {})
  await compare(`${OWN}: pidusage`, pidusage, own, {})
  await compare(`${OWN}: process.cpuUsage, process.memoryUsage.rss`, nodeOwn, own, {})
}

function psutil() {
  const script = `
import psutil, time
psutil.cpu_percent(None)
best = 1e9
for _ in range(40):
    start = time.process_time_ns()
    for _ in range(50):
        psutil.cpu_percent(None); psutil.virtual_memory(); psutil.disk_usage('.')
    best = min(best, (time.process_time_ns() - start) / 50e3)
print(best)`
  const { status, stdout, error } = spawnSync('/usr/bin/python3', ['-c', script], { encoding: 'utf8' })
  if (status !== 0) throw new Error(error?.message ?? "no python3-psutil; it is Debian's package")
  return Number(stdout)
}

function node() {
  return least(() => {
    cpus()
    void (1 - freemem() / totalmem())
    statfsSync('.')
  })
}

function nodeOwn() {
  return least(() => {
    process.cpuUsage()
    process.memoryUsage.rss()
  })
}

function least(body) {
  const rounds = []
  for (let round = 0; round < 40; round++) {
    const { user, system } = process.cpuUsage()
    for (let i = 0; i < 200; i++) body()
    const end = process.cpuUsage()
    rounds.push((end.user + end.system - user - system) / 200)
  }
  return min(rounds)
}

async function systeminformation() {
  const { default: si } = await import('systeminformation')
  return perCall(20, async () => {
    await si.currentLoad()
    await si.mem()
    await si.fsSize()
    // Calls within 200 ms are answered from a cache.
    await new Promise((resolve) => setTimeout(resolve, 220))
  })
}

async function nodeOsUtils() {
  const { OSUtils } = await import('node-os-utils')
  const utils = new OSUtils({ cacheEnabled: false })
  return perCall(10, async () => {
    await utils.cpu.usage()
    await utils.memory.info()
    await utils.disk.info()
  })
}

async function pidusage() {
  const { default: usage } = await import('pidusage')
  return perCall(200, () => usage(process.pid))
}

/** The median of three rounds, including spawned processes. */
async function perCall(count, body) {
  await body()
  const rounds = []
  for (let round = 0; round < 3; round++) {
    const start = cpuWithChildren()
    for (let i = 0; i < count; i++) await body()
    rounds.push((cpuWithChildren() - start) / count)
  }
  return median(rounds)
}
