#!/usr/bin/env node
// Called by prebuildify in place of node-gyp: compiles the addon for one target and writes it where node-gyp would.
// The environment names the target; the arguments (rebuild, --target, --arch, ...) are not needed.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { nativeSources } from '../../native/sources.js'
import { compileAll, includeFlags, lockFlags, nodeApiFlags, releaseFlags, root, run } from '../lib/cxx.js'
import { inspect } from './inspect.js'
import { forgetLibraries } from './neutral.js'
import { targetOf } from './targets.js'
import { findTool, zigCommand, zigEnvironment, zigFolder } from './toolchain.js'

const folders = { linux: 'linux', darwin: 'darwin', win32: 'windows' }

const target = targetOf(process.env)
const os = folders[target.platform]
const output = resolve('build/Release')
const objects = resolve('build/obj')
const cpu = target.cpu === undefined ? [] : [`-mcpu=${target.cpu}`]
const machine = ['-target', target.zig, ...cpu]
// Thumb and ARM objects can be linked together, and zig has a C library for ARM only.
const thumbMachine = ['-target', target.zig.replace(/^arm-/, 'thumb-'), ...cpu]
const compileMachine = target.thumb === 'all' ? thumbMachine : machine

const flags = [
  // Emits intermediate code, which is merged into one object: a tenth smaller than linking separate objects. zig rejects
  // -flto for macOS, but the linker there needs only the bitcode.
  ...(os === 'darwin' ? ['-Xclang', '-emit-llvm-bc'] : ['-flto']),
  ...releaseFlags,
  '-fPIC',
  // Supports large file systems on 32-bit machines; node-gyp defines it too.
  '-D_FILE_OFFSET_BITS=64',
  // Virtual function tables contain offsets instead of addresses, which the loader would have to write. This saves 5 KB.
  // The ABI is not compatible with others, but every class in a binary is compiled here.
  ...(os === 'linux' ? ['-fexperimental-relative-c++-abi-vtables'] : []),
  // Otherwise every atomic operation is a call that looks up the features of the processor.
  ...(target.arch === 'arm64' && os === 'linux' ? ['-mno-outline-atomics'] : []),
  '-Wall',
  '-Wextra',
  '-Werror',
  ...lockFlags,
  // The result does not depend on the machine or the folder.
  '-fno-ident',
  `-ffile-prefix-map=${root}=.`,
  '-Wdate-time',
  // System functions are resolved when the binary is loaded: a command's supervisor must not resolve one later.
  ...(os === 'windows' ? [] : ['-fno-plt']),
  // The addresses of the host's functions are in native/runtime/windows_host.c.
  ...(os === 'windows' ? ['-DNAPI_EXTERN=__declspec(dllimport)', '-D__USE_MINGW_ANSI_STDIO=0'] : []),
  ...(target.withoutGpu ? ['-DTRIPLINE_WITHOUT_GPU'] : []),
  ...includeFlags,
  ...nodeApiFlags(),
]

const zig = (...args) => run(zigCommand(), args, zigEnvironment())

// Thumb code of ARMv6 has no instructions for these. Nor may a function with a floating-point argument be Thumb code there:
// it would expect the argument in another register.
const NOT_THUMB = /\b(?:double|float|atomic|atomicrmw|cmpxchg|fence)\b/
// Lines of intermediate code without instructions.
const NO_CODE = /^(?:%.* = type|attributes|!|;|source_filename)/

/** Whether all of `source` can be Thumb code on ARMv6, according to its intermediate code. */
async function canBeThumb(source) {
  const text = join(objects, `${source.replaceAll('/', '-')}.ll`)
  await zig('c++', ...machine, ...flags.filter((flag) => flag !== '-flto'), '-S', '-emit-llvm', source, '-o', text)
  const lines = readFileSync(text, 'utf8').split('\n')
  return !lines.some((line) => NOT_THUMB.test(line) && !NO_CODE.test(line))
}

/** The sources, each with flags that are not common to all. */
async function withOwnFlags(sources) {
  if (target.thumb !== 'where possible') return sources
  const all = []
  for (const source of sources) all.push((await canBeThumb(source)) ? [source, ...thumbMachine] : source)
  return all
}

/** Options that make a Linux binary smaller: without them, the merging linker does not optimize for size. */
const smaller = [
  '-enable-merge-functions',
  '-enable-machine-outliner=always',
  // Inlines a function only if its body is smaller than the call.
  '-inline-threshold=-25',
  // Turns off three passes that keep values in registers, which are then saved and restored around rarely executed loops.
  '-disable-machine-licm',
  '-disable-lsr',
  '-enable-load-pre=false',
  // A jump table is larger than a few comparisons.
  '-min-jump-table-entries=8',
  ...(target.arch === 'arm' ? ['-arm-promote-constant'] : []),
]

/** After the usual passes, optimizes for size again, because merging reveals duplicate code. */
const passes = 'lto<O2>,default<Oz>'

// Names that no libc has: those of Node-API, and functions that the C runtime uses only if they exist.
const isHosts = (name) => /^(?:napi_|__gmon_start__$|__cxa_finalize$|_ITM_)/.test(name)

const exported = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']

// These steps only merge all files into one object, which a later step links: with -flto, zig would link all of its math
// library on ARM, and cannot link for Windows at all.
const mergers = {
  async linux(files) {
    const merged = join(objects, 'merged.o')
    // Intermediate code does not name the version of ARM that it is for, so add an empty object that does.
    const nothing = join(objects, 'nothing.o')
    await zig('cc', '-c', ...compileMachine, '-fno-sanitize=all', '-x', 'c', '/dev/null', '-o', nothing)
    await zig(
      'ld.lld',
      '-shared',
      '--gc-sections',
      `--version-script=${writeExportMap()}`,
      `--lto-obj-path=${merged}`,
      `--lto-newpm-passes=${passes}`,
      ...smaller.flatMap((option) => ['-mllvm', option]),
      ...files,
      nothing,
      '-o',
      join(objects, 'unused'),
    )
    return [merged]
  },

  // The linker for macOS merges and links in one step.
  darwin: (files) => Promise.resolve(files),

  async win32(files) {
    const unused = join(objects, 'unused')
    const exports = exported.map((name) => `-export:${name}`)
    const options = ['-dll', '-noentry', '-lldmingw', '-force:unresolved', '-opt:ref', '-lldsavetemps']
    await zig('lld-link', ...options, ...exports, `-machine:${peMachines[target.arch]}`, `-out:${unused}`, ...files)
    return [`${unused}.lto.obj`]
  },
}
const peMachines = { x64: 'x64', arm64: 'arm64', ia32: 'x86' }

function writeExportMap() {
  const map = join(objects, 'exports.map')
  writeFileSync(map, `{ global: ${exported.join('; ')}; local: *; };\n`)
  return map
}

const linkers = {
  async linux(files, result) {
    // `cc` rather than `c++`, so that the C++ runtime is not linked.
    await zig(
      'cc',
      ...machine,
      '-shared',
      '-Os',
      '-s',
      '-Wl,--gc-sections',
      `-Wl,--version-script=${writeExportMap()}`,
      '-Wl,-z,now',
      '-Wl,-z,nodelete',
      '-Wl,--hash-style=gnu',
      ...files,
      '-lpthread',
      '-ldl',
      '-o',
      result,
    )
    const file = readFileSync(result)
    // The linker assumes that the host provides each name that no library exports.
    const unknown = inspect(file).imports.filter(({ name, version }) => version === undefined && !isHosts(name))
    if (unknown.length > 0) throw new Error(`glibc 2.17 has no ${unknown.map(({ name }) => name).join(', ')}`)
    forgetLibraries(file)
    writeFileSync(result, file)
  },

  // zig's linker exports everything and stores the path of its output, and Apple's linker does not run here, so use lld.
  async darwin(files, result) {
    const list = join(objects, 'exports')
    writeFileSync(list, exported.map((name) => `_${name}\n`).join(''))
    const linker = findTool(['ld64.lld-19', 'ld64.lld'], 'the package lld-19 has it')
    const arch = target.arch === 'x64' ? 'x86_64' : target.arch
    await run(linker, [
      '-arch',
      arch,
      '-platform_version',
      'macos',
      '11.0',
      '11.0',
      '-bundle',
      '-undefined',
      'dynamic_lookup',
      '-dead_strip',
      '-exported_symbols_list',
      list,
      '-x',
      '-S',
      '-adhoc_codesign',
      '-mllvm',
      '-aarch64-macho-enable-nonlazybind',
      ...files,
      join(zigFolder(), 'lib/libc/darwin/libSystem.tbd'),
      '-o',
      result,
    ])
  },

  async win32(files, result) {
    // The addon calls Node-API through slots with these names, which windows_host.c fills.
    const text = files.map((file) => readFileSync(file, 'latin1')).join('\n')
    const names = [...new Set(text.match(/(?<=__imp__?)napi_\w+/g))].toSorted((a, b) => (a < b ? -1 : 1))
    writeFileSync(join(objects, 'napi_names.inc'), names.map((name) => `NAPI(${name})\n`).join(''))
    const host = join(objects, 'windows_host.o')
    await zig(
      'cc',
      '-c',
      ...machine,
      '-Os',
      '-fno-ident',
      '-Wall',
      '-Wextra',
      '-Werror',
      `-I${objects}`,
      'native/runtime/windows_host.c',
      '-o',
      host,
    )
    await zig('cc', ...machine, '-shared', '-Os', '-s', '-Wl,--gc-sections', ...files, host, '-o', result)
    // Clear the time of linking, which would differ in every build.
    const file = readFileSync(result)
    file.writeUInt32LE(0, file.readUInt32LE(0x3c) + 8)
    writeFileSync(result, file)
  },
}

try {
  rmSync(objects, { recursive: true, force: true })
  rmSync(output, { recursive: true, force: true })
  mkdirSync(objects, { recursive: true })
  mkdirSync(output, { recursive: true })
  const sources = [...nativeSources(os), 'native/runtime/runtime.cc']
  const command = [zigCommand(), 'c++', ...compileMachine]
  // More of zig at a time than this take more memory than small machines have.
  const files = await compileAll(await withOwnFlags(sources), {
    command,
    flags,
    folder: objects,
    env: zigEnvironment(),
    most: 4,
  })
  const merged = await mergers[target.platform](files)
  await linkers[target.platform](merged, join(output, 'tripline.node'))
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
