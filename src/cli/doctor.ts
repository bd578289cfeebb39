/** `tripline doctor`: what works on this machine, and why the rest does not. */
import { existsSync, readdirSync } from 'node:fs'
import { availableParallelism, cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { NativeMissingError } from '../base/errors.js'
import { packageRoot, packageVersion } from '../base/package.js'
import { readText } from '../base/read-text.js'
import { capabilities, type Capability } from '../monitor/capabilities.js'
import { run } from '../run/run.js'
import type { SamplerStats } from '../addon/native.js'
import { samplerStats } from '../addon/sampler.js'
import { every } from '../schedule/ticker.js'
import { formatDuration, formatSize, formatValue } from '../base/units.js'
import { parseArguments } from './arguments.js'
import { alignColumns } from './columns.js'
import { describeReservations, type Reserved } from './reserved.js'
import { tryMetric, type Tried } from './tried.js'
import { EXIT, UsageError, print } from './usage.js'
import { VERBS } from './verbs.js'

interface Finding {
  readonly topic: string
  readonly good: boolean
  readonly text: string
}

export async function main(words: readonly string[]): Promise<number> {
  const given = parseArguments(words, VERBS.doctor)
  if (given.rest.length > 0) throw new UsageError(`tripline doctor takes no arguments; received '${given.rest[0]}'`)
  const { metrics, missing } = readMetrics()
  const reserved = missing === '' ? await describeReservations() : undefined
  const findings = [
    { topic: 'tripline', good: true, text: `${packageVersion()} on ${process.platform} ${release()} ${process.arch}` },
    describeRuntime(),
    { topic: 'addon', ...describeAddon(missing) },
    ...describeControlGroups(),
    ...describePush(metrics),
    ...describeDirections(metrics),
    ...(metrics.length > 0 ? await describeThread() : []),
    ...(missing === '' ? [await describeRun()] : []),
    ...(reserved?.findings ?? []),
  ]
  const tried = await Promise.all(metrics.map(tryMetric))
  print(given.has('json') ? toJson(findings, metrics, tried, reserved?.reservations ?? []) : toText(findings, tried))
  return metrics.length > 0 ? EXIT.ok : EXIT.failure
}

/** The metrics of this machine. If the addon is missing, there are none, and `missing` says why. */
function readMetrics(): { metrics: readonly Capability[]; missing: string } {
  try {
    return { metrics: capabilities(), missing: '' }
  } catch (error) {
    if (!(error instanceof NativeMissingError)) throw error
    return { metrics: [], missing: error.message }
  }
}

function describeRuntime(): Finding {
  const { node, bun } = process.versions
  const runtime = bun === undefined ? `Node ${node}` : `Bun ${bun}`
  const processors = `${availableParallelism()} of ${cpus().length} CPUs`
  return { topic: 'host', good: true, text: `${runtime}, ${processors}, ${formatSize(totalmem())} of memory` }
}

function describeAddon(missing: string): Omit<Finding, 'topic'> {
  if (missing !== '') return { good: false, text: missing }
  const folder = join(packageRoot(), 'build/Release')
  const built = existsSync(folder) && readdirSync(folder).some((name) => name.endsWith('.node'))
  return { good: true, text: built ? 'built here from source' : 'the prebuilt one' }
}

function describeControlGroups(): Finding[] {
  if (process.platform !== 'linux') return []
  const mounts = readText('/proc/self/mountinfo') ?? ''
  const topic = 'cgroups'
  const two = mounts.includes(' - cgroup2 ')
  const one = mounts.includes(' - cgroup ')
  if (!one && !two)
    return [{ topic, good: false, text: 'no cgroup hierarchy is mounted: limits of containers cannot be seen' }]
  const which = one && two ? 'version 1 and 2 side by side' : `version ${two ? 2 : 1}`
  const places = (readText('/proc/self/cgroup') ?? '').trim().split('\n')
  const place = places.find((line) => /(^|[:,])memory[,:]/.test(line)) ?? places.find((line) => line.startsWith('0::'))
  return [{ topic, good: true, text: `${which}; this process is in ${place?.split(':')[2] ?? '/'}` }]
}

/** Says which metrics the kernel pushes; those that it refuses are listed once per reason. */
function describePush(metrics: readonly Capability[]): Finding[] {
  const topic = 'push'
  const pushed = metrics.filter((each) => each.push).map((each) => each.metric)
  const refused = metrics.filter((each) => each.metric.startsWith('pressure.') && !each.push)
  return [
    ...(pushed.length > 0 ? [{ topic, good: true, text: `the kernel notifies for ${pushed.join(', ')}` }] : []),
    ...[...new Set(refused.map((each) => each.pushWhy))].map((why) => {
      const names = refused.filter((each) => each.pushWhy === why).map((each) => each.metric)
      return { topic, good: false, text: `${names.join(', ')}: ${why}` }
    }),
  ]
}

/** Says in which direction a limit without one is crossed, because that depends on the metric. */
function describeDirections(metrics: readonly Capability[]): Finding[] {
  if (metrics.length === 0) return []
  const downwards = metrics.filter(({ worse }) => worse === 'below').map(({ metric }) => metric)
  return [{ topic: 'limits', good: true, text: `a bare value means above, and below for ${downwards.join(', ')}` }]
}

/** Measured, not guessed: what the system grants the sampling thread. */
async function describeThread(): Promise<Finding[]> {
  const { timerSlack, slice, memoryLocked, memoryLockedWhy } = await trySchedule(false)
  const { realTime } = await trySchedule(true)
  const obtained = [
    ...(timerSlack > 0 ? [`timer slack ${formatDuration(timerSlack)}`] : []),
    ...(slice > 0 ? [`slice ${formatDuration(slice)}`] : []),
    `real-time priority ${realTime ? 'allowed' : 'not allowed'}`,
  ]
  const memory = memoryLocked ? 'what the sampling thread needs stays in memory' : `not locked: ${memoryLockedWhy}`
  return [
    { topic: 'ticker', good: true, text: obtained.join(', ') },
    { topic: 'memory', good: memoryLocked, text: memory },
  ]
}

async function trySchedule(realTime: boolean): Promise<SamplerStats> {
  let ticks = 0
  let stats: SamplerStats | undefined
  const ticker = every(
    1,
    () => {
      // At the first ticks the thread may not have all of its settings yet.
      if (++ticks < 3) return
      stats = samplerStats()
      void ticker.close()
    },
    { realTime },
  )
  await ticker.done
  return stats!
}

/** Runs a command to see whether it works. */
async function describeRun(): Promise<Finding> {
  try {
    const { group } = await run(process.execPath, ['--version'], { stdio: 'ignore', peaks: false })
    return { topic: 'run', good: true, text: `works, ${describeGroup(group)}` }
  } catch (error) {
    return { topic: 'run', good: false, text: (error as Error).message }
  }
}

function describeGroup(group: string): string {
  if (group === '') return 'without a control group: no group is delegated to this process'
  return group.startsWith('/') ? 'with a control group for each command' : `with ${group} for each command`
}

function mark(good: boolean): string {
  return good ? '  ' : '! '
}

function toText(findings: readonly Finding[], metrics: readonly Tried[]): string {
  const lines = findings.map(({ topic, good, text }) => [mark(good) + topic, text])
  const rows = metrics.map(({ label, unit, available, value, origin, why }) => {
    const shown = value === undefined ? '' : formatValue(value, unit)
    return [mark(available) + label, shown, available ? origin : why]
  })
  return `${[...alignColumns(lines), '', ...alignColumns(rows, { right: [1] })].join('\n')}\n`
}

function toJson(
  findings: readonly Finding[],
  all: readonly Capability[],
  tried: readonly Tried[],
  reservations: Reserved['reservations'],
): string {
  const metrics = all.map((each, index) => {
    const { available, why } = tried[index]!
    return { ...each, available, why }
  })
  return `${JSON.stringify({ findings, metrics, reservations }, undefined, 2)}\n`
}
