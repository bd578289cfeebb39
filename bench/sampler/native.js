// Compiles bench/sampler/native.cc with the sampler's own sources and runs its commands.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { samplerSources } from '../../native/sources.js'
import { includeFlags, releaseFlags, root } from '../../scripts/lib/cxx.js'
import { zigCommand, zigEnvironment } from '../../scripts/prebuild/toolchain.js'

const program = `${root}.cache/bench/sampler`

/**
 * Builds the program like a release, with the compiler that CXX names, or else with the release compiler, which is fetched
 * on first use.
 *
 * @throws if there is no compiler
 */
export function build() {
  mkdirSync(`${root}.cache/bench`, { recursive: true })
  const { CXX } = process.env
  const [command, ...flags] =
    CXX === undefined ? [zigCommand(), 'c++', '-flto', '-g0', ...releaseFlags] : [CXX, '-std=c++17', '-O2']
  flags.push('-pthread', ...includeFlags)
  const sources = ['bench/sampler/native.cc', ...samplerSources('linux')]
  execFileSync(command, [...flags, ...sources, '-o', program], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...zigEnvironment() },
  })
}

/** Runs a command and returns the objects that it prints. */
export function measure(...args) {
  const { status, stdout } = spawnSync(program, args.map(String), { cwd: root, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${args.join(' ')}: exit status ${status}`)
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

/** Starts a command that is controlled through its input and output. */
export function start(...args) {
  return spawn(program, args.map(String), { stdio: ['pipe', 'pipe', 'inherit'] })
}
