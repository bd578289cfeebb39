// Whether a process survives that fills its memory: watches side by side, in a control group with a limit. For each: how much is
// left when it stops the job, false alarms, and what watching costs.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { makeGroup, peakOf, removeGroup, within } from '../lib/cgroup.js'
import { median, min, row } from '../lib/suite.js'
import { LIMIT } from './limits.js'
import { BLOCKED, FREE } from './watches.js'

export const title = 'surviving a process that fills its memory, in a group of 600 MB with the line at 480 MB'

const ROUNDS = Number(process.env.ROUNDS ?? 3)
const CALM_ROUNDS = Math.min(ROUNDS, 2)
const REST_SECONDS = 10
const MODES = { free: FREE, blocked: BLOCKED }
/** In MB per second. */
const RATES = [50, 200, 1000]
const PHASES = ['start-up', 'sawtooth', 'page cache']
const MB = 1e6

const INLINE = /^inline/
const OURS = /^tripline/

export async function run(add) {
  const probe = makeGroup(LIMIT)
  if (probe === undefined) {
    add(
      row('memory left', undefined, 'MB', {
        note: 'no control group with a memory limit can be made here; try as root',
      }),
    )
    return []
  }
  await removeGroup(probe)
  const left = await measureFills(add)
  await measureCalm(add)
  const costs = await measureChecks(add)
  await measureRest(add)
  return summary(left, costs)
}

/** Starts a program of this folder in a new group, and returns its lines, how it ended, and the peak of the group. */
async function inGroup(program, args) {
  const group = makeGroup(LIMIT)
  try {
    const file = fileURLToPath(new URL(program, import.meta.url))
    const words = [process.execPath, '--expose-gc', file, ...args.map((each) => each ?? group)]
    const [command, ...rest] = within(group, words)
    const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    const [code, signal] = await once(child, 'close')
    const killed = signal === 'SIGKILL'
    if (code !== 0 && !killed) throw new Error(`${program} ${args.join(' ')} ended with ${code ?? signal}`)
    const lines = output.split('\n').slice(0, -1)
    return { said: lines.map((line) => JSON.parse(line)), killed, peak: peakOf(group) }
  } finally {
    await removeGroup(group)
  }
}

/** All results by key, from interleaved rounds, every second of them in the opposite order. */
async function inTurns(rounds, keys, measure) {
  const results = new Map(keys.map((each) => [each, []]))
  for (let round = 0; round < rounds; round++) {
    for (const each of round % 2 === 0 ? keys : keys.toReversed()) results.get(each).push(await measure(each))
  }
  return results
}

async function measureFills(add) {
  const trials = Object.entries(MODES).flatMap(([mode, watches]) =>
    RATES.flatMap((rate) => Object.keys(watches).map((name) => ({ mode, rate, name }))),
  )
  const results = await inTurns(ROUNDS, trials, async ({ mode, rate, name }) => {
    const { said, killed, peak } = await inGroup('job.js', [mode, name, rate, null])
    const speed = said.findLast((each) => each.rate !== undefined)?.rate ?? NaN
    return { killed, speed, left: killed ? 0 : Math.max(0, LIMIT - peak) / MB }
  })
  const left = []
  for (const [{ mode, rate, name }, each] of results) {
    const killed = each.filter((one) => one.killed).length
    const value = median(each.map((one) => one.left))
    const speed = median(each.map((one) => one.speed))
    const end =
      killed === 0
        ? `never killed, at least ${min(each.map((one) => one.left)).toFixed(0)} MB left`
        : `killed in ${killed} of ${ROUNDS}`
    const note = `${end}; ${speed.toFixed(0)} MB/s were reached`
    add(row(`loop ${mode}, ${rate} MB/s: ${name}`, value, killed === ROUNDS ? 'MB: killed' : 'MB left', { note }))
    left.push({ mode, rate, name, value, killed })
  }
  return left
}

async function measureCalm(add) {
  const file = join(tmpdir(), `tripline-bench-${process.pid}`)
  const names = Object.keys(FREE).filter((name) => name !== 'nothing')
  const results = await inTurns(CALM_ROUNDS, names, async (name) => {
    const { said, killed } = await inGroup('calm.js', [name, null, file])
    return killed ? undefined : said.at(-1)
  })
  for (const phase of PHASES) {
    for (const [name, each] of results) {
      const there = each.filter((one) => one !== undefined)
      const alarms = there.filter((one) => one[phase].alarm).length
      const most = Math.max(...there.map((one) => one[phase].most)) / MB
      const killed = there.length < each.length ? `; killed in ${each.length - there.length}` : ''
      const note = `at most ${most.toFixed(0)} MB were allocated${killed}`
      add(row(`false alarms, ${phase}: ${name}`, alarms, `of ${CALM_ROUNDS} rounds`, { note }))
    }
  }
}

async function measureChecks(add) {
  const checks = [
    ['free', 'under-pressure, as it comes (1 s)'],
    ['free', 'inline, memoryUsage.rss()'],
    ['free', 'inline, availableMemory()'],
    ['blocked', 'tripline, isCanceled'],
  ]
  const results = await inTurns(ROUNDS, checks, async ([mode, name]) => {
    return (await inGroup('cost.js', [mode, name])).said.at(-1).nanoseconds
  })
  const costs = new Map()
  for (const [[, name], each] of results) {
    costs.set(name, min(each))
    add(row(`a check: ${name}`, min(each), 'ns', { note: 'CPU time, least of the rounds' }))
  }
  return costs
}

/** CPU time of a process in nanoseconds. */
function cpuOf(pid) {
  const tasks = readdirSync(`/proc/${pid}/task`)
  const times = tasks.map((tid) => Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ', 1)[0]))
  return times.reduce((sum, each) => sum + each, 0)
}

/** All at the same time, each in a group of its own. */
async function measureRest(add) {
  const file = fileURLToPath(new URL('rest.js', import.meta.url))
  const names = Object.keys(FREE).filter((name) => !name.startsWith('inline'))
  const running = []
  try {
    for (const [index, name] of names.entries()) {
      const group = makeGroup(LIMIT, `-${index}`)
      const [command, ...rest] = within(group, [process.execPath, file, name])
      const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
      running.push({ name, group, child })
      await once(child.stdout, 'data')
    }
    await sleep(3000)
    const used = names.map(() => [])
    for (let round = 0; round < ROUNDS; round++) {
      const before = running.map(({ child }) => cpuOf(child.pid))
      await sleep(REST_SECONDS * 1000)
      for (const [index, { child }] of running.entries()) used[index].push((cpuOf(child.pid) - before[index]) / 1e6)
    }
    for (const [index, name] of names.entries()) {
      const what = index === 0 ? 'the process without a watch; ' : ''
      const note = `${what}all rows at the same time, median of ${ROUNDS} windows`
      add(row(`CPU at rest, ${REST_SECONDS} s: ${name}`, median(used[index]), 'ms', { note }))
    }
  } finally {
    for (const { child, group } of running) {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      await removeGroup(group)
    }
  }
}

/** What the figures mean, in words. */
function summary(left, costs) {
  const said = []
  for (const mode of Object.keys(MODES)) {
    for (const rate of RATES) {
      const of = (kind) => best(left.filter((each) => each.mode === mode && each.rate === rate && kind.test(each.name)))
      said.push(`Loop ${mode}, ${rate} MB/s: ${compare(of(INLINE), of(OURS))}`)
    }
  }
  const checks = [...costs].map(([name, cost]) => `${name}: ${Math.round(cost)} ns`).join('; ')
  said.push(
    `Where every place that allocates has a check, an inline check needs no library. It has to be in your own code, it is paid for ` +
      `each time (${checks}), and it sees less: rss() is this one process, and availableMemory() counts page cache as used.`,
    `rss() includes pages that the group is not charged for, such as the code of node itself, which other processes use as well. ` +
      `Checks of it act earlier by as much, and leave more. The line is the same for all.`,
    'earlyoom and systemd-oomd are not part of this run: they watch a whole machine or its units from outside, and kill. survival-vm has them.',
  )
  return said
}

/** The one that was killed least often, and of these the one that left most. */
function best(each) {
  return each.reduce((most, one) =>
    one.killed < most.killed || (one.killed === most.killed && one.value > most.value) ? one : most,
  )
}

function compare(inline, ours) {
  const [theirs, own] = [inline, ours].map(({ name, value, killed }) =>
    killed === 0 ? `${name} leaves ${value.toFixed(0)} MB` : `${name} is killed in ${killed} of ${ROUNDS} rounds`,
  )
  return `${verdict(inline, ours)}: ${theirs}, ${own}.`
}

function verdict(inline, ours) {
  if (inline.killed > 0) return ours.killed > 0 ? 'neither survives every round' : 'only tripline survives every round'
  if (ours.killed > 0) return 'only an inline check survives every round'
  return inline.value >= ours.value
    ? 'an inline check survives as well or better'
    : 'an inline check survives as well, with less left'
}
