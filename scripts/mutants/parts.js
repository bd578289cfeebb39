// Which files are mutated, and which tests notice. A file of native/ is tested by the native unit tests that include its header,
// and then by the vitest files of its part, over an addon that has the mutant; a file of src/ by those of its part alone.
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { root } from '../lib/cxx.js'

/**
 * `files` belong to the part. `native`: further files of test/native. `quick` and `built`: vitest files, as names below test/;
 * those in `built` are slower, or load the built package, and run only if the others notice nothing; those in `slow`, named
 * without their `.slow`, run last. Those of `quick` that match `first`, or are named after the mutated file, run before the
 * others.
 */
export const PARTS = [
  {
    files: /^native\/sampler\/(?:ticker|grid)\./,
    quick: /^schedule\/(?:ticker|lifecycle|blocks)$/,
  },
  { files: /^native\/sampler\/recorder\./, quick: /^monitor\/stream$/ },
  { files: /^native\/sampler\/flight_log\./, quick: /^record\/(?:record|ends)$/ },
  { files: /^native\/sampler\/watchdog\./ },
  { files: /^native\/sampler\/(?:loop|idle_clock|blocked_stack)\./, quick: /^monitor\/(?:loop|blocked)$/ },
  {
    files: /^native\/(?:sampler\/regions|node\/region)\./,
    quick: /^(?:cancelable\/(?:blocked|region)|addon\/engine)$/,
  },
  {
    files: /^native\/sampler\//,
    native: /^(?:environment|board|governor|guard|limit|loop|monitor|series|source|standstill|sampler)\w*_test/,
    quick: /^monitor\/(?:guard|monitor|snapshot|board|conditions|push|lifecycle)$/,
  },
  { files: /^native\/node\/addon_spawn\./, quick: /^run\/(?:run|signals)$/, slow: /^run\/(?:acting|streams)$/ },
  { files: /^native\/node\//, quick: /^(?:monitor\/(?:guard|lifecycle)|schedule\/ticker|node\/terminated)$/ },
  {
    files: /^native\/posix\/thread\.cc$/,
    native: /^(?:linux_spawn|linux_supervisor|posix_thread|threads)_test/,
    quick: /^monitor\/(?:guard|lifecycle)$/,
  },
  {
    files: /^native\/posix\//,
    native: /^(?:linux_spawn|linux_supervisor|links)_test/,
    quick: /^run\/(?:run|signals)$/,
    slow: /^(?:run\/(?:acting|restart|streams)|cli\/(?:signals|supervisor))$/,
  },
  { files: /^native\/linux\//, native: /^linux_/ },
  { files: /^native\/util\//, native: /_test/ },
  {
    files: /^src\/addon\//,
    quick: /^(?:addon\/|monitor\/(?:board|guard|snapshot|monitor)$)/,
    built: /^monitor\/lifecycle$/,
  },
  {
    files: /^src\/schedule\//,
    first: /^schedule\/(?:backlog|shedding-order)$/,
    quick: /^schedule\/(?!sensor-loop)/,
    built: /^schedule\/sensor-loop$/,
  },
  {
    files: /^src\/monitor\//,
    quick: /^monitor\/(?:guard|flags|monitor|snapshot|board|conditions|limits|expression|group|metrics|blocked)$/,
    built: /^monitor\/(?:stream|lifecycle|loop)$/,
  },
  {
    // Used by tickers and limiters only.
    files: /^src\/cancelable\/child-run\./,
    quick: /^(?:limiter\/|schedule\/(?!sensor-loop)|cancelable\/(?:child-run|unwinding)$)/,
    built: /^schedule\/sensor-loop$/,
  },
  {
    files: /^src\/cancelable\/region\./,
    quick: /^cancelable\/blocked$/,
    built: /^cancelable\/(?:region|blocked-examples)$/,
  },
  {
    files: /^src\/cancelable\/(?:registration|recorded)\./,
    first: /^registry\//,
    quick: /^(?:registry\/|cancelable\/(?:lifecycle|compose|recorded)$)/,
    built: /^record\/record$/,
  },
  {
    files: /^src\/(?:cancelable|sources)\/shared-/,
    quick: /^(?:sources\/(?:shared-token|token|terms)|cancelable\/(?:shared-body|settle))$/,
    built: /^(?:sources\/shared-token|cancelable\/shared-operation|workers\/run-in-worker)$/,
  },
  {
    files: /^src\/(?:engine|sources|cancelable)\//,
    first: /^(?:sources\/(?:sources|token)|cancelable\/(?:lifecycle|compose|settle))$/,
    quick:
      /^(?:engine\/(?!fake-clocks)|testing\/collect$|sources\/(?!copies)|cancelable\/(?!region|examples|blocked-examples|pitfalls|edges|logs|async-context|shared|nesting))/,
    built:
      /^(?:engine\/fake-clocks$|sources\/copies$|cancelable\/(?:edges|logs|async-context|nesting|pitfalls|shared-body)$)/,
  },
]

const SAMPLER = (
  'limit.cc guard.cc series.cc grid.cc governor.cc feed.cc requests.cc verdicts.cc source.cc sources.cc monitor.cc sampler.cc ' +
  'push_triggers.cc board.cc slow_read.cc standstill.cc ticker.cc recorder.cc regions.cc loop.cc watchdog.cc flight_log.cc ' +
  'environment.h'
).split(' ')

/** The files that the command mutates if none are named: the core. */
export const CORE = [
  ...SAMPLER.map((name) => `native/sampler/${name}`),
  'native/posix/supervisor.cc',
  'native/posix/thread.cc',
  ...['engine', 'sources', 'cancelable', 'schedule'].flatMap((folder) => filesIn(`src/${folder}`)),
]

function filesIn(folder) {
  return readdirSync(path.join(root, folder))
    .filter((name) => name.endsWith('.ts'))
    .toSorted()
    .map((name) => `${folder}/${name}`)
}

let tests

/** The everyday test files, or the slow ones, whose names below test/ match, without their endings. */
export function testFiles(pattern, slow = false) {
  if (pattern === undefined) return []
  tests ??= readdirSync(path.join(root, 'test'), { recursive: true })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => name.endsWith('.test.ts'))
  return tests
    .filter((name) => name.endsWith('.slow.test.ts') === slow)
    .filter((name) => pattern.test(name.replace(/(?:\.slow)?\.test\.ts$/, '')))
    .map((name) => `test/${name}`)
    .toSorted()
}

/** The part of a file. @throws Error if it has none */
export function partOf(file) {
  const part = PARTS.find(({ files }) => files.test(file))
  if (part === undefined) throw new Error(`${file} has no tests in scripts/mutants/parts.js`)
  return part
}

/** Whether mutants of this file may signal or start processes at random, so that they only run where they are contained. */
export const isDangerous = (file) => file.startsWith('native/posix/') || file.startsWith('src/run/')
