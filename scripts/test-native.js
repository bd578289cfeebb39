// Builds and runs the native unit tests: everything in native/ below the Node-API face, and test/native/*.cc, in one
// program; on Linux a second one runs commands as macOS does (test/native/darwin_stand_in). Takes CXX and CXXFLAGS
// (sanitizers) from the environment; an argument selects tests by a part of their names.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { samplerSources } from '../native/sources.js'
import {
  compileAll,
  hostOs,
  includeFlags,
  isClang,
  lockFlags,
  root,
  run,
  systemCompiler,
  testFlags,
  warningFlags,
} from './lib/cxx.js'

process.chdir(root)

const standIn = 'test/native/darwin_stand_in'

/** What each program consists of, and what it needs beside the common flags. */
const programs = [{ own: [], sources: [...samplerSources(hostOs), ...sourcesIn('test/native')] }]
if (hostOs === 'linux') {
  // The folder of macOS that runs commands, on real processes: what it calls of macOS is a stand-in.
  const used =
    /\/(?:posix\/\w+|darwin\/(?:process_scanner|inheritance|command_group|os_process|process_list|process))\.cc$/
  programs.push({
    own: [`-I${standIn}`],
    sources: [
      ...samplerSources('darwin').filter((file) => used.test(file)),
      'native/port/metrics.cc',
      'native/port/probe.cc',
      ...samplerSources('linux').filter((file) => /\/util\/\w+\.cc$|\/linux\/thread\.cc$/.test(file)),
      'test/native/main.cc',
      ...sourcesIn(standIn),
    ],
  })
}

function sourcesIn(folder) {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.cc'))
    .map((name) => `${folder}/${name}`)
}

/** Builds one program and runs it; its exit status. */
async function test({ own, sources }) {
  const flags = [
    ...testFlags,
    ...warningFlags,
    ...(isClang(systemCompiler) ? lockFlags : []),
    ...own,
    ...includeFlags,
    ...(process.env.CXXFLAGS ?? '').split(' ').filter(Boolean),
  ]
  // Objects are kept per set of flags.
  const key = createHash('sha256').update([systemCompiler, ...flags].join('\0'))
  const folder = path.join('.cache/native-test', key.digest('hex').slice(0, 12))
  mkdirSync(folder, { recursive: true })
  const list = path.join(folder, 'objects')
  const program = path.resolve(folder, 'tests')
  try {
    const objects = await compileAll(sources, { command: [systemCompiler], flags, folder, incremental: true })
    writeFileSync(list, objects.join('\n'))
    await run(systemCompiler, [...flags, `@${list}`, '-o', program, '-pthread'])
  } catch (error) {
    console.error(error.message)
    return 1
  }
  const ran = spawnSync(program, process.argv.slice(2), { stdio: 'inherit' })
  if (ran.signal) console.error(`the native tests died of ${ran.signal}`)
  return ran.status ?? 1
}

const statuses = []
for (const program of programs) statuses.push(await test(program))
// 2 is a program without a test of that name: all right, as long as another has one.
process.exitCode = statuses.find((status) => status !== 0 && status !== 2) ?? (statuses.includes(0) ? 0 : 1)
