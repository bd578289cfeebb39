// The tests of `run` and of the command line over macOS's way of running commands, on Linux: an addon with Linux's probes
// and macOS's folder for commands, whose calls are a stand-in (test/native/darwin_stand_in). Builds a copy of its own.
import { execFile, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { nativeSources } from '../native/sources.js'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
const compiler = process.env.CXX ?? 'g++'
const headers = createRequire(import.meta.url)('node-api-headers').include_dir

// What only Linux has. The first is in test/native/darwin_stand_in too, where nobody looks for the supervisor by its name.
const LINUX_ONLY = [
  'after kill -9 of the process that holds the tree together',
  'as process 1',
  'in a pid namespace with the /proc of another',
]

const commands = /\/(?:process_scanner|inheritance|command_group|os_process)\.cc$/
const linux = nativeSources('linux').filter((file) => !commands.test(file) && !file.includes('/posix/'))
const darwin = nativeSources('darwin').filter(
  (file) => commands.test(file) || file.includes('/posix/') || file.endsWith('/process_list.cc'),
)
const standIn = 'test/native/darwin_stand_in'
const BEGIN = 'namespace stand_in {\nvoid Begin();\nstruct Beginning {\n  Beginning() { Begin(); }\n} beginning;\n}\n'

async function build(copy) {
  const flags = ['-std=c++17', '-O1', '-g', '-fPIC', '-fno-exceptions', '-fno-rtti', '-fvisibility=hidden']
  flags.push('-DNAPI_VERSION=8', '-Inative', `-I${headers}`)
  writeFileSync(join(copy, 'begin.cc'), BEGIN)
  const queue = [
    ...linux.map((file) => [file]),
    ...[...darwin, `${standIn}/stand_in.cc`, 'begin.cc'].map((file) => [file, `-I${standIn}`]),
  ]
  const objects = queue.map(([file]) => `${file.replaceAll('/', '-')}.o`)
  const work = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [file, ...more] = next
      await run(compiler, [...more, ...flags, '-c', file, '-o', `${file.replaceAll('/', '-')}.o`], { cwd: copy })
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  mkdirSync(join(copy, 'build/Release'), { recursive: true })
  const output = 'build/Release/tripline.node'
  await run(compiler, ['-shared', ...objects, '-o', output, '-pthread', '-ldl'], { cwd: copy })
}

const copy = mkdtempSync(join(tmpdir(), 'tripline-stand-in-'))
try {
  for (const each of ['native', 'src', 'dist', 'docs', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts']) {
    cpSync(join(root, each), join(copy, each), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  await build(copy)
  for (const each of LINUX_ONLY) console.log(`left out, Linux only: ${each}`)
  const names = `^(?!.*(${LINUX_ONLY.join('|')}))`
  const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')
  const args = [vitest, 'run', 'test/run', 'test/cli', '-t', names]
  process.exitCode = spawnSync(process.execPath, args, { cwd: copy, stdio: 'inherit' }).status ?? 1
} finally {
  rmSync(copy, { recursive: true, force: true })
}
