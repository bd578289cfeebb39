// Builds and runs the native unit tests. One program contains everything in native/ below the Node-API layer, and
// test/native/*.cc. A second one runs the sampler over a scripted system (test/native/scripted_system) and, on Linux, a
// third one commands as macOS does (test/native/darwin_stand_in). CXX and CXXFLAGS (sanitizers) come from the environment.
// Arguments select tests by a part of their names, or leave them out if they begin with a hyphen; a selection that matches
// no test fails. The counts of a whole run go to build/reliability/native.json.
import { spawn } from 'node:child_process'
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
import { nativeCounts, programs } from './lib/native-tests.js'
import { beginRun } from './lib/reliability.js'

process.chdir(root)
const words = process.argv.slice(2)

/** The exit status of a program in which no test matches. */
const NO_MATCH = 2

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
  const { status, signal, output } = await runTests(program)
  if (signal !== null) console.error(`the native tests died of ${signal}`)
  const { passed, failed, leftOut } = nativeCounts(output)
  counts['tests passed'] += passed
  counts['tests failed'] += failed
  if (leftOut > 0) counts['tests left out'] = (counts['tests left out'] ?? 0) + leftOut
  counts.programs++
  return status ?? 1
}

/** Runs a program and passes on its output. */
function runTests(program) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { stdio: ['inherit', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
      process.stdout.write(chunk)
    })
    child.on('error', reject)
    child.on('close', (status, signal) => resolve({ status, signal, output }))
  })
}

const isWhole = words.length === 0 && process.env.CXXFLAGS === undefined
const finish = beginRun(isWhole ? 'native' : undefined, 'node scripts/test-native.js')
const counts = { 'tests passed': 0, 'tests failed': 0, programs: 0 }

const statuses = []
for (const program of programs) statuses.push(await test(program))
const matching = statuses.filter((status) => status !== NO_MATCH)
if (matching.length === 0) console.error(`no native test matches '${words.join(' ')}'`)
process.exitCode = matching.length === 0 ? 1 : (matching.find((status) => status !== 0) ?? 0)
if (!finish(counts, process.exitCode === 0).passed) process.exitCode ||= 1
