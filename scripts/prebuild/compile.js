#!/usr/bin/env node
// What prebuildify calls in place of node-gyp: compiles the addon for one target and leaves it where node-gyp would.
// The target comes in the environment; the arguments (rebuild, --target, --arch, ...) add nothing to it.
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
// Thumb and ARM objects mix; zig has a C library for the latter only.
const compileMachine = target.thumb ? ['-target', target.zig.replace(/^arm-/, 'thumb-'), ...cpu] : machine

const flags = [
  // Intermediate code, which mergers make one object of: a tenth smaller than a link of separate objects. zig refuses
  // -flto for macOS, but its bitcode is all that the linker needs for it.
  ...(os === 'darwin' ? ['-Xclang', '-emit-llvm-bc'] : ['-flto']),
  ...releaseFlags,
  '-fPIC',
  // Large file systems on 32-bit machines; node-gyp defines it too.
  '-D_FILE_OFFSET_BITS=64',
  // Tables of virtual functions with distances instead of addresses, which the loader would have to write: 5 KB. An ABI of
  // its own, but every class in a binary is compiled here.
  ...(os === 'linux' ? ['-fexperimental-relative-c++-abi-vtables'] : []),
  // Otherwise every atomic operation is a call that looks up what the processor can do.
  ...(target.arch === 'arm64' && os === 'linux' ? ['-mno-outline-atomics'] : []),
  '-Wall',
  '-Wextra',
  '-Werror',
  ...lockFlags,
  // Neither the machine nor the folder shows in the result.
  '-fno-ident',
  `-ffile-prefix-map=${root}=.`,
  '-Wdate-time',
  // Functions of the system are found when the binary is loaded: the supervisor of a command must not look for one.
  ...(os === 'windows' ? [] : ['-fno-plt']),
  // The addresses of the host's functions: native/runtime/windows_host.c.
  ...(os === 'windows' ? ['-DNAPI_EXTERN=__declspec(dllimport)', '-D__USE_MINGW_ANSI_STDIO=0'] : []),
  ...(target.withoutGpu ? ['-DTRIPLINE_WITHOUT_GPU'] : []),
  ...includeFlags,
  ...nodeApiFlags(),
]

const zig = (...args) => run(zigCommand(), args, zigEnvironment())

/** What makes a Linux binary smaller: the merging linker does not optimize for size where this does not make it. */
const smaller = [
  '-enable-merge-functions',
  '-enable-machine-outliner=always',
  // Inlines only what is smaller than its call.
  '-inline-threshold=-25',
  // These three keep values in registers, which are then saved and restored around loops that hardly ever run.
  '-disable-machine-licm',
  '-disable-lsr',
  '-enable-load-pre=false',
  // A table is larger than a few comparisons.
  '-min-jump-table-entries=8',
  ...(target.arch === 'arm' ? ['-arm-promote-constant'] : []),
]

/** Once more for size after what is usual: merging has made visible what is written twice. */
const passes = 'lto<O2>,default<Oz>'

// Names that no libc has: Node-API, and what the C runtime uses only where it exists.
const isHosts = (name) => /^(?:napi_|__gmon_start__$|__cxa_finalize$|_ITM_)/.test(name)

const exported = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']

// zig's linker only merges all of them into one object here; another step links it: with -flto zig would link all of its
// mathematics on ARM, and does not link at all for Windows.
const mergers = {
  async linux(files) {
    const merged = join(objects, 'merged.o')
    // Intermediate code does not say for which ARM it is; an object without code does.
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

  // Apple's linker does both at once.
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
    // `cc` and not `c++`: that is what leaves the C++ runtime out.
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
    // The linker takes a name that no library exports for one of the host.
    const unknown = inspect(file).imports.filter(({ name, version }) => version === undefined && !isHosts(name))
    if (unknown.length > 0) throw new Error(`glibc 2.17 has no ${unknown.map(({ name }) => name).join(', ')}`)
    forgetLibraries(file)
    writeFileSync(result, file)
  },

  // zig's linker exports everything and stores the path of its output; Apple's does not run here.
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
    // All of Node-API that the addon calls, through slots of these names, which windows_host.c fills.
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
    // The time of the link: it would differ every time.
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
  const files = await compileAll(sources, { command, flags, folder: objects, env: zigEnvironment(), most: 4 })
  const merged = await mergers[target.platform](files)
  await linkers[target.platform](merged, join(output, 'tripline.node'))
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
