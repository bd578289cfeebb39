// A web server under load: npm run test:load [-- cpu] [memory] [io] [starved] [thrashing]
//
// A server of its own process has 1,000 guarded requests in flight while stress-ng takes the processors, the memory or the disk;
// while the server gets only time that is left over (SCHED_IDLE); and in a control group that thrashes. Some requests are
// canceled by a token, some by their time limit, some clients go away. Then the books of the client and of the server are
// compared: every request ends exactly once, with the right reason; requests are refused from a breach on, and admitted after
// it. Orders and counts are checked, no durations. Linux; needs stress-ng. The figures go to build/reliability/load.json.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { checkShedding, compareBooks } from '../test/load/books.js'
import { AT_ONCE, Client, PAUSE, Pulse, Server, until } from '../test/load/client.js'
import { availableMemory, busyShare, numbersOf, Pressure, Witness } from '../test/load/pressure.js'
import { largeFile, majorFaults, Neighbor, TightGroup, uncachedProgram } from '../test/load/tight-group.js'
import { root } from './lib/cxx.js'
import { beginRun } from './lib/reliability.js'

const IN_FLIGHT = 1000
/** As many of those are to end in each of the other ways: by a token, by going away, because they are done. */
const SOME = 50
/** Refusals after which a pressure has shown enough. */
const REFUSALS = 20
/** Pages of the server that were evicted and read again, after which a group has thrashed enough. */
const FAULTS = 200

if (process.platform !== 'linux') fail('the load is tested on Linux only')
if (spawnSync('stress-ng', ['--version']).status !== 0) fail('stress-ng is missing; Debian: apt-get install stress-ng')
if (!existsSync(path.join(root, 'dist/http.js'))) fail('run `npm run compile` first')

function fail(message) {
  console.error(message)
  process.exit(2)
}

const cores = availableParallelism()
const temporary = mkdtempSync(path.join(root, 'build/load-'))
process.on('exit', () => rmSync(temporary, { recursive: true, force: true }))

/** The pressures, each with the limit that it crosses. */
const PRESSURES = {
  async cpu() {
    const pressure = new Pressure(['--cpu', String(2 * cores)])
    const busy = await busyShare(() => delay(1000))
    if (busy < 60) return { pressure, limits: { cpu: { above: 95, for: '2s' } } }
    // Then the line of the machine is crossed already.
    console.log(`  the machine is ${busy.toFixed(0)} % busy before: the limit is on the processor time of stress-ng`)
    return { pressure, limits: { 'process.cpu': { above: 10, for: '1s', pid: pressure.pid, tree: true } } }
  },
  memory() {
    const available = availableMemory()
    const bytes = Math.min(2 ** 31, Math.floor(available / 4))
    const pressure = new Pressure(['--vm', '1', '--vm-bytes', String(bytes), '--vm-keep', '--oomable'])
    const line = { below: available - bytes / 2, clear: available - bytes / 4, for: '1s' }
    return { pressure, limits: { 'memory.available': line } }
  },
  io() {
    if (!existsSync('/proc/pressure/io'))
      return { left: 'this kernel has no /proc/pressure/io (psi=1 on its command line)' }
    const pressure = new Pressure(['--hdd', '4', '--hdd-bytes', '32M', '--hdd-opts', 'sync'], temporary)
    return { pressure, limits: { 'pressure.io': { above: 15, for: '1s' } } }
  },
}

const counts = { scenarios: 0, requests: 0 }
let failures = 0

/** Brings 1,000 requests into flight, of which some will end in other ways than the rest. */
async function fill(server, client) {
  for (const token of [0, 1]) await client.fill(server, SOME, 'token', { token, until: 'release' })
  await client.fill(server, 2 * SOME, 'gone', { until: 'release' })
  await client.fill(server, IN_FLIGHT - 4 * SOME, 'long', { until: 'release' })
  await endSome(server, client, 0)
  await until('those that were ended', () => client.received.length >= 3 * SOME)
  await client.fill(server, IN_FLIGHT - (await server.ask('state')).stats.active, 'long', { until: 'release' })
}

/** Ends some by a token, some by their time limit, and some by clients that go away. */
async function endSome(server, client, number) {
  client.leave('gone', SOME)
  for (let i = 0; i < SOME; i++) void client.send('timeout', { timeout: '200ms', until: 'release' })
  await server.ask('cancel', { number })
}

/** Sends a short request now and then, as long as `body` runs. */
async function probing(client, body) {
  const timer = setInterval(() => void client.send('short', { until: 'turns' }), 100)
  try {
    await body()
  } finally {
    clearInterval(timer)
  }
}

/** Admits again: a second load, of which everything has to be done. What is refused once more is sent again. */
async function recover(server, client) {
  await until('an admission after the pressure', async () => {
    const outcome = await client.send('short', { until: 'turns' })
    return outcome === 'done' && !(await server.ask('state')).breached
  })
  for (let done = 0; done < IN_FLIGHT;) {
    const outcomes = []
    while (outcomes.length < IN_FLIGHT - done) {
      for (let i = 0; i < AT_ONCE; i++) outcomes.push(client.send('short', { until: 'turns' }))
      await delay(PAUSE)
    }
    done += (await Promise.all(outcomes)).filter((each) => each === 'done').length
  }
}

/** Ends what is left, and compares the books. @returns faults, one line each */
async function close(server, client, isWitnessed, required) {
  await server.ask('release')
  await client.settled()
  await until('the end of all operations', async () => (await server.ask('state')).stats.active === 0)
  const books = await server.ask('books')
  await server.close()
  const { faults, counts: ends } = compareBooks({
    sent: client.sent,
    received: client.received,
    server: books,
    isWitnessed,
  })
  if (books.peak < IN_FLIGHT) faults.push(`only ${books.peak} requests were in flight`)
  for (const end of required) if (!(ends[end] > 0)) faults.push(`no request ended as ${end}`)
  counts.requests += client.sent.length
  for (const [end, count] of Object.entries(ends)) counts[end] = (counts[end] ?? 0) + count
  const breaches = books.guardEvents.filter(({ event }) => event === 'breach')
  console.log(
    `  ${client.sent.length} requests, ${books.peak} at once: ${Object.entries(ends)
      .map(([end, count]) => `${count} ${end}`)
      .join(', ')}; ` +
      (breaches.map(({ metric, value }) => `${metric} ${value.toFixed(0)}`).join(', ') || 'no breach'),
  )
  return { faults, books }
}

/** The server while stress-ng crosses the limit on what it takes. */
async function underPressure(name) {
  const { pressure, limits, left } = await PRESSURES[name]()
  if (left !== undefined) return { left }
  const witness = new Witness(pressure.pid)
  const server = await Server.start(limits)
  try {
    const client = new Client(server.port)
    await fill(server, client)
    await probing(client, async () => {
      pressure.start()
      await endSome(server, client, 1)
      await until('refusals', () => client.count('refused') >= REFUSALS)
      pressure.stop()
    })
    await recover(server, client)
    const required = ['done', 'refused', 'resource', 'timeout', 'manual', 'gone']
    const { faults, books } = await close(server, client, (breach) => witness.confirms(breach), required)
    return [...faults, ...checkShedding(books)]
  } finally {
    server.kill()
    witness.close()
    await pressure.close()
  }
}

/** How long the main thread of a process ran, and how long it waited for a processor, in milliseconds. */
function scheduled(pid) {
  const [ran, waited] = numbersOf(`/proc/${pid}/schedstat`, /./)
  return { ran: ran / 1e6, waited: waited / 1e6 }
}

/** The ends that do not depend on a limit. */
const OTHER_ENDS = ['done', 'timeout', 'manual', 'gone']

/** Where the machine has enough of everything, but not the server. */
const DELAYED = { 'eventLoop.delay': { above: '1s' } }

/** The server with the processor time that is left over, beside programs that leave nothing. */
async function starved() {
  const pressure = new Pressure(['--cpu', String(4 * cores)])
  const server = await Server.start(DELAYED)
  try {
    const client = new Client(server.port)
    const pulse = new Pulse(server)
    await fill(server, client)
    const before = scheduled(server.pid)
    execFileSync('chrt', ['--all-tasks', '--idle', '--pid', '0', String(server.pid)])
    pressure.start()
    await probing(client, async () => {
      const ending = endSome(server, client, 1)
      await delay(8000)
      pressure.stop()
      await ending
    })
    const after = scheduled(server.pid)
    // On a machine that others use, what is left over may be nothing for long. Not every user may undo it.
    spawnSync('chrt', ['--all-tasks', '--other', '--pid', '0', String(server.pid)])
    await recover(server, client)
    const { faults } = await close(server, client, (breach) => pulse.confirms(breach), [
      'done',
      'timeout',
      'manual',
      'gone',
    ])
    const [ran, waited] = [after.ran - before.ran, after.waited - before.waited]
    const share = (100 * waited) / (waited + ran)
    console.log(
      `  it waited ${share.toFixed(0)} % of the time in which it could have run, and up to ${pulse.slowest.toFixed(0)} ms for an answer`,
    )
    if (waited < ran) faults.push('the server was not starved')
    return faults
  } finally {
    server.kill()
    await pressure.close()
  }
}

/** The server in a group whose memory is so tight that its code is evicted and read again, beside one that reads a large file. */
async function thrashing() {
  let group
  try {
    group = new TightGroup()
  } catch (error) {
    return { left: `no control group with a limit of memory can be made here: ${error.message}` }
  }
  const neighbor = new Neighbor(group, largeFile(temporary))
  let server
  try {
    server = await Server.start(DELAYED, group.command(uncachedProgram(temporary)))
    const client = new Client(server.port)
    const pulse = new Pulse(server)
    await fill(server, client)
    const before = majorFaults(server.pid)
    const faulted = () => majorFaults(server.pid) - before
    neighbor.start()
    await probing(client, async () => {
      group.tighten(() => faulted() > FAULTS / 4)
      const ending = endSome(server, client, 1)
      await until('pages that are read again', () => faulted() > FAULTS)
      neighbor.end()
      group.relax()
      await ending
    })
    const pages = faulted()
    await recover(server, client)
    const { faults } = await close(server, client, (breach) => pulse.confirms(breach), OTHER_ENDS)
    console.log(
      `  ${pages} pages of it were read again, and it needed up to ${pulse.slowest.toFixed(0)} ms for an answer`,
    )
    return faults
  } finally {
    group.relax()
    server?.kill()
    neighbor.end()
    await until('an empty group', () => group.tryRemove())
  }
}

const SCENARIOS = {
  cpu: () => underPressure('cpu'),
  memory: () => underPressure('memory'),
  io: () => underPressure('io'),
  starved,
  thrashing,
}

const words = process.argv.slice(2)
const unknown = words.find((each) => !Object.hasOwn(SCENARIOS, each))
if (unknown !== undefined) fail(`no scenario '${unknown}'; there are ${Object.keys(SCENARIOS).join(', ')}`)
const finish = beginRun(words.length === 0 ? 'load' : undefined, 'npm run test:load')
for (const name of words.length > 0 ? words : Object.keys(SCENARIOS)) {
  console.log(`== ${name}`)
  const before = counts.requests
  let faults
  try {
    faults = await SCENARIOS[name]()
  } catch (error) {
    faults = [error.stack]
  }
  if ('left' in faults) {
    console.log(`  NOT RUN: ${faults.left}`)
    // Named in the figures, with the reason, so that the rest does not pass for all.
    counts[`not run, ${name}: ${faults.left}`] = 1
    continue
  }
  if (counts.requests === before && faults.length === 0) faults.push('it has sent no request')
  counts.scenarios++
  if (faults.length > 0) failures++
  for (const each of faults.slice(0, 20)) console.error(`  FAILED ${each}`)
  if (faults.length > 20) console.error(`  and ${faults.length - 20} more`)
}
// Where none could be run, nothing was tested, whatever the reasons are.
const { minutes, passed } = finish(counts, failures === 0 && counts.scenarios > 0)
console.log(`${counts.scenarios} scenarios, ${counts.requests} requests, ${failures} failed, ${minutes} minutes`)
process.exitCode = passed ? 0 : 1
