// Builds and runs the native unit tests. One program contains everything in native/ below the Node-API layer, and
// test/native/*.cc. A second one runs the sampler over a scripted system (test/native/scripted_system) and, on Linux, a
// third one commands as macOS does (test/native/darwin_stand_in). CXX and CXXFLAGS (sanitizers) come from the environment;
// an argument selects tests by a part of their names.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import {
  compileAll,
  includeFlags,
  isClang,
  lockFlags,
  root,
  run,
  systemCompiler,
  testFlags,
  warningFlags,
} from './lib/cxx.js'
import { programs } from './lib/native-tests.js'

process.chdir(root)

/** Builds one program, runs it and returns its exit status. */
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
// Status 2 means that no test of a program has that name, which is fine if another program has one.
process.exitCode = statuses.find((status) => status !== 0 && status !== 2) ?? (statuses.includes(0) ? 0 : 1)
