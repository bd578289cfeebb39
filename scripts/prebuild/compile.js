#!/usr/bin/env node
// Called by prebuildify in place of node-gyp: compiles the addon for one target and writes it where node-gyp would.
// The environment names the target; the arguments (rebuild, --target, --arch, ...) are not needed.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { nativeSources } from '../../native/sources.js'
import { compileAll, includeFlags, lockFlags, nodeApiFlags, releaseFlags, root, run } from '../lib/cxx.js'
import { inspect } from './inspect.js'
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
const compileMachine = target.thumb ? ['-target', target.zig.replace(/^arm-/, 'thumb-'), ...cpu] : machine

const exported = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']
// On Linux, the first export is linux_host.c's, which calls the addon's own by this name.
const renamed = 'tripline_register_module'
const needed = [renamed, exported[1]]

const warnings = ['-Wall', '-Wextra', '-Werror']
const flags = [
  // Emits intermediate code, which is merged into one object: a tenth smaller than linking separate objects. zig rejects
  // -flto for macOS, but the linker there needs only the bitcode.
  ...(os === 'darwin' ? ['-Xclang', '-emit-llvm-bc'] : ['-flto']),
  ...releaseFlags,
  '-fPIC',
  // Supports large file systems on 32-bit machines; node-gyp defines it too. On 64-bit Linux it would only choose the names
  // that end in 64, for which see byLoader() below.
  ...(os === 'linux' && target.arch !== 'arm' ? [] : ['-D_FILE_OFFSET_BITS=64']),
  // Virtual function tables contain offsets instead of addresses, which the loader would have to write. This saves 5 KB.
  // The ABI is not compatible with others, but every class in a binary is compiled here.
  ...(os === 'linux' ? ['-fexperimental-relative-c++-abi-vtables'] : []),
  // Otherwise every atomic operation is a call that looks up the features of the processor.
  ...(target.arch === 'arm64' && os === 'linux' ? ['-mno-outline-atomics'] : []),
  ...warnings,
  ...lockFlags,
  // The result does not depend on the machine or the folder.
  '-fno-ident',
  `-ffile-prefix-map=${root}=.`,
  '-Wdate-time',
  // System functions are resolved when the binary is loaded: a command's supervisor must not resolve one later. For Linux,
  // native/runtime/linux_host.c does this.
  ...(os === 'darwin' ? ['-fno-plt'] : []),
  ...(os === 'linux' ? [`-D${exported[0]}=${renamed}`] : []),
  // The addresses of the host's functions are in native/runtime/windows_host.c.
  ...(os === 'windows' ? ['-DNAPI_EXTERN=__declspec(dllimport)', '-D__USE_MINGW_ANSI_STDIO=0'] : []),
  ...(target.withoutGpu ? ['-DTRIPLINE_WITHOUT_GPU'] : []),
  ...includeFlags,
  ...nodeApiFlags(),
]

const zig = (...args) => run(zigCommand(), args, zigEnvironment())

// Thumb code of ARMv6 has no instructions for these. Nor may a function that passes or takes floating-point values be Thumb
// code there: it would expect them in other registers. A structure that is passed by value may contain some.
const NOT_THUMB = /\b(?:double|float|atomic|atomicrmw|cmpxchg|fence)\b|\b(?:define|call) .*[(,] ?%/
const FUNCTION = /^define [^\n]*\{\n[\s\S]*?^\}/gm

const nameForThumb = (number) => `#1${number.padStart(6, '0')}`

/** Marks every function of this intermediate code as Thumb code, except those that cannot be. */
function markThumb(code) {
  const marked = new Set()
  const functions = code.replace(FUNCTION, (body) => {
    if (body.split('\n').some((line) => NOT_THUMB.test(line))) return body
    return body.replace(/#(\d+)/, (_, number) => {
      marked.add(number)
      return nameForThumb(number)
    })
  })
  const attributes = [...marked].map((number) => {
    const line = new RegExp(`^attributes #${number} = .*$`, 'm').exec(code)[0]
    if (!line.includes(',-thumb-mode,')) throw new Error(`functions with attributes #${number} are not ARM code`)
    return line.replace(`#${number}`, nameForThumb(number)).replace(',-thumb-mode,', ',+thumb-mode,')
  })
  return `${functions}\n${attributes.join('\n')}\n`
}

/** Compiles optimized intermediate code for ARMv6. What can be Thumb code, a quarter smaller, becomes Thumb code. */
async function compileMixed(bitcode, object) {
  const clang = ['clang', '-target', target.zig.replace(/\.[\d.]+$/, ''), `-mcpu=${target.cpu.replace('_', '-')}`]
  const raw = ['-Xclang', '-disable-llvm-passes', '-x', 'ir']
  const code = join(objects, 'merged.ll')
  await zig(...clang, ...raw, '-S', '-emit-llvm', bitcode, '-o', code)
  writeFileSync(code, markThumb(readFileSync(code, 'utf8')))
  const options = ['-O2', '-fPIC', '-ffunction-sections', '-fdata-sections', ...forCompiler(smaller)]
  await zig(...clang, ...options, ...raw, '-c', code, '-o', object)
}

const forCompiler = (options) => options.flatMap((option) => ['-mllvm', option])

/** Options that make a Linux binary smaller: without them, the merging linker does not optimize for size. */
const smaller = [
  '-enable-merge-functions',
  '-enable-machine-outliner=always',
  // Inlines a function only if its body is smaller than the call.
  '-inline-threshold=-17',
  // Keeps blocks in the order in which they were written.
  '-disable-block-placement',
  // Turns off three passes that keep values in registers, which are then saved and restored around rarely executed loops.
  '-disable-machine-licm',
  '-disable-lsr',
  '-enable-load-pre=false',
  // Chooses where to spill a register for size, and keeps blocks whole, which costs fewer jumps.
  '-split-spill-mode=size',
  '-machine-sink-split=false',
  // A function is not expected to change registers that it does not use. Only for x64: elsewhere, what the outliner adds
  // later may use such a register.
  ...(target.arch === 'x64' ? ['-enable-ipra'] : []),
  // A jump table is larger than a few comparisons.
  '-min-jump-table-entries=8',
  ...(target.arch === 'arm' ? ['-arm-promote-constant'] : []),
]

/**
 * After the usual passes, optimizes for size again, because merging reveals duplicate code. What is still duplicate becomes
 * functions: destructors and constructors above all, few of which run more than once.
 */
const passes = 'lto<O2>,default<Oz>,iroutliner,default<Oz>'

// Names that no libc has: those of Node-API, and functions that the C runtime uses only if they exist.
const isHosts = (name) => /^(?:napi_|__gmon_start__$|__cxa_finalize$|_ITM_)/.test(name)

// The loader of musl accepts names like open64, but its dlsym() does not.
const byLoader = (name) => name.endsWith('64')

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
      `--version-script=${writeExportMap(needed)}`,
      `--lto-obj-path=${merged}`,
      `--lto-newpm-passes=${passes}`,
      ...forCompiler(smaller),
      ...(target.mixed ? ['--save-temps=opt'] : []),
      ...files,
      nothing,
      '-o',
      join(objects, 'unused'),
    )
    if (target.mixed) await compileMixed(join(objects, 'unused.0.4.opt.bc'), merged)
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

function writeExportMap(names) {
  const map = join(objects, 'exports.map')
  writeFileSync(map, `{ global: ${names.join('; ')}; local: *; };\n`)
  return map
}

/** Compiles linux_host.c, which finds these functions. */
async function compileHost(names) {
  let before = ''
  const encoded = names.map((name) => {
    let shared = 0
    while (shared < 31 && name[shared] === before[shared]) shared++
    before = name
    return `"\\${shared.toString(8).padStart(3, '0')}${name.slice(shared)}"`
  })
  const lines = [
    `#define IMPORTS(X) ${names.map((name) => `X(${name})`).join(' ')}`,
    `#define NAMES ${encoded.join(' ')} "\\0"`,
    `#define LONGEST ${Math.max(...names.map((name) => name.length))}`,
  ]
  writeFileSync(join(objects, 'imports.h'), `${lines.join('\n')}\n`)
  const host = join(objects, 'linux_host.o')
  const source = 'native/runtime/linux_host.c'
  // Without -fno-builtin, a loop could become a call of memcpy(), which has no address yet.
  const cFlags = releaseFlags.filter((flag) => !/std=|inlines/.test(flag))
  const options = [...compileMachine, ...cFlags, ...warnings, '-fPIC', '-fno-ident', '-fno-builtin', `-I${objects}`]
  await zig('cc', '-c', ...options, source, '-o', host)
  return host
}

const linkers = {
  // The binary names no C library. A trial with the stubs of glibc 2.17 proves that glibc has every function that it calls.
  // At run time the functions come from the libc that the host has already loaded, glibc or musl. This relies on three
  // facts; rules.js checks the list of functions:
  //   - both have every function, and the layout of the arguments is the same in both, or larger in glibc;
  //   - where glibc has two versions of a function, dlsym() finds the newer one, and the loader the older one for a name
  //     without a version: both must work;
  //   - on 32-bit ARM, musl's functions with the plain names use 32-bit times.
  async linux(files, result) {
    // `cc` rather than `c++`, so that the C++ runtime is not linked.
    const trial = join(objects, 'trial')
    const log = await zig('cc', '--verbose', ...machine, '-shared', ...files, '-lpthread', '-ldl', '-o', trial)
    // The linker assumes that the host provides each name that no library exports.
    const known = new Set()
    for (const { name, version } of inspect(readFileSync(trial)).imports) {
      if (version === undefined && !isHosts(name)) throw new Error(`glibc 2.17 has no ${name}`)
      known.add(name)
    }
    // Instructions that the processor may lack, such as division and atomic exchange. The library also has memcpy() and
    // the like, so x64, which needs nothing else of it, takes those from the host instead.
    const helpers = target.arch === 'x64' ? [] : /\S+\/libcompiler_rt\.a/.exec(log)
    const link = async (inputs, names, file) => {
      await zig(
        'ld.lld',
        '-shared',
        // Also merges strings that end alike.
        '-O2',
        '--strip-all',
        '--gc-sections',
        '--icf=safe',
        `--version-script=${writeExportMap(names)}`,
        '-z',
        'now',
        '-z',
        'nodelete',
        '--hash-style=gnu',
        ...inputs,
        ...helpers,
        '-o',
        file,
      )
      return inspect(readFileSync(file)).imports
    }
    const direct = await link(files, needed, join(objects, 'direct'))
    const lost = direct.find(({ name }) => !known.has(name))
    if (lost !== undefined) throw new Error(`${lost.name} is neither in glibc 2.17 nor in the binary`)
    const byTable = direct.filter(({ name, weak }) => !weak && !byLoader(name) && name !== 'dlsym')
    const names = [...new Set(['mprotect', ...byTable.map(({ name }) => name)])].toSorted((a, b) => (a < b ? -1 : 1))
    // Not every addon calls dlsym() itself, and --wrap wants it to.
    const wrap = ['--wrap=dlsym', '--undefined=dlsym']
    const left = await link([...files, await compileHost(names), ...wrap], exported, result)
    const late = left.find(({ name, weak }) => !weak && !byLoader(name) && name !== 'dlsym')
    if (late !== undefined) throw new Error(`${late.name} is still an import`)
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
    const source = 'native/runtime/windows_host.c'
    await zig('cc', '-c', ...machine, '-Os', '-fno-ident', ...warnings, `-I${objects}`, source, '-o', host)
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
  const files = await compileAll(sources, {
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
