// Runs musl programs on a glibc system, with Debian's packages of musl and, for Bun, a libstdc++ made from Debian's static
// one.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { cacheFolder, findTool, zigFolder } from '../prebuild/toolchain.js'

const machines = {
  x64: {
    zig: 'x86_64-linux-musl',
    debian: 'amd64',
    triplet: 'x86_64-linux-gnu',
    loader: 'ld-musl-x86_64.so.1',
    libc: 'libc.musl-x86_64.so.1',
  },
  arm64: {
    zig: 'aarch64-linux-musl',
    debian: 'arm64',
    triplet: 'aarch64-linux-gnu',
    loader: 'ld-musl-aarch64.so.1',
    libc: 'libc.musl-aarch64.so.1',
  },
  arm: { zig: 'arm-linux-musleabihf', debian: 'armhf', triplet: 'arm-linux-gnueabihf', loader: 'ld-musl-armhf.so.1' },
}

// Functions of glibc that libstdc++.a needs and musl lacks. They find no unwind tables, report the process as
// multithreaded, and take random numbers from the kernel.
const SHIM = `#include <stdint.h>
#include <sys/random.h>
#include <sys/auxv.h>
int _dl_find_object(void* pc, void* result) { (void)pc; (void)result; return -1; }
char __libc_single_threaded = 0;
uint32_t arc4random(void) { uint32_t value; getrandom(&value, sizeof(value), 0); return value; }
unsigned long __getauxval(unsigned long type) { return getauxval(type); }
`

function zig(...args) {
  const cache = join(cacheFolder, 'zig-cache')
  execFileSync(join(zigFolder(), 'zig'), args, {
    env: { ...process.env, ZIG_GLOBAL_CACHE_DIR: cache, ZIG_LOCAL_CACHE_DIR: cache },
    stdio: ['ignore', 'ignore', 'ignore'],
  })
}

/** Unpacks a Debian package without installing it. */
function unpack(name, folder) {
  mkdirSync(folder, { recursive: true })
  execFileSync('apt-get', ['download', '-q', name], { cwd: folder, stdio: 'ignore' })
  const file = readdirSync(folder).find((each) => each.startsWith(`${name.split(':')[0]}_`) && each.endsWith('.deb'))
  execFileSync('dpkg-deb', ['-x', file, folder], { cwd: folder })
}

/** Returns a root folder that contains musl for another architecture. */
function sysrootOf(machine) {
  const { debian, loader } = machines[machine]
  const folder = join(cacheFolder, `musl-${debian}`)
  if (!existsSync(join(folder, 'lib', loader)) && !existsSync(join(folder, 'usr/lib', loader))) {
    unpack(`musl:${debian}`, folder)
  }
  return folder
}

const symbolsOf = (file, ...flags) =>
  execFileSync('nm', ['-D', ...flags, file], { encoding: 'utf8', maxBuffer: 1 << 26 })
    .split('\n')
    .map((line) => line.trim().split(/\s+/))

/** Returns the folder of libraries that a `program` linked to musl needs to run here. */
export function muslLibraries(machine, program) {
  const { zig: triple, loader, libc, triplet } = machines[machine]
  const sysroot = machine === 'x64' ? '/' : sysrootOf(machine)
  const folder = join(cacheFolder, `musl-libraries-${machine}`)
  mkdirSync(folder, { recursive: true })
  const found = ['lib', 'usr/lib'].map((each) => join(sysroot, each, loader)).find((each) => existsSync(each))
  if (found === undefined) throw new Error('the package musl is missing')
  if (!existsSync(join(folder, libc))) symlinkSync(found, join(folder, libc))
  const library = join(folder, 'libstdc++.so.6')
  if (existsSync(library)) return { libraries: folder, sysroot }

  const own = new Set(symbolsOf(found, '--defined-only').map((fields) => fields.at(-1)))
  const wanted = new Set()
  for (const fields of symbolsOf(program)) {
    const name = fields.at(-1).replace(/@.*/, '')
    // The vtables of type information are copied into the program, so `nm` lists them as defined there.
    if (/^[Uwv]$/.test(fields.at(-2) ?? '') || name.startsWith('_ZTVN10__cxxabiv1')) wanted.add(name)
  }
  const undefined_ = [...wanted].filter((name) => !own.has(name)).map((name) => `-Wl,-u,${name}`)
  const shim = join(folder, 'shim.c')
  writeFileSync(shim, SHIM)
  const archives = ['libstdc++.a', 'libgcc_eh.a', 'libgcc.a'].map((name) => archive(triplet, name))
  zig('cc', '-target', triple, '-shared', shim, '-Wl,-soname,libstdc++.so.6', ...undefined_, ...archives, '-o', library)
  return { libraries: folder, sysroot }
}

function archive(triplet, name) {
  for (const base of [`/usr/lib/gcc/${triplet}`, `/usr/lib/gcc-cross/${triplet}`]) {
    if (!existsSync(base)) continue
    for (const version of readdirSync(base)) {
      const file = join(base, version, name)
      if (existsSync(file)) return file
    }
  }
  throw new Error(`${name} for ${triplet} is missing`)
}

/**
 * Builds a program that loads an addon, registers its module and prints its Node-API version. It exports all of Node-API as
 * stubs. An addon that finds all functions of its host calls one of them; otherwise it only makes a text of what is missing.
 */
export function muslLoader() {
  const sysroot = sysrootOf('arm')
  const folder = join(cacheFolder, 'musl-loader-arm')
  mkdirSync(folder, { recursive: true })
  const host = join(folder, 'host')
  const { symbols } = createRequire(import.meta.url)('node-api-headers')
  const names = Object.values(symbols).flatMap((each) => each.js_native_api_symbols.concat(each.node_api_symbols))
  const others = [...new Set(names)].filter((name) => name !== 'napi_create_string_utf8')
  const source = `#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
static int (*version)(void);
static int called(void) { printf("{\\"version\\":%d}\\n", version()); exit(0); }
__attribute__((visibility("default"))) int napi_create_string_utf8(void* env, const char* text) { puts(text); exit(1); }
${others.map((name) => `__attribute__((visibility("default"))) int ${name}(void) { return called(); }`).join('\n')}
int main(int count, char** arguments) {
  void* addon = count == 2 ? dlopen(arguments[1], RTLD_NOW) : 0;
  if (addon == 0) return puts(dlerror()), 1;
  version = (int (*)(void))dlsym(addon, "node_api_module_get_api_version_v1");
  void* (*start)(void*, void*) = (void* (*)(void*, void*))dlsym(addon, "napi_register_module_v1");
  if (version != 0 && start != 0) start(0, 0);
  return 1;
}
int __libc_start_main(int (*main)(int, char**), int count, char** arguments, void (*init)(void), void (*fini)(void), void (*end)(void));
__attribute__((used)) void start(int* stack) { __libc_start_main(main, stack[0], (char**)(stack + 1), 0, 0, 0); }
__asm__(".globl _start\\n_start: mov fp, #0\\n mov lr, #0\\n mov r0, sp\\n bic sp, sp, #7\\n bl start\\n");
`
  const file = join(folder, 'host.c')
  if (!existsSync(host) || readFileSync(file, 'utf8') !== source) {
    writeFileSync(file, source)
    // zig would link musl statically, so it only compiles: the program must use the real loader.
    zig(
      'cc',
      '-target',
      machines.arm.zig,
      '-c',
      '-fPIC',
      '-fno-sanitize=all',
      '-fno-stack-protector',
      file,
      '-o',
      `${host}.o`,
    )
    const linker = findTool(['ld.lld-19', 'ld.lld'], 'the package lld-19 has it')
    const libc = join(sysroot, 'lib/arm-linux-musleabihf/libc.so')
    const flags = ['-pie', '--export-dynamic', '-dynamic-linker', '/lib/ld-musl-armhf.so.1']
    execFileSync(linker, [...flags, `${host}.o`, libc, '-o', host], { stdio: 'ignore' })
  }
  return { host, sysroot }
}
