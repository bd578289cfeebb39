// Runs the tests of `run` and of the command line with the macOS code for commands, on Linux. The addon has Linux's
// probes and the macOS code, over a stand-in for macOS's calls (test/native/darwin_stand_in). Builds a separate copy.
// Arguments are files of tests, in place of all: npm run test:stand-in -- test/run/run.test.ts
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { nativeSources } from '../native/sources.js'
import {
  addonFlags,
  compileAll,
  includeFlags,
  linkAddon,
  nodeApiFlags,
  root,
  systemCompiler,
  testFlags,
} from './lib/cxx.js'
import { beginRun } from './lib/reliability.js'
import { vitestReport } from './lib/vitest-counts.js'

// Tests of features that only Linux has. The first one also exists in test/native/darwin_stand_in, without the check of
// the supervisor's name.
const LINUX_ONLY = [
  // Linux shows it as a zombie, which the stand-in takes for dead.
  'whose main thread has ended',
  'after kill -9 of the process that holds the tree together',
  'as process 1',
  'in a pid namespace with the /proc of another',
  'that another process adopts',
]
// Tests of examples and of the memory of a machine, which need more than the copy has and nothing of the code for commands.
const OTHERS = ['test/cli/{demo,six-jobs,web}.slow.test.ts', 'test/run/shared-memory.slow.test.ts']

const commands = /\/(?:process_scanner|inheritance|command_group|os_process)\.cc$/
const linux = nativeSources('linux').filter((file) => !commands.test(file) && !file.includes('/posix/'))
const darwin = nativeSources('darwin').filter(
  (file) => commands.test(file) || file.includes('/posix/') || file.endsWith('/process_list.cc'),
)
const standIn = 'test/native/darwin_stand_in'

async function build(copy) {
  const overStandIn = [...darwin, `${standIn}/stand_in.cc`, `${standIn}/addon/begin.cc`]
  const sources = [...linux, ...overStandIn.map((file) => [file, `-I${standIn}`])]
  const flags = [...testFlags, ...addonFlags, ...includeFlags, ...nodeApiFlags()]
  const objects = await compileAll(sources, { command: [systemCompiler], flags, folder: copy })
  await linkAddon(objects, join(copy, 'build/Release/tripline.node'))
}

const files = process.argv.slice(2)
const finish = beginRun(files.length === 0 ? 'stand-in' : undefined, 'npm run test:stand-in')
const report = vitestReport()
const copy = mkdtempSync(join(tmpdir(), 'tripline-stand-in-'))
try {
  // For a test that runs as another user.
  chmodSync(copy, 0o755)
  for (const each of ['native', 'src', 'dist', 'docs', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts']) {
    cpSync(join(root, each), join(copy, each), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  await build(copy)
  for (const each of LINUX_ONLY) console.log(`left out, Linux only: ${each}`)
  const names = `^(?!.*(${LINUX_ONLY.join('|')}))`
  const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')
  const args = [
    vitest,
    'run',
    ...OTHERS.flatMap((each) => ['--exclude', each]),
    ...(files.length === 0 ? ['test/run', 'test/cli'] : files),
    '-t',
    names,
    ...report.args,
  ]
  const env = { ...process.env, TRIPLINE_TESTS: 'commands' }
  process.exitCode = spawnSync(process.execPath, args, { cwd: copy, stdio: 'inherit', env }).status ?? 1
} finally {
  if (!finish(report.take(), process.exitCode === 0).passed) process.exitCode ||= 1
  rmSync(copy, { recursive: true, force: true })
}
