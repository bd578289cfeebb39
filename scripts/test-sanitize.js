// Runs the native unit tests, and programs with the addon in Node, under the address, undefined-behavior and thread
// sanitizers: npm run test:sanitize [-- address] [thread] [program...]
//
// Builds copies in .cache/sanitize and does not touch build/. With --prove, it puts one deliberate bug after the other
// into such a copy (test/sanitize/bugs.js), and fails if the net that is there for it does not catch it.
import { spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { BUGS } from '../test/sanitize/bugs.js'
import { runNodeGyp } from './build-native.js'
import { root, sanitizerFlags } from './lib/cxx.js'
import { nativeRuns, programs } from './lib/native-tests.js'
import { beginRun } from './lib/reliability.js'

/** The exit status of a program about which the address sanitizer has reported something. */
const REPORTED = 99

const SANITIZERS = {
  address: {
    library: 'libasan.so',
    // With these checks, gcc does not accept the address of a function as a constant, which node-addon-api needs. Null
    // pointers are detected anyway.
    addon: '-fno-sanitize=null,nonnull-attribute,returns-nonnull-attribute',
    env: { ASAN_OPTIONS: `detect_leaks=1:exitcode=${REPORTED}`, UBSAN_OPTIONS: 'print_stacktrace=1' },
    leftOut: [],
  },
  thread: {
    library: 'libtsan.so',
    addon: '',
    env: { TSAN_OPTIONS: 'halt_on_error=0' },
    // The sanitizer needs more memory than these groups have, and more time than their processors give it.
    leftOut: ['-RealCgroup'],
  },
}

/** The programs in test/sanitize, and whether leaks are looked for after them. */
const PROGRAMS = { lifecycle: true, blocked: true, commands: true, stages: true, exit: false }

/** Runs a command and passes on its output. Returns what it has said, and how it has ended. */
function run(command, args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk) => {
      stdout += chunk
      process.stdout.write(chunk)
    })
    child.stderr.on('data', (chunk) => (stderr += chunk))
    child.on('error', reject)
    child.on('close', (status, signal) => resolve({ stdout, stderr, end: signal ?? status }))
  })
}

const isOurs = (text) => /native\/|tripline\.node/.test(text)

/** The calls that make or end the number of a descriptor. */
const OPENING = /^(?:open|openat|close|dup|pipe|socket|accept|eventfd|epoll_create|inotify_init|fopen|fclose)\w*$/

/**
 * Whether a report of the thread sanitizer is about this project's code. A race is if, in one of its two accesses, the
 * first frame below the sanitizer's own is ours; V8's actions during a call from our code do not count. Any other report
 * is if our code is in a stack. Races on descriptor numbers do not count: the runtime closes descriptors without the
 * sanitizer noticing, so their next use looks like a race with the last one.
 */
function isAboutUs(report) {
  if (!report.includes('ThreadSanitizer: data race')) return isOurs(report)
  const [accesses] = report.split(/\n {2}(?:Location|Mutex|Thread|As if)/)
  const stacks = accesses.split(/\n(?= {2}\S)/).map((each) => each.match(/^ +#\d+ .*$/gm) ?? [])
  const calls = stacks.filter((frames) => frames.length > 0).map(([top]) => top.match(/#0 (\w+)/)?.[1] ?? '')
  if (/Location is file descriptor/.test(report) || calls.every((each) => OPENING.test(each))) return false
  return stacks.some((frames) => isOurs(frames.find((frame) => !frame.includes('(libtsan')) ?? ''))
}

/**
 * Whether the runtime alone has lost the memory: it never frees its own part of an External that is not collected before
 * its worker ends.
 */
function isRuntimesLeak(stderr) {
  const [, ...leaks] = stderr.split(/^(?:Direct|Indirect) leak of /m)
  const isOther = /ERROR: AddressSanitizer|runtime error/.test(stderr)
  return !isOther && leaks.length > 0 && leaks.every((each) => / #1 \S+ in napi_create_external /.test(each))
}

/**
 * What a run has found: nothing, or a text. Under the thread sanitizer the runtime may have races, because its code is not
 * instrumented, and its exit status says only that.
 */
function findings(name, { stderr, end }) {
  if (name === 'address') {
    return end === 0 || (end === REPORTED && isRuntimesLeak(stderr)) ? '' : `ended with ${end}\n${stderr}`
  }
  const reports = stderr.split(/^={18}$/m).filter((each) => each.includes('WARNING: ThreadSanitizer'))
  const ours = reports.filter(isAboutUs)
  if (reports.length > 0) console.log(`  ${reports.length} reports, ${ours.length} of them about our code`)
  if (ours.length > 0) return ours.join('\n')
  // The status of a program that has only been reported about.
  return end === 0 || (end === 66 && reports.length > 0) ? '' : `ended with ${end}\n${stderr}`
}

/**
 * Makes a copy equal to a file or folder. A file that has the same content keeps its time, and any other gets a new one: so
 * what is newer than its sources was built from them, and not from a deliberate bug that was there in between.
 */
function update(from, to) {
  if (!statSync(from).isDirectory()) {
    if (!existsSync(to) || !readFileSync(from).equals(readFileSync(to))) cpSync(from, to)
    return
  }
  mkdirSync(to, { recursive: true })
  const names = readdirSync(from).filter((name) => name !== 'build')
  for (const name of readdirSync(to)) {
    if (!names.includes(name)) rmSync(join(to, name), { recursive: true })
  }
  for (const name of names) update(join(from, name), join(to, name))
}

class Copy {
  #name
  #flags

  constructor(name) {
    this.#name = name
    this.folder = join(root, '.cache/sanitize', name)
    this.#flags = sanitizerFlags[name].join(' ')
    mkdirSync(this.folder, { recursive: true })
    for (const each of ['native', 'scripts', 'dist', 'test', 'package.json', 'binding.gyp']) {
      update(join(root, each), join(this.folder, each))
    }
    if (!existsSync(join(this.folder, 'node_modules'))) {
      symlinkSync(join(root, 'node_modules'), join(this.folder, 'node_modules'))
    }
  }

  /** Builds the addon; the sanitizer is not loaded meanwhile, because only the program under test needs it. */
  build() {
    const env = {
      ...process.env,
      CXXFLAGS: `${this.#flags} -g -O1 ${SANITIZERS[this.#name].addon}`,
      LDFLAGS: this.#flags,
    }
    const done = ['configure', 'build'].every((each) => runNodeGyp(this.folder, each, ['--debug'], env))
    if (!done) throw new Error(`the addon could not be built with the ${this.#name} sanitizer`)
  }

  async #native(words, halts) {
    return run(process.execPath, ['scripts/test-native.js', ...words], {
      cwd: this.folder,
      env: {
        ...process.env,
        ...SANITIZERS[this.#name].env,
        ...(halts && { TSAN_OPTIONS: 'halt_on_error=1' }),
        CXXFLAGS: `${this.#flags} -g -O1`,
      },
    })
  }

  async #program(program) {
    const { library, env } = SANITIZERS[this.#name]
    const preload = spawnSync(process.env.CC ?? 'gcc', [`-print-file-name=${library}`], { encoding: 'utf8' })
    const leaks = PROGRAMS[program] ? {} : { ASAN_OPTIONS: 'detect_leaks=0' }
    return run(process.execPath, [join(this.folder, `test/sanitize/${program}.mjs`), this.folder], {
      env: { ...process.env, ...env, ...leaks, LD_PRELOAD: preload.stdout.trim() },
    })
  }

  /** Runs a net, `native` or the name of a program. `halts`: it ends with the first report, because it may deadlock. */
  async check([net, ...words], halts = false) {
    const outcome = net === 'native' ? await this.#native(words, halts) : await this.#program(net)
    return { ...outcome, found: findings(this.#name, outcome) }
  }

  /** Puts a bug into it, as long as `body` runs. */
  async with(bug, body) {
    const path = join(this.folder, bug.file)
    const before = readFileSync(path, 'utf8')
    let text = before
    for (const { find, replace } of [bug, ...(bug.also ?? [])]) {
      if (text.split(find).length !== 2) throw new Error(`${bug.file} no longer has this once: ${find}`)
      text = text.replace(find, () => replace)
    }
    writeFileSync(path, text)
    try {
      return await body()
    } finally {
      writeFileSync(path, before)
    }
  }
}

const counts = {}
const count = (key, by) => (counts[key] = (counts[key] ?? 0) + by)

async function sanitize(name, nets) {
  const copy = new Copy(name)
  if (nets.some((net) => net !== 'native')) copy.build()
  for (const net of nets) {
    console.log(`== ${net}, ${name}`)
    const { stdout, found } = await copy.check(net === 'native' ? [net, ...SANITIZERS[name].leftOut] : [net])
    if (found !== '') throw new Error(`${net}, ${name}: ${found}`)
    if (net === 'native') {
      const ran = nativeRuns(stdout)
      const passed = ran.reduce((all, each) => all + each.passed, 0)
      // A program that ran no test proves nothing, whatever the others did.
      if (ran.length !== programs.length || ran.some((each) => each.passed === 0))
        throw new Error(
          `${net}, ${name}: ${ran.filter((each) => each.passed > 0).length} of ${programs.length} programs ran tests`,
        )
      count(`${name} unit tests`, passed)
      const leftOut = ran.reduce((all, each) => all + each.leftOut, 0)
      if (leftOut > 0) count(`${name} unit tests left out`, leftOut)
    } else {
      count(`${name} programs`, 1)
      count(`${name} steps`, stdout.match(/^ {2}\S/gm)?.length ?? 0)
    }
  }
}

const missed = []

async function prove(name, nets) {
  const copy = new Copy(name)
  for (const bug of BUGS.filter((each) => each.sanitizer === name && nets.includes(each.net[0]))) {
    console.log(`== ${bug.kind}, for ${bug.net.join(' ')} under the ${name} sanitizer`)
    const { stderr, stdout, found } = await copy.with(bug, () => {
      if (bug.net[0] !== 'native') copy.build()
      return copy.check(bug.net, bug.halts)
    })
    if (found === '' || !bug.report.test(`${stdout}${stderr}`)) {
      missed.push(bug.kind)
      console.log(`  NOT CAUGHT\n${stderr.slice(-4000)}`)
      continue
    }
    console.log(`  caught: ${bug.report.exec(`${stdout}${stderr}`)[0].split('\n')[0]}`)
    count('bugs caught', 1)
  }
}

const words = process.argv.slice(2)
const proving = words.includes('--prove')
const names = Object.keys(SANITIZERS).filter((each) => words.includes(each))
const nets = ['native', ...Object.keys(PROGRAMS)].filter((each) => words.includes(each))
const isWhole = names.length === 0 && nets.length === 0
const finish = beginRun(
  isWhole ? (proving ? 'sanitizers-proved' : 'sanitizers') : undefined,
  `npm run test:sanitize${proving ? ' -- --prove' : ''}`,
)
try {
  for (const name of names.length > 0 ? names : Object.keys(SANITIZERS)) {
    await (proving ? prove : sanitize)(name, nets.length > 0 ? nets : ['native', ...Object.keys(PROGRAMS)])
  }
  if (missed.length > 0) throw new Error(`no net caught: ${missed.join(', ')}`)
  if (proving && !(counts['bugs caught'] > 0)) throw new Error('there was no bug to catch')
  const { minutes, passed } = finish(counts, true)
  if (!passed) process.exitCode = 1
  const done = Object.entries(counts).map(([key, value]) => `${value} ${key}`)
  console.log(
    `${proving ? 'every net caught its bug' : 'no sanitizer found anything in our code'}: ${done.join(', ')}, ${minutes} minutes`,
  )
} catch (error) {
  finish(counts, false)
  console.error(error.message)
  process.exitCode = 1
}
