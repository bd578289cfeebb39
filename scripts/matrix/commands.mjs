// Tests commands under limits on Windows, in a project with tripline installed: how commands are found and how they end,
// and that no process they start outlives them or this program. Prints one line of JSON; any other output is a failure.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { reserve, run } from 'tripline'

const node = process.execPath
const self = 'commands.mjs'
const cli = 'node_modules/tripline/dist/cli/main.js'
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const forEver = () => setInterval(() => {}, 1000)

// What this program does when it is run as a command, by its first argument.
const roles = {
  argv() {
    writeFileSync('argv', JSON.stringify([process.argv.slice(3), process.cwd(), process.env.WORD]))
  },
  /** Starts a chain of `more` descendants, each in its own session. Each process keeps appending its process id. */
  tree(file, more) {
    if (Number(more) > 0) spawn(node, [self, 'tree', file, String(more - 1)], { detached: true, stdio: 'ignore' })
    setInterval(() => appendFileSync(file, `${process.pid}\n`), 20)
  },
  /** Leaves a tree behind. */
  async leave(file) {
    spawn(node, [self, 'tree', file, '1'], { detached: true, stdio: 'ignore' }).unref()
    while (numbersIn(file).size < 2) await wait(20)
    process.exit(5)
  },
  eat() {
    const held = []
    setInterval(() => held.push(Buffer.alloc(2e7, 1)), 20)
  },
  quiet() {
    console.log('one line')
    forEver()
  },
  flood() {
    for (let i = 0; i < 1000; i++) process.stdout.write(`${'x'.repeat(9999)}\n`)
  },
  // Slightly more than fits into a pipe.
  burst() {
    process.stdout.write('x'.repeat(67_000))
  },
  /** Holds all CPUs; this process is killed meanwhile. */
  async hold(file) {
    await reserve({ cpu: cpus().length })
    writeFileSync(file, '')
    forEver()
  },
  /** Runs a tree; this process is killed while the tree is running. */
  async guard(file) {
    await run(node, [self, 'tree', file, '2'])
  },
}

const numbersIn = (file) => new Set(existsSync(file) ? readFileSync(file, 'latin1').match(/\d+(?=\n)/g) : [])
const isThere = (pid) => {
  try {
    process.kill(Number(pid), 0)
    return true
  } catch {
    return false
  }
}
/** Waits until a condition holds. Returns false if it does not hold within 30 s. */
async function until(condition) {
  for (const end = performance.now() + 30_000; !condition();) {
    if (performance.now() > end) return false
    await wait(20)
  }
  return true
}
const gone = (file) => until(() => [...numbersIn(file)].every((pid) => !isThere(pid)))
const fresh = (file) => (rmSync(file, { force: true }), file)

const steps = []
const expect = (what, condition, seen) => {
  if (!condition) throw new Error(`${what}: no, ${JSON.stringify(seen)}`)
  steps.push(what)
}

const WORDS = [
  'plain',
  'two words',
  '',
  'a"b',
  'a\\"b',
  'end\\',
  'two end\\\\',
  '%PATH%',
  '^&|<>',
  'ünï 日本 🎉',
  '\t',
  '*',
]

const refusal = (...command) => run(...command).catch((error) => error.kind)

async function statuses() {
  const own = await run(node, ['-e', 'process.exit(7)'])
  expect('the exit status is that of the command', own.status === 7 && own.ended === 0, own)
  const large = await run(node, ['-e', 'process.exit(0xC0000005)'])
  expect('the exit status has all 32 bits', large.code === 0xc0000005, large)
  writeFileSync('text.exe', 'no program')
  mkdirSync('folder.exe', { recursive: true })
  const kinds = [
    await refusal('is-nowhere'),
    await refusal('.\\is-nowhere'),
    await refusal('.\\text'),
    await refusal('.\\folder.exe'),
    await refusal(node, [], { cwd: 'is-nowhere' }),
    await refusal(node, [], { stdio: ['ignore', 99, 'ignore'] }),
  ]
  const expected = 'not-found,not-found,not-executable,not-executable,other,other'
  expect('reasons why a command cannot run differ', kinds.join() === expected, kinds)
}

async function words() {
  mkdirSync('ünï 日本', { recursive: true })
  const env = { ...process.env, WORD: 'ä %PATH%' }
  await run(node, [`..\\${self}`, 'argv', ...WORDS], { cwd: 'ünï 日本', env })
  const [argv, folder, word] = JSON.parse(readFileSync('ünï 日本/argv', 'utf8'))
  expect('arguments arrive unchanged', argv.join('\n') === WORDS.join('\n'), argv)
  expect('the folder and the environment arrive unchanged', folder.endsWith('ünï 日本') && word === env.WORD, [
    folder,
    word,
  ])
}

async function batchFiles() {
  mkdirSync('bin', { recursive: true })
  writeFileSync('bin/a tool.cmd', `@"${node}" ${self} argv %*\r\n@exit 6\r\n`)
  writeFileSync('bin/a tool', 'a script for another system')
  const env = { ...process.env, PATH: `${process.cwd()}\\bin`, Path: undefined }
  // wine's cmd expands variables in arguments a second time; Windows does not.
  const plain = WORDS.filter((word) => !word.includes('%'))
  const { status } = await run('a tool', plain, { env })
  const [argv] = JSON.parse(readFileSync('argv', 'utf8'))
  expect('a batch file is found by its name', status === 6, status)
  expect('a batch file receives its arguments unchanged', argv.join('\n') === plain.join('\n'), argv)
  const refused = await run('a tool', ['a\n& b'], { env }).catch((error) => error.code)
  expect('an argument with a second line is refused for a batch file', refused === 'ERR_TRIPLINE_NOT_STARTED', refused)
}

async function trees() {
  // Never end a process while it is starting another one: that crashes wine's server now and then.
  const file = fresh('tree.pids')
  const stop = new AbortController()
  const whole = until(() => numbersIn(file).size === 8).then(() => stop.abort())
  const tree = await run(node, [self, 'tree', file, '7'], { abortSignal: stop.signal })
  await whole
  expect('a tree of 8 is ended', tree.status === 137 && tree.signal === 'SIGKILL' && tree.ended === 8, tree)
  expect('no process of the tree is left', numbersIn(file).size === 8 && (await gone(file)))
  const limits = { 'process.count': { above: 3, for: '2s' } }
  const many = await run(node, [self, 'tree', fresh('many.pids'), '3'], { limits })
  expect('a limit on processes ends a command', many.status === 123 && many.reason.breach.value === 4, many)
  const timeout = await run(node, [self, 'quiet'], { timeout: 3000, stdio: 'ignore' })
  expect('a timeout ends a command', timeout.status === 124 && timeout.ended === 1, timeout)
  const late = run(node, [self, 'quiet'], { timeout: 2000, killAfter: 200, stdio: 'ignore' })
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 6000)
  const { duration } = await late
  expect('a timeout ends a command while the event loop is blocked', duration < 6000, await late)
  const leaving = await run(node, [self, 'leave', fresh('left.pids')])
  expect('processes that a command leaves behind are ended', leaving.status === 5 && leaving.ended === 2, leaving)
  expect('processes that a command leaves behind are gone', await gone('left.pids'))
  const memory = await run(node, [self, 'eat'], { limits: { 'process.footprint': '300MB' }, timeout: 30_000 })
  expect('a limit on memory ends a command', memory.status === 123 && memory.peaks.memory >= 300e6, memory)
}

async function output() {
  const quiet = await run(node, [self, 'quiet'], { idleOutput: 3000, stdio: 'ignore' })
  expect('a command without output is ended', quiet.status === 124 && quiet.reason.idle === 3000, quiet)
  const file = openSync('flood', 'w')
  const flood = await run(node, [self, 'flood'], { idleOutput: 20_000, stdio: ['ignore', file, 'ignore'] })
  closeSync(file)
  const size = readFileSync('flood').length
  expect('a large output is passed on to the last byte', flood.status === 0 && size === 1e7, [flood, size])
  const late = spawn(node, [cli, 'run', '--idle-output', '1h', node, self, 'burst'], { stdio: ['ignore', 'pipe', 2] })
  let read = 0
  // Add the listener before pausing, because Node reads on by itself when the process ends.
  late.stdout.on('data', (chunk) => (read += chunk.length)).pause()
  const closed = once(late, 'close')
  await wait(3000)
  late.stdout.resume()
  const [status] = await closed
  expect('output that is read late is complete', status === 0 && read === 67_000, [status, read])
}

async function pipes() {
  const echo = 'process.stdin.pipe(process.stdout); console.error("error")'
  const both = await run(node, ['-e', echo], { input: 'ünï', capture: true })
  expect('input arrives, and output is captured', both.stdout === 'ünï' && both.stderr === 'error\n', both)
  const count = run(node, ['-e', 'for (let i = 0; i < 20000; i++) console.log(i)'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const lines = []
  for await (const line of count.lines()) lines.push(line)
  expect('lines arrive', lines.length === 20_000 && lines.at(-1) === '19999', lines.length)
  const full = await run(node, [self, 'flood'], { capture: true, maxBuffer: 1000 })
  expect('a command is ended at maxBuffer', full.reason?.kind === 'error' && full.stdout.length === 1000, full)
  const relayed = await run(node, [self, 'flood'], { capture: true, maxBuffer: '20MB', idleOutput: '20s' })
  expect('output that is watched is captured whole', relayed.stdout.length === 10_000_000, relayed.stdout.length)
  const endless = (function* () {
    for (;;) yield 'x'.repeat(1000)
  })()
  const early = await run(node, ['-e', 'process.stdin.once("data", () => process.exit(4))'], { input: endless })
  expect('a command may leave input unread', early.status === 4, early)
  const above = await run(node, [], { stdio: ['ignore', 1, 2, 'pipe'] }).catch((error) => error.kind)
  expect('descriptors above 2 are refused', above === 'unsupported', above)
}

async function pauses() {
  const file = fresh('paused.pids')
  const size = () => readFileSync(file).length
  const stood = []
  const held = []
  // The limit is on this process, so that this test decides when it is clear again.
  const limits = { 'process.rss': { above: process.memoryUsage.rss() + 200e6, pid: process.pid } }
  const follow = async ({ kind }) => {
    if (kind === 'started') {
      await until(() => numbersIn(file).size === 3)
      while (held.length < 20) held.push(Buffer.alloc(2e7, 1))
    } else if (kind === 'paused') {
      await wait(300)
      stood.push(size())
      await wait(500)
      stood.push(size())
      held.length = 0
      while (stood.length < 3) {
        globalThis.gc()
        await wait(50)
      }
    } else if (kind === 'resumed') {
      stood.push(size())
      await until(() => size() > stood[2] + 100)
      stood.push(size())
    }
  }
  const onEvent = (event) => void follow(event)
  const options = { limits, onBreach: 'pause', timeout: 20_000, onEvent }
  const { pauses: count } = await run(node, [self, 'tree', file, '2'], options)
  expect('a pause stops all processes of the tree', count >= 1 && stood[0] > 0 && stood[0] === stood[1], stood)
  expect('the processes continue after the pause', stood[3] > stood[2], stood)
}

async function ends() {
  const file = fresh('worker.pids')
  const worker = new Worker(new URL(self, import.meta.url), { argv: ['guard', file] })
  await until(() => numbersIn(file).size === 3)
  await worker.terminate()
  expect('the commands of a worker end with it', numbersIn(file).size === 3 && (await gone(file)))
  const guard = spawn(node, [self, 'guard', fresh('guard.pids')], { stdio: 'ignore' })
  await until(() => numbersIn('guard.pids').size === 3)
  guard.kill('SIGKILL')
  expect(
    'the commands of a killed process end with it',
    numbersIn('guard.pids').size === 3 && (await gone('guard.pids')),
  )
}

async function reservations() {
  const folder = mkdtempSync(join(tmpdir(), 'tripline-matrix-'))
  process.env.TRIPLINE_RESERVATIONS = folder
  const all = { cpu: cpus().length }
  const first = await reserve({ memory: '1MB', ...all })
  const late = await reserve({ cpu: 1 }, { wait: 0 }).catch((error) => error.kind)
  expect('a reservation is not granted twice', late === 'wait', late)
  first.release()
  const left = readdirSync(folder)
  expect('a reservation leaves no files', left.length === 0, left)
  const holder = spawn(node, [self, 'hold', fresh('held')], { stdio: 'ignore' })
  await until(() => existsSync('held'))
  const refused = await reserve({ cpu: 1 }, { wait: 0 }).catch((error) => error.message)
  expect('a reservation of another process is respected', /held by commands\.mjs \(pid/.test(refused), refused)
  const next = reserve(all)
  holder.kill('SIGKILL')
  ;(await next).release()
  const after = readdirSync(folder)
  expect('a killed process holds nothing, and its files are removed', after.length === 0, after)
  delete process.env.TRIPLINE_RESERVATIONS
}

const printed = () => readFileSync('out', 'utf8')

function onCommandLine() {
  const tripline = (...args) => {
    const out = openSync('out', 'w')
    const { status } = spawnSync(node, [cli, ...args], { stdio: ['ignore', out, out] })
    closeSync(out)
    return status
  }
  const forever = [node, '-e', 'setInterval(() => {}, 1000)']
  const seen = [
    tripline('run', node, '-e', 'process.exit(9)'),
    tripline('run', '--start-when', 'memory.available < 1KB', '--wait', '0.5', node),
    tripline('run', '--memory', '200MB', node, self, 'eat'),
    tripline('run', '--timeout', '2', ...forever),
    tripline('run', '--bad'),
    tripline('run', '.\\text.exe'),
    tripline('run', 'is-nowhere'),
    tripline('run', '--preserve-status', '--timeout', '2', ...forever),
  ]
  expect('exit statuses', seen.join() === '9,122,123,124,125,126,127,137', seen)
  tripline('run', '--timeout', '2', ...forever)
  expect(
    'the last line of the output gives the reason',
    /^tripline: ended .* 1 process\): time limit of 2s; sent TERM, then KILL, gone in /.test(printed()),
    printed(),
  )
  expect('profile', tripline('profile', node, '-e', 'process.exit(4)') === 4)
  expect(
    'profile suggests a command line',
    /^ {2}tripline run --timeout \d+s .* "process\.exit\(4\)"$/m.test(printed()),
    printed(),
  )
  expect('doctor', tripline('doctor') === 0 && /run +works, with a job object/.test(printed()), printed())
}

const [role, ...rest] = process.argv.slice(2)
if (role !== undefined) {
  await roles[role](...rest)
} else {
  // The steps are short. A runtime that hangs must not delay the others.
  const watchdog = setTimeout(() => {
    console.log(JSON.stringify({ failed: 'stuck', steps }))
    process.exit(1)
  }, 170_000)
  try {
    for (const part of [statuses, words, batchFiles, trees, output, pipes, pauses, ends, reservations]) await part()
    onCommandLine()
    console.log(JSON.stringify({ ok: true, steps }))
  } catch (error) {
    console.log(JSON.stringify({ failed: String(error?.stack ?? error), steps }))
    process.exitCode = 1
  }
  clearTimeout(watchdog)
}
