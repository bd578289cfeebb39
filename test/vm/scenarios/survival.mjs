// A service fills the memory of a machine without swap, while two others hold a little. What acts, and on which of them: the
// kernel alone, earlyoom, systemd-oomd, and tripline in the service itself. The table is for bench/results/survival-vm.json.
import { rmSync } from 'node:fs'
import {
  MB,
  bin,
  check,
  comes,
  equal,
  finish,
  killsOfMachine,
  pause,
  poll,
  read,
  scenario,
  shell,
  start,
  table,
  write,
} from '../guest/scenario.mjs'

const oomd = {
  service: 'systemd-oomd',
  slice: 'ManagedOOMMemoryPressure=kill\n',
}
const byKernel = 'marked by the kernel, job by the kernel'

/** `ended` is what is asserted. With `MemoryHigh`, systemd-oomd acts in some runs only, so there it is not. */
const trials = [
  { name: 'nothing but the kernel', ended: byKernel },
  {
    name: 'earlyoom 1.7, as Debian starts it',
    service: 'earlyoom',
    ended: 'marked by earlyoom, job by earlyoom',
  },
  { ...oomd, name: 'systemd-oomd 252, `ManagedOOMMemoryPressure=kill`', ended: byKernel },
  {
    ...oomd,
    name: 'systemd-oomd 252, as it comes and `MemoryHigh=60%`',
    slice: `${oomd.slice}MemoryHigh=60%\n`,
  },
  { name: 'tripline in the job, its event', watch: 'event', ended: '' },
  { name: 'tripline in the job, `isCanceled` in a blocked loop', watch: 'isCanceled', ended: '' },
]

const units = ['job', 'marked', 'other']
const sliceFile = '/run/systemd/system/work.slice'

const hasEnded = (child) => child.exitCode !== null || child.signalCode !== null

/** Starts a command that the kernel spares, and that reads requests. */
function open(command) {
  const child = start(command, { score: -1000 }, { stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.on('error', () => {})
  return child
}

/** The line that answers a request; `ended` if the program ends instead, undefined if neither comes in time. */
function ask(child, request) {
  const from = child.output.length
  child.stdin.write(`${request}\n`)
  return poll(() => /^(.*)\n/.exec(child.output.slice(from))?.[1] ?? (hasEnded(child) && 'ended'))
}

const unit = (name, score, ...command) =>
  ['systemd-run', '-q', '--collect', `--unit=${name}`, '--slice=work.slice', '-p', `OOMScoreAdjust=${score}`].concat(
    command,
  )

const isActive = async (name) => (await finish(['systemctl', 'is-active', '-q', name])).code === 0

/** What the log says was ended so far, and by what: by the name of the unit, or the line itself for anything else. */
async function endings(unitOf) {
  const { output } = await finish(['journalctl', '-b', '-o', 'cat', '--no-pager'])
  const forms = [
    [/Killed process (\d+) /, 'the kernel'],
    [/sending SIG\w+ to process (\d+) /, 'earlyoom'],
    [/^Killed \/work\.slice\/(\w+)\.service due to/, 'systemd-oomd'],
  ]
  return output.split('\n').flatMap((line) =>
    forms.flatMap(([form, by]) => {
      const key = form.exec(line)?.[1]
      return key === undefined ? [] : [`${unitOf.get(key) ?? key} by ${by}`]
    }),
  )
}

const percent = (part, whole) => `${Math.round((100 * part) / whole)} %`

/** Returns the row of the table. */
async function trial({ name, service, slice = '', watch = 'none', ended: expected }) {
  write(sliceFile, `[Slice]\n${slice}`)
  await shell('systemctl daemon-reload')
  if (service !== undefined) {
    await shell(`systemctl start ${service}`)
    check(`${name}: it runs`, await isActive(service))
  }
  const holder = [`${bin}/hog`, '0', '40', '100000']
  await shell(unit('other', 0, ...holder).join(' '))
  await shell(unit('marked', 900, ...holder).join(' '))
  const job = open(
    unit('job', 0, '--pipe', '--wait', process.execPath, '--expose-gc', '/app/guest/survival.mjs', watch),
  )
  await comes(
    `${name}: the job is ready`,
    () => job.output.includes('ready'),
    () => job.output,
  )
  equal(`${name}: the job has state`, await ask(job, 'keep 4711'), 'kept')
  const unitOf = new Map(units.map((each) => [each, each]))
  for (const each of units) unitOf.set(await shell(`systemctl show -P MainPID ${each}`), each)
  const earlier = (await endings(unitOf)).length
  const killsBefore = killsOfMachine()
  const endedSince = async () => [...new Set((await endings(unitOf)).slice(earlier))]
  const least = open([`${bin}/least`])

  const cached = await ask(job, 'cache')
  equal(`${name}: page cache is not taken for a shortage`, cached, 'alarm false')
  await pause(2000)
  equal(`${name}: nothing is ended for page cache`, (await endedSince()).join(', '), '')
  check(`${name}: there was page cache`, table('/proc/meminfo').Cached * 1024 > 200 * MB, table('/proc/meminfo').Cached)

  await ask(least, 'begin')
  const filled = await ask(job, 'fill')
  // What has begun to end processes may go on.
  await pause(10_000)
  const [leastLeft, left, total] = (await ask(least, 'end')).split(' ').map(Number)
  const ended = await endedSince()
  const active = []
  for (const each of units) if (await isActive(each)) active.push(each)
  if (expected !== undefined) equal(`${name}: what is ended`, ended.join(', '), expected)
  const byTheKernel = ended.filter((each) => each.endsWith('by the kernel')).length
  equal(`${name}: the kernel’s own count`, killsOfMachine() - killsBefore, byTheKernel)
  // Whatever else is ended on the machine is in `ended`, too.
  const isNamed = (each) => ended.some((one) => one.startsWith(`${each} by`))
  const gone = units.filter((each) => !active.includes(each))
  equal(`${name}: these are gone`, gone.join(), units.filter(isNamed).join())
  const known = hasEnded(job) ? 'lost' : await ask(job, 'known')
  if (watch !== 'none') {
    check(`${name}: the operation has stopped`, filled?.startsWith('stopped '), filled)
    equal(`${name}: the same process answers`, known, '4711')
    check(`${name}: the memory is given back`, left > 3 * leastLeft, [left, leastLeft])
  }

  least.stdin.end()
  await finish(['systemctl', 'stop', ...units, 'work.slice', ...(service === undefined ? [] : [service])])
  await finish(['systemctl', 'reset-failed'])
  rmSync('/var/tmp/cached', { force: true })
  return [
    name,
    ended.join(', ') || (watch === 'none' ? 'nothing in five minutes' : 'one operation of the job'),
    active.join(', '),
    `${Math.round((leastLeft * 1024) / MB)} MB, ${percent(leastLeft, total)}`,
    known === '4711' ? 'kept' : hasEnded(job) ? 'lost' : 'no answer',
    cached === 'alarm false' ? 'no' : 'yes',
  ]
}

const title = 'memory runs short, beside earlyoom and systemd-oomd'
const columns = [
  'watch',
  'ended, in this order',
  'still running',
  'least memory available',
  'state of the job',
  'page cache taken for a shortage',
]

/** What the rows mean, as far as it is asserted above. */
function meaning() {
  return [
    'Three services are in one slice. `job` is a Node process that writes a file of 600 MB, reads it again, and then fills memory ' +
      'at 30 MB per second. `other` and `marked` hold 40 MB each, and `marked` has `OOMScoreAdjust=900`, which says that it is to be ' +
      'ended first. tripline’s limit is 90 % of memory, and earlyoom’s own is 10 % available, which is about the same. ' +
      'Least memory available is the lowest `MemAvailable` during the filling.',
    'Programs that were not prepared are better off with earlyoom or systemd-oomd: tripline does nothing for a program that has no ' +
      'guard and was not started by `tripline run`. earlyoom needs no settings, control groups or pressure figures.',
    'The kernel and earlyoom choose by `oom_score`. They end `marked` first, as its setting says, although it is not the cause and ' +
      'its 40 MB do not help, and then `job`. systemd-oomd chooses by pressure.',
    'Without swap, systemd-oomd is too late with `ManagedOOMMemoryPressure=kill` alone: pressure has to last for 20 s, and the ' +
      'kernel acts before. `MemoryHigh` slows the slice down before the machine runs short. With it, systemd-oomd ended `job` alone ' +
      'in two runs; in a third, it ended nothing within five minutes, and nor did the kernel, while 26 MB were left. Other limits and times ' +
      'of systemd-oomd were not tried.',
    'tripline ends one operation: the process answers afterwards from the state that it had, and the memory is given back. All ' +
      'that act from outside end the process, and its state is lost. But `job` had to be written for tripline: it waits for the event or checks.',
    'The table is from one run. How much is left depends on the rate. There are no times, because they mean nothing under emulation.',
  ]
}

await scenario(async () => {
  check('systemd is process 1', read('/proc/1/comm') === 'systemd', read('/proc/1/comm'))
  check('the kernel measures pressure', read('/proc/pressure/memory').startsWith('some'))
  await shell('swapoff -a; systemctl unmask earlyoom systemd-oomd systemd-oomd.socket')
  check('earlyoom is 1.7', (await finish(['earlyoom', '-v'])).output.startsWith('earlyoom v1.7'))
  check('systemd is 252', (await shell('systemctl --version')).startsWith('systemd 252'))
  const rows = []
  for (const each of trials) {
    rows.push(await trial(each))
    console.log(JSON.stringify({ results: { title, columns, rows, said: meaning() } }))
  }
})
