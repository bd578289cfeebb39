// Compiles C++ that node-gyp does not build: the native tests, the stand-in for macOS, the fuzzers, the benchmarks and the
// release binaries. Holds the flags and the include folders, and compiles in a bounded pool.
import { execFile, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** The root of the checkout. The paths in this file, and those that are passed to a compiler, are relative to it. */
export const root = fileURLToPath(new URL('../..', import.meta.url))

/** The folder of this system in native/. */
export const hostOs = { win32: 'windows' }[process.platform] ?? process.platform

/** The language options for all of native/. binding.gyp and native/addon.gypi pass the same ones to node-gyp. */
const language = ['-std=c++17', '-fno-exceptions', '-fno-rtti']

/** The flags that decide the speed and the size of the release's code. The benchmarks are compiled with the same flags. */
export const releaseFlags = [
  ...language,
  '-Os',
  '-Xclang',
  '-Oz',
  '-DNDEBUG',
  '-fno-asynchronous-unwind-tables',
  '-fno-unwind-tables',
  '-fvisibility=hidden',
  '-fvisibility-inlines-hidden',
  '-ffunction-sections',
  '-fdata-sections',
  // zig adds its own checks to code that is not optimized purely for size.
  '-fno-sanitize=all',
  '-fno-stack-protector',
]

/** Fast to compile, easy to debug, with checks of bounds. */
export const testFlags = [...language, '-O1', '-g', '-DTRIPLINE_CHECK_BOUNDS']

export const warningFlags = ['-Wall', '-Wextra', '-Wconversion']

/** Checks that only clang has: that a lock is held where its data is used (native/util/thread_annotations.h). */
export const lockFlags = ['-Wthread-safety', '-Werror=thread-safety']

/** The sanitizers that scripts/test-sanitize.js runs with. */
export const sanitizerFlags = {
  address: ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined', '-fno-omit-frame-pointer'],
  thread: ['-fsanitize=thread', '-fno-omit-frame-pointer'],
}

/** Only quoted includes are searched for in native/, so that no header there hides one of the system. */
export const includeFlags = ['-iquote', 'native']

/** Flags for native/node/, which may use only the headers of Node-API, so that nothing else of Node is used. */
export function nodeApiFlags() {
  const require = createRequire(import.meta.url)
  const folders = [require('node-api-headers').include_dir, path.dirname(require.resolve('node-addon-api'))]
  return [
    '-DNAPI_VERSION=8',
    '-DNAPI_DISABLE_CPP_EXCEPTIONS',
    '-DNODE_ADDON_API_DISABLE_DEPRECATED',
    // A worker that is terminated during a call into the addon must not end the process.
    '-DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
    ...folders.flatMap((folder) => ['-isystem', folder]),
  ]
}

/** Flags for objects that become part of an addon. */
export const addonFlags = ['-fPIC', '-fvisibility=hidden']

/** The compiler for the tests: `CXX`, or the system's. */
export const systemCompiler = process.env.CXX ?? 'g++'

export function isClang(compiler) {
  return /\bclang\b/.test(spawnSync(compiler, ['--version'], { encoding: 'utf8' }).stdout ?? '')
}

/**
 * Compiles `sources`, each a path or `[path, ...its own flags]`, into `folder`, several at a time. `command` is the
 * compiler with its leading arguments. With `incremental`, an object that is newer than all of its sources is kept.
 *
 * @returns the objects, in the order of the sources
 */
export async function compileAll(sources, { command, flags, folder, env, incremental = false, most = 8 }) {
  const [program, ...first] = command
  const objects = []
  let next = 0
  const work = async () => {
    while (next < sources.length) {
      const index = next++
      const [source, ...own] = [sources[index]].flat()
      const object = path.join(folder, `${source.replaceAll(/[\\/]/g, '-').replace(/\.\w+$/, '')}.o`)
      objects[index] = object
      if (incremental && isCurrent(object)) continue
      const dependencies = incremental ? ['-MMD', '-MF', listOf(object)] : []
      process.stderr.write(
        await run(program, [...first, '-c', ...flags, ...own, ...dependencies, source, '-o', object], env),
      )
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(most, availableParallelism()) }, work))
  } finally {
    // After a failure, no worker starts another compilation.
    next = sources.length
  }
  return objects
}

/** The file in which the compiler lists the sources of an object. */
const listOf = (object) => object.replace(/\.o$/, '.d')

function changedAt(file) {
  return statSync(path.resolve(root, file), { throwIfNoEntry: false })?.mtimeMs ?? Infinity
}

function isCurrent(object) {
  const made = changedAt(object)
  if (made === Infinity || changedAt(listOf(object)) === Infinity) return false
  const [, names = ''] = readFileSync(path.resolve(root, listOf(object)), 'utf8').split(/:\s/)
  const files = names.replaceAll('\\\n', ' ').split(/\s+/).filter(Boolean)
  return files.length > 0 && files.every((file) => changedAt(file) < made)
}

/** Runs a compiler or linker in the root of the checkout and returns its warnings. @throws Error with its messages */
export function run(program, args, env = {}) {
  return new Promise((resolve, reject) => {
    const options = { cwd: root, env: { ...process.env, ...env }, maxBuffer: 1 << 26 }
    execFile(program, args, options, (error, stdout, stderr) => {
      if (error) reject(new Error(`${program} ${args.join(' ')}\n${stdout}${stderr || error.message}`))
      else resolve(stdout + stderr)
    })
  })
}

/** Links an addon with the system's compiler, on Linux. Creates the folder of `output`. */
export async function linkAddon(objects, output) {
  mkdirSync(path.dirname(output), { recursive: true })
  // As binding.gyp links it: the end of a worker must not unload the code of a running thread.
  const flags = ['-shared', '-pthread', '-Wl,-z,nodelete']
  await run(systemCompiler, [...flags, ...objects, '-o', output, '-ldl'])
}
