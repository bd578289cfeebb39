// Compiles bench/sampler/native.cc with the sampler's own sources and runs its commands.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { nativeSources } from '../../native/sources.js'
import { releaseFlags } from '../../scripts/prebuild/flags.js'
import { cacheFolder, zigFolder } from '../../scripts/prebuild/toolchain.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const program = `${root}.cache/bench/sampler`

/**
 * Builds the program as the release is built, whose compiler is fetched with the first call; with the system's where
 * CXX names one. @throws where there is no compiler
 */
export function build() {
  mkdirSync(`${root}.cache/bench`, { recursive: true })
  const sources = nativeSources('linux').filter((file) => !readFileSync(root + file, 'utf8').includes('<node_api.h>'))
  const folders = ['-iquote', 'native']
  const { CXX } = process.env
  const [command, ...flags] =
    CXX === undefined ? [`${zigFolder()}/zig`, 'c++', '-flto', '-g0', ...releaseFlags] : [CXX, '-std=c++17', '-O2']
  const cache = `${cacheFolder}/zig-cache`
  execFileSync(command, [...flags, '-pthread', ...folders, 'bench/sampler/native.cc', ...sources, '-o', program], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ZIG_GLOBAL_CACHE_DIR: cache, ZIG_LOCAL_CACHE_DIR: cache },
  })
}

/** The objects that a command prints. */
export function measure(...args) {
  const { status, stdout } = spawnSync(program, args.map(String), { cwd: root, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${args.join(' ')}: exit status ${status}`)
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

/** Starts a command that is talked with through its input and output. */
export function start(...args) {
  return spawn(program, args.map(String), { stdio: ['pipe', 'pipe', 'inherit'] })
}
