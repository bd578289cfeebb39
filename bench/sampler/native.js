// Compiles bench/sampler/native.cc with the sampler's own sources and runs its commands.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { nativeSources } from '../../native/sources.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const program = `${root}.cache/bench/sampler`

/** Builds the program with the flags of the release. @throws where there is no compiler */
export function build() {
  mkdirSync(`${root}.cache/bench`, { recursive: true })
  const sources = nativeSources('linux').filter((file) => !readFileSync(root + file, 'utf8').includes('<node_api.h>'))
  const flags = ['-std=c++17', '-O2', '-g', '-fno-exceptions', '-fno-rtti', '-pthread', '-Inative', '-Inative/linux']
  execFileSync(process.env['CXX'] ?? 'g++', [...flags, 'bench/sampler/native.cc', ...sources, '-o', program], {
    cwd: root,
    stdio: 'inherit',
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
