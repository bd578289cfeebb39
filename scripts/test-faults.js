// Lets system calls of the addon fail, one kind at a time, under a program that uses everything (test/faults): refused from the
// first call on, once, and later. Each part of the program has to end with the right result or with an error that has a code; a
// wrong result, a hang, a crash and an error without a code are failures. Linux, with a C compiler.
//
//   npm run test:faults -- [--minutes 9] [--seed N] [--jobs 8] [--replay 'CALL ERRNO FROM COUNT'] [part of a call's name]
//
// All of them take about seven minutes on a quiet machine with two processors: each run spends most of its time waiting. On a busy
// machine it ends after `--minutes` and says how many were not tried; the order is random, so that it covers something else each
// time. The figures go to build/reliability/faults.json.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { root } from './lib/cxx.js'
import { beginRun, withArguments } from './lib/reliability.js'

if (process.platform !== 'linux') throw new Error('the faults are injected on Linux only')

const { values, positionals } = parseArgs({
  options: {
    minutes: { type: 'string', default: '9' },
    seed: { type: 'string' },
    jobs: { type: 'string', default: '8' },
    replay: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
  allowPositionals: true,
})

/** The numbers of system calls that the C library has no function for. */
const NUMBERS = {
  x64: {
    getdents64: 217,
    statx: 332,
    getrandom: 318,
    socket: 41,
    sendto: 44,
    ioctl: 16,
    mlock2: 325,
    mlock: 149,
    munlock: 150,
    sched_setscheduler: 144,
    getxattr: 191,
  },
  arm64: {
    getdents64: 61,
    statx: 291,
    getrandom: 278,
    socket: 198,
    sendto: 206,
    ioctl: 29,
    mlock2: 284,
    mlock: 228,
    munlock: 229,
    sched_setscheduler: 119,
    getxattr: 8,
  },
}[process.arch]
if (NUMBERS === undefined) throw new Error(`no numbers of system calls for ${process.arch}`)
Object.assign(NUMBERS, { pidfd_open: 434, pidfd_send_signal: 424, close_range: 436 })
Object.assign(
  NUMBERS,
  process.arch === 'x64' ? { sched_setattr: 314, sched_getattr: 315 } : { sched_setattr: 274, sched_getattr: 275 },
)

/**
 * The errors of each call: what a filter, a limit, a full system, a broken disk or an interruption would return. Not in here is
 * what a kernel cannot return: send() on a socket pair whose other end is open and which blocks, and no child for waitpid() where
 * there is one (a host that ignores SIGCHLD is no exception, because the supervisor has its own dispositions).
 */
const CALLS = {
  open64: ['EPERM', 'EMFILE', 'ENOMEM', 'EIO', 'ENOENT', 'EINTR'],
  read: ['EIO', 'EINTR', 'EAGAIN', 'EPERM'],
  pread64: ['EIO', 'EINTR', 'EPERM', 'ENOMEM'],
  write: ['EIO', 'EINTR', 'EAGAIN', 'EPERM', 'ENOSPC'],
  pwrite64: ['EIO', 'ENOSPC', 'EINTR'],
  mmap64: ['ENOMEM', 'EPERM'],
  mremap: ['ENOMEM'],
  madvise: ['ENOSYS', 'EINVAL'],
  pthread_create: ['EAGAIN', 'EPERM'],
  eventfd: ['EMFILE', 'ENOSYS', 'ENOMEM'],
  epoll_create1: ['EMFILE', 'ENOSYS'],
  epoll_ctl: ['ENOSPC', 'EPERM', 'ENOMEM'],
  epoll_wait: ['EINTR', 'EPERM'],
  timerfd_create: ['EMFILE', 'ENOSYS'],
  timerfd_settime: ['EPERM', 'ECANCELED'],
  signalfd: ['EMFILE', 'ENOSYS'],
  prctl: ['EPERM', 'EINVAL', 'ENOSYS'],
  pipe: ['EMFILE'],
  pipe2: ['EMFILE', 'ENOSYS'],
  socketpair: ['EMFILE', 'EPERM'],
  fork: ['EAGAIN', 'ENOMEM'],
  vfork: ['EAGAIN', 'ENOMEM'],
  execve: ['EACCES', 'ENOMEM', 'EPERM'],
  kill: ['EPERM'],
  waitpid: ['EINTR'],
  setpgid: ['EPERM', 'EACCES'],
  dup2: ['EBUSY', 'EMFILE'],
  fcntl64: ['EINVAL', 'EMFILE'],
  flock: ['EINTR', 'ENOLCK', 'EWOULDBLOCK'],
  poll: ['EINTR', 'ENOMEM'],
  recv: ['ECONNRESET', 'EINTR'],
  shutdown: ['ENOTCONN'],
  close: ['EINTR', 'EIO'],
  access: ['EACCES', 'EIO'],
  chdir: ['EACCES'],
  mkdir: ['EACCES'],
  rmdir: ['EBUSY'],
  readlink: ['EACCES', 'ENOENT'],
  fsync: ['EIO'],
  fstatfs64: ['EIO', 'ENOSYS'],
  statvfs64: ['EIO', 'EACCES', 'ENOSYS'],
  sysinfo: ['EPERM', 'ENOSYS'],
  getrusage: ['EPERM'],
  getrlimit64: ['EPERM'],
  setrlimit64: ['EPERM'],
  sched_getaffinity: ['EPERM', 'EINVAL'],
  clock_getcpuclockid: ['EPERM', 'ESRCH'],
  'syscall getdents64': ['EIO', 'ENOMEM'],
  'syscall statx': ['ENOSYS', 'EIO', 'EACCES'],
  'syscall getrandom': ['ENOSYS', 'EAGAIN', 'EPERM'],
  'syscall socket': ['EMFILE', 'EPERM', 'EAFNOSUPPORT'],
  'syscall sendto': ['ECONNREFUSED', 'EAGAIN', 'EPERM'],
  'syscall ioctl': ['ENOTTY', 'EIO'],
  'syscall mlock2': ['ENOSYS', 'ENOMEM', 'EPERM'],
  'syscall mlock': ['ENOMEM', 'EPERM'],
  'syscall munlock': ['ENOMEM', 'EPERM'],
  'syscall sched_setscheduler': ['EPERM', 'EINVAL', 'ENOSYS'],
  'syscall getxattr': ['ENOTSUP', 'EPERM'],
  'syscall pidfd_open': ['ENOSYS', 'EPERM', 'EMFILE', 'ESRCH'],
  'syscall pidfd_send_signal': ['ENOSYS', 'EPERM', 'ESRCH'],
  'syscall close_range': ['ENOSYS', 'EPERM'],
  'syscall sched_setattr': ['ENOSYS', 'EPERM'],
  'syscall sched_getattr': ['ENOSYS', 'EPERM'],
}

/** Which calls fail: the first, and how many. 0 stands for all that follow. */
const WHEN = [
  [1, 0],
  [1, 1],
  [2, 1],
  [5, 0],
  [20, 3],
  [100, 0],
]

// Without these nothing works, not even a report of what is wrong. No system refuses them for good.
const NEEDED = ['read', 'write', 'recv', 'send', 'waitpid', 'poll', 'epoll_wait', 'close', 'kill']

/** Nothing is interrupted without an end, either. */
function timesOf(call, error) {
  return error === 'EINTR' || NEEDED.includes(call) ? WHEN.map(([from, count]) => [from, count || 3]) : WHEN
}

// A whole run, with the limits of all its parts.
const LONGEST = 300_000

/** All faults, in a random order that the seed decides. */
function faults(seed) {
  const [part = ''] = positionals
  const all = Object.entries(CALLS)
    .filter(([call]) => call.includes(part))
    .flatMap(([call, errors]) =>
      errors.flatMap((error) => timesOf(call, error).map(([from, count]) => ({ call, error, from, count }))),
    )
  let state = seed
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  return all
    .map((fault) => ({ fault, order: random() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ fault }) => fault)
}

const folder = mkdtempSync(path.join(tmpdir(), 'tripline-faults-'))
const library = path.join(folder, 'inject.so')
execFileSync(
  process.env.CC ?? 'cc',
  [
    '-shared',
    '-fPIC',
    '-O1',
    '-fno-builtin',
    '-Wno-builtin-declaration-mismatch',
    path.join(root, 'test/faults/inject.c'),
    '-o',
    library,
    '-ldl',
  ],
  { stdio: 'inherit' },
)

// A service manager that receives everything.
const socket = `tripline-faults-${process.pid}`
const manager = spawn(
  'python3',
  [
    '-c',
    `
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind('\\0${socket}')
print('bound', flush=True)
while True: s.recv(4096)
`,
  ],
  { stdio: ['ignore', 'pipe', 'inherit'] },
)
await new Promise((resolve) => manager.stdout.once('data', resolve))

let number = 0

/** Runs the program under one fault; with undefined, under none. */
async function runUnder(fault) {
  const own = mkdtempSync(path.join(folder, `${number++}-`))
  const log = path.join(own, 'injected')
  const [name, kernelName] = fault?.call.split(' ') ?? []
  const child = spawn(process.execPath, [path.join(root, 'test/faults/program.mjs'), root, own], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      NOTIFY_SOCKET: `@${socket}`,
      TRIPLINE_RECORDINGS: own,
      LD_PRELOAD: library,
      ...(fault !== undefined && {
        FAULT_CALL: kernelName === undefined ? name : `${name}:${NUMBERS[kernelName]}`,
        FAULT_ERRNO: String(constants.errno[fault.error] ?? 0),
        FAULT_FROM: String(fault.from),
        FAULT_COUNT: String(fault.count),
        FAULT_LOG: log,
      }),
    },
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (data) => (out += data))
  child.stderr.on('data', (data) => (err += data))
  let late = false
  const timer = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, LONGEST)
  const [code, signal] = await once(child, 'close')
  clearTimeout(timer)
  const injected = statSync(log, { throwIfNoEntry: false })?.size ?? 0
  const parts = out
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
  const bad = parts.filter(isBad).map(({ part, message, code: why }) => `${part}: ${message} (${why})`)
  if (late) bad.push(`the program did not end; the last part was ${parts.at(-1)?.part}`)
  else if (signal !== null || code !== 0)
    bad.push(`the program ended with ${signal ?? `status ${code}`}: ${err.slice(-500)}`)
  else if (parts.at(-1)?.part !== 'end') bad.push('the program ended early')
  rmSync(own, { recursive: true, force: true })
  return { bad, injected, parts, err }
}

/** An error has to have a code and a text. */
function isBad({ ok, code, message }) {
  return !ok && (typeof code !== 'string' || message === '' || /^(?:WRONG|HANG)/.test(message))
}

const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed)
const queue = faults(seed)
if (values.replay !== undefined) {
  const words = values.replay.split(' ')
  const [error, from, count] = words.splice(-3)
  queue.splice(0, Infinity, { call: words.join(' '), error, from: Number(from), count: Number(count) })
}
const end = performance.now() + Number(values.minutes) * 60e3
const isWhole = positionals.length === 0 && values.replay === undefined
const record = beginRun(isWhole ? 'faults' : undefined, withArguments('npm run test:faults'))
const counts = { runs: 0, 'faults injected': 0, calls: 0, failures: 0 }
const reached = new Set()
let without = 0

async function work() {
  while (queue.length > 0 && performance.now() < end) {
    const fault = queue.shift()
    const { bad, injected, parts } = await runUnder(fault)
    counts.runs++
    counts['faults injected'] += injected
    if (injected > 0) reached.add(fault.call)
    else without++
    const text = `${fault.call} ${fault.error} ${fault.from} ${fault.count}`
    if (values.verbose || values.replay !== undefined)
      console.log(
        text,
        injected,
        JSON.stringify(
          parts.filter(({ ok }) => !ok),
          undefined,
          1,
        ),
      )
    if (bad.length === 0) continue
    counts.failures++
    console.error(`FAILED npm run test:faults -- --replay '${text}'\n  ${bad.join('\n  ')}`)
  }
}

try {
  const { bad, parts, err } = await runUnder(undefined)
  // Without a fault, an error with a code is one too many: without the addon, every part would have it.
  const failed = parts.filter(({ ok }) => !ok).map(({ part, message }) => `${part}: ${message}`)
  if (bad.length + failed.length > 0) {
    throw new Error(`the program fails without any fault:\n  ${[...bad, ...failed].join('\n  ')}\n${err}`)
  }
  console.log(`${queue.length} faults, seed ${seed}`)
  await Promise.all(Array.from({ length: Number(values.jobs) }, work))
  counts.calls = reached.size
  // Those of which nothing was tried, and those that the program never came to.
  counts['faults not tried in time'] = queue.length
  counts['runs without a fault'] = without
  const { minutes, passed } = record(counts, counts.failures === 0 && counts['faults injected'] > 0)
  console.log(
    `${counts.runs} runs in ${minutes} min, ${counts['faults injected']} faults injected into ${reached.size} calls; ${without} runs never came to their call, ${counts.failures} failed`,
  )
  if (queue.length > 0)
    console.log(`${queue.length} faults were not tried in time; --minutes 60 --seed ${seed} tries all`)
  const never = Object.keys(CALLS).filter((call) => !reached.has(call))
  if (queue.length === 0 && values.replay === undefined) console.log(`never called: ${never.join(', ') || 'none'}`)
  process.exitCode = passed ? 0 : 1
} finally {
  manager.kill()
  rmSync(folder, { recursive: true, force: true })
}
