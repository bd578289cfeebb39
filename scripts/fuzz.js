// Fuzzes everything that reads what comes from outside, and the sampler's pure rules against obvious models:
// node scripts/fuzz.js [--seconds 8] [--seed N] [--jobs 2] [--keep] [target...]
//
// The targets in C++ run under libFuzzer with the address sanitizer, which needs a clang (Debian: clang-19 libclang-rt-19-dev; CXX
// selects another compiler); those in test/fuzz/inputs under scripts/fuzz/javascript.js. Each runs for `--seconds`, `--jobs` of them
// at the same time: by default, all take four minutes after they were built, at most eight on a busy machine. The seeds are the fixtures of the native tests and
// test/fuzz/corpus. --keep replaces the corpus of a target by a few small inputs that reach most of its code. A failure stores its
// input in .cache/fuzz and sets exit status 1. The figures go to build/reliability/fuzz.json if all targets ran.
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { build as bundle } from 'rolldown'

import { PROGRAMS, SCRIPTED } from './fuzz/targets.js'
import { includeFlags, lockFlags, root, sanitizerFlags, testFlags } from './lib/cxx.js'
import { beginRun, withArguments } from './lib/reliability.js'

process.chdir(root)

const KEPT = 16

const { values, positionals } = parseArgs({
  options: {
    seconds: { type: 'string', default: '8' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    jobs: { type: 'string', default: '2' },
    keep: { type: 'boolean', default: false },
  },
  allowPositionals: true,
})
const seconds = Number(values.seconds)
const seed = Number(values.seed)
if (!(seconds > 0)) fail(`--seconds has to be more than 0; received ${values.seconds}`)
if (!Number.isInteger(seed)) fail(`--seed has to be a whole number; received ${values.seed}`)
const known = [...Object.values(PROGRAMS).flatMap(({ targets }) => Object.keys(targets)), ...SCRIPTED]
const wanted = positionals.length > 0 ? positionals : known
const unknown = wanted.find((target) => !known.includes(target))
if (unknown !== undefined) fail(`no target '${unknown}'; there are ${known.join(', ')}`)

const folder = path.join('.cache', 'fuzz')
mkdirSync(folder, { recursive: true })
const record = beginRun(positionals.length > 0 ? undefined : 'fuzz', withArguments('npm run test:fuzz'))
const counts = { targets: 0, executions: 0, failures: 0 }
const run = promisify(execFile)

/** Builds the programs of the wanted targets. */
async function buildAll() {
  const used = Object.entries(PROGRAMS).filter(([, { targets }]) => wanted.some((each) => each in targets))
  const compiler =
    process.env.CXX ?? ['clang++-19', 'clang++'].find((name) => spawnSync(name, ['--version']).status === 0)
  if (used.length > 0 && compiler === undefined)
    fail('no clang++ here; Debian: apt-get install clang-19 libclang-rt-19-dev')
  const flags = [...testFlags, ...lockFlags, ...sanitizerFlags.address, '-fsanitize=fuzzer', ...includeFlags]
  const builds = used.map(([name, { sources }]) =>
    run(compiler, [...flags, `test/fuzz/${name}.cc`, ...sources, '-o', path.join(folder, name)]),
  )
  if (wanted.some((each) => SCRIPTED.includes(each))) {
    const input = 'test/fuzz/inputs/targets.ts'
    const external = [/^node:/, 'node-gyp-build']
    const output = { file: path.join(folder, 'inputs.cjs'), format: 'cjs' }
    builds.push(bundle({ input, platform: 'node', transform: { target: 'es2022' }, external, output }))
  }
  await Promise.all(builds)
}

/** Runs one target, and adds what it did to the counts. */
async function fuzz(target) {
  const committed = path.join('test', 'fuzz', 'corpus', target)
  const found = path.join(folder, 'corpus', target)
  mkdirSync(found, { recursive: true })
  const native = Object.entries(PROGRAMS).find(([, { targets }]) => target in targets)
  try {
    const executions =
      native === undefined
        ? await runScripted(target, committed, found)
        : await runNative(native[0], target, native[1].targets[target], committed, found)
    if (!(executions > 0)) throw new Error(`${target} has counted no executions`)
    counts.executions += executions
    console.log(`${target}: ${executions} executions in ${seconds} s`)
  } catch (error) {
    counts.failures++
    console.error(`FAILED ${target}, seed ${seed}\n${error.stdout ?? ''}${error.stderr ?? error.stack}`)
  }
  counts.targets++
}

async function runScripted(target, committed, found) {
  const kept = values.keep ? [committed] : []
  const script = 'scripts/fuzz/javascript.js'
  const words = [
    path.join(folder, 'inputs.cjs'),
    target,
    String(seed),
    String(seconds),
    found,
    ...kept,
    '--',
    committed,
  ]
  const { stdout } = await run(process.execPath, [script, ...words])
  return JSON.parse(stdout.trim().split('\n').at(-1)).executions
}

/** Whether a file of a corpus was found by a fuzzer; those that were named by hand stay. */
const isFound = (name) => /^[\da-f]{40}$/.test(name)

async function runNative(program, target, fixtures, committed, found) {
  const seeds = [committed, ...fixtures.map((each) => path.join('test', 'fixtures', 'linux', each))]
  const start = (...words) =>
    run(path.join(folder, program), words, { env: { ...process.env, TARGET: target }, maxBuffer: 1 << 28 })
  const { stderr } = await start(
    found,
    ...seeds.filter((each) => existsSync(each)),
    '-max_len=8192',
    '-timeout=20',
    '-rss_limit_mb=1024',
    `-seed=${seed === 0 ? 1 : seed}`,
    `-max_total_time=${seconds}`,
    `-artifact_prefix=${folder}/${target}-`,
    '-print_final_stats=1',
    '-verbosity=0',
  )
  if (values.keep) {
    mkdirSync(committed, { recursive: true })
    for (const name of readdirSync(committed).filter(isFound)) rmSync(path.join(committed, name))
    await start('-set_cover_merge=1', '-max_len=512', committed, found)
    // A few are enough in addition to the fixtures: a longer run finds the others again quickly.
    const bySize = readdirSync(committed)
      .filter(isFound)
      .map((name) => path.join(committed, name))
      .toSorted((a, b) => statSync(a).size - statSync(b).size)
    for (const surplus of bySize.slice(KEPT)) rmSync(surplus)
  }
  return Number(/number_of_executed_units: +(\d+)/.exec(stderr)?.[1])
}

function fail(why) {
  console.error(why)
  process.exit(1)
}

await buildAll()
console.log(`${wanted.length} targets, seed ${seed}`)
const queue = [...wanted]
const work = async () => {
  for (let target = queue.shift(); target !== undefined; target = queue.shift()) await fuzz(target)
}
await Promise.all(Array.from({ length: Math.max(1, Number(values.jobs) || 1) }, work))
const { minutes, passed } = record(counts, counts.failures === 0 && counts.targets > 0)
console.log(`${counts.executions} executions of ${counts.targets} targets in ${minutes} min, ${counts.failures} failed`)
process.exitCode = passed ? 0 : 1
