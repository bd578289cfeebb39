// Runs native and lifecycle tests under the address, undefined-behavior and thread sanitizers, without suppressions.
// Builds separate copies and does not touch build/. Arguments: address, thread (default: both).
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root, sanitizerFlags } from './lib/cxx.js'

const SANITIZERS = {
  address: {
    library: 'libasan.so',
    // With these checks, gcc does not accept the address of a function as a constant, which node-addon-api needs. Null
    // pointers are detected anyway.
    addon: '-fno-sanitize=null,nonnull-attribute,returns-nonnull-attribute',
    env: { ASAN_OPTIONS: 'detect_leaks=1', UBSAN_OPTIONS: 'print_stacktrace=1' },
  },
  thread: { library: 'libtsan.so', addon: '', env: { TSAN_OPTIONS: 'halt_on_error=0' } },
}

function run(what, command, args, options) {
  console.log(`== ${what}`)
  const { status, signal } = spawnSync(command, args, { stdio: 'inherit', ...options })
  if (status !== 0) throw new Error(`${what}: ${signal ?? `exit status ${status}`}`)
}

/**
 * The same for a program in which the runtime may have races, because its code is not instrumented. Nothing is
 * suppressed, and only reports about this project's code count. Races on descriptor numbers do not count: the runtime
 * closes descriptors without the sanitizer noticing, so their next use looks like a race with the last one.
 */
function runRaced(what, command, args, options) {
  console.log(`== ${what}`)
  const { stdout, stderr } = spawnSync(command, args, { ...options, encoding: 'utf8', maxBuffer: 2 ** 28 })
  process.stdout.write(stdout)
  const reports = stderr.split(/^={18}$/m).filter((each) => each.includes('WARNING: ThreadSanitizer'))
  const ours = reports.filter((each) => isAboutUs(each) && !/Location is file descriptor/.test(each))
  console.log(`  ${reports.length} reports, ${ours.length} of them about our code`)
  if (ours.length > 0) throw new Error(`${what}:\n${ours.join('\n')}`)
}

const isOurs = (text) => /native\/|tripline\.node/.test(text)

/**
 * Whether a report is about this project's code. A race is if, in one of its two accesses, the first frame below the
 * sanitizer's own is ours; V8's actions during a call from our code do not count. Any other report is if our code is in
 * a stack.
 */
function isAboutUs(report) {
  if (!report.includes('ThreadSanitizer: data race')) return isOurs(report)
  const [accesses] = report.split(/\n {2}(?:Location|Mutex|Thread|As if)/)
  const stacks = accesses.split(/\n(?= {2}\S)/).map((each) => each.match(/^ +#\d+ .*$/gm) ?? [])
  return stacks.some((frames) => isOurs(frames.find((frame) => !frame.includes('(libtsan')) ?? ''))
}

function sanitize(name) {
  const { library, addon, env } = SANITIZERS[name]
  const flags = sanitizerFlags[name].join(' ')
  const compile = { CXXFLAGS: `${flags} -g -O1`, LDFLAGS: flags }
  // The unit tests run on one thread, so the thread sanitizer has nothing to check, and they would count its own
  // thread.
  if (name === 'address') {
    run(`native unit tests, ${name}`, process.execPath, ['scripts/test-native.js'], {
      cwd: root,
      env: { ...process.env, ...env, CXXFLAGS: compile.CXXFLAGS },
    })
  }

  const copy = mkdtempSync(join(tmpdir(), `tripline-${name}-`))
  try {
    for (const each of ['native', 'scripts', 'dist', 'package.json', 'binding.gyp']) {
      cpSync(join(root, each), join(copy, each), { recursive: true })
    }
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
    // Built without the sanitizer loaded, because only the program under test needs it.
    run(`build, ${name}`, process.execPath, [join(copy, 'scripts/build-native.js'), '--debug'], {
      env: { ...process.env, ...compile, CXXFLAGS: `${compile.CXXFLAGS} ${addon}` },
    })
    const preload = spawnSync(process.env.CC ?? 'gcc', [`-print-file-name=${library}`], {
      encoding: 'utf8',
    }).stdout.trim()
    const loaded = { ...process.env, ...env, LD_PRELOAD: preload }
    const check = name === 'thread' ? runRaced : run
    check(`lifecycle, ${name}`, process.execPath, [join(root, 'test/sanitize/lifecycle.mjs'), copy], { env: loaded })
    check(`exit, ${name}`, process.execPath, [join(root, 'test/sanitize/exit.mjs'), copy], {
      env: { ...loaded, ASAN_OPTIONS: 'detect_leaks=0' },
    })
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

const wanted = process.argv.slice(2)
for (const name of wanted.length > 0 ? wanted : Object.keys(SANITIZERS)) sanitize(name)
console.log('no sanitizer found anything in our code')
