// Fuzzes every parser, and the sampler's pure rules against obvious models, for a bounded time: node scripts/fuzz.js [--seconds 10] [--keep] [target...]
//
// Needs a clang with libFuzzer (Debian: clang-19 libclang-rt-19-dev); CXX selects another compiler. The seeds are the
// fixtures of the native tests and test/fuzz/corpus. --keep adds a few small inputs to the corpus that reach newly
// covered code. A crash stores its input in .cache/fuzz and sets exit status 1. The figures of a run of all targets go to
// build/reliability/fuzz.json.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'

import { samplerSources } from '../native/sources.js'
import { includeFlags, lockFlags, root, sanitizerFlags, testFlags } from './lib/cxx.js'
import { beginRun } from './lib/reliability.js'

process.chdir(root)

// For each target, the fixture folders with files that it parses.
const SEEDS = {
  stat: ['stat'],
  meminfo: ['meminfo'],
  arcstats: ['arcstats'],
  cgroup: ['cgroup'],
  'cgroup-files': ['memory.stat', 'cpu.stat'],
  mountinfo: ['mountinfo'],
  pressure: ['pressure'],
  process: ['process', 'statm', 'status', 'limits', 'loadavg'],
  counters: ['block.stat', 'net.dev', 'vmstat', 'kstat', 'ppp'],
  sensor: ['sensor'],
}

// Of these the inputs are programs, which are compared with a model.
const RULES = ['limit', 'guard', 'grid', 'series', 'governor']

const KEPT = 16

const { values, positionals } = parseArgs({
  options: { seconds: { type: 'string', default: '10' }, keep: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const known = [...Object.keys(SEEDS), ...RULES]
const targets = positionals.length > 0 ? positionals : known
const unknown = targets.find((target) => !known.includes(target))
if (unknown !== undefined) fail(`no target '${unknown}'; there are ${known.join(', ')}`)

const compiler =
  process.env.CXX ?? ['clang++-19', 'clang++'].find((name) => spawnSync(name, ['--version']).status === 0)
if (compiler === undefined) fail('no clang++ here; Debian: apt-get install clang-19 libclang-rt-19-dev')

const finish = beginRun(positionals.length === 0 ? 'fuzz' : undefined, 'npm run test:fuzz')
const counts = { targets: 0, executions: 0 }
const build = path.join('.cache', 'fuzz')
mkdirSync(build, { recursive: true })
const flags = [...testFlags, ...lockFlags, ...sanitizerFlags.address, '-fsanitize=fuzzer', ...includeFlags]

/** Builds a program once it is needed. */
function programOf(target) {
  const name = RULES.includes(target) ? 'rules' : 'linux_parsers'
  const program = path.resolve(build, name)
  if (!built.has(name)) {
    const sources =
      name === 'rules'
        ? ['limit', 'guard', 'grid', 'series', 'governor'].map((each) => `native/sampler/${each}.cc`)
        : samplerSources('linux').filter((file) => file.includes('/parse/'))
    const shared = name === 'rules' ? ['native/port/metrics.cc', 'native/port/probe.cc'] : []
    run(compiler, [...flags, `test/fuzz/${name}.cc`, ...sources, ...shared, '-o', program])
    built.add(name)
  }
  return program
}
const built = new Set()

for (const target of targets) {
  const program = programOf(target)
  const committed = path.join('test', 'fuzz', 'corpus', target)
  const found = path.join(build, 'corpus', target)
  const seeds = [
    committed,
    ...(SEEDS[target] ?? []).map((folder) => path.join('test', 'fixtures', 'linux', folder)),
  ].filter((folder) => existsSync(folder))
  mkdirSync(found, { recursive: true })
  console.log(`== ${target}, ${values.seconds} s`)
  const limits = ['-max_len=8192', '-timeout=5', '-rss_limit_mb=1024']
  const report = run(
    program,
    [
      found,
      ...seeds,
      ...limits,
      `-max_total_time=${values.seconds}`,
      `-artifact_prefix=${build}/${target}-`,
      '-print_final_stats=1',
      '-verbosity=0',
    ],
    target,
  )
  const executions = Number(/number_of_executed_units: +(\d+)/.exec(report)?.[1])
  if (!(executions > 0)) fail(`${target} has counted no executions`)
  console.log(`${executions} executions`)
  counts.targets++
  counts.executions += executions
  if (!values.keep) continue
  rmSync(committed, { recursive: true, force: true })
  mkdirSync(committed, { recursive: true })
  run(program, ['-set_cover_merge=1', '-max_len=512', committed, found], target)
  // A few are enough in addition to the fixtures: a longer run finds the others again quickly.
  const bySize = readdirSync(committed)
    .map((name) => path.join(committed, name))
    .toSorted((a, b) => statSync(a).size - statSync(b).size)
  for (const surplus of bySize.slice(KEPT)) rmSync(surplus)
  console.log(`${Math.min(bySize.length, KEPT)} inputs kept`)
}
const { minutes } = finish(counts, true)
console.log(`${counts.targets} targets, ${counts.executions} executions, ${minutes} minutes, no crash`)

function run(command, args, target) {
  const result = spawnSync(command, args, {
    encoding: 'utf8',
    env: { ...process.env, TARGET: target ?? '' },
    maxBuffer: 1 << 28,
  })
  if (result.status === 0) return result.stderr
  console.error((result.stdout ?? '') + (result.stderr ?? ''))
  finish(counts, false)
  return fail(`${target ?? command} failed`)
}

function fail(why) {
  console.error(why)
  process.exit(1)
}
