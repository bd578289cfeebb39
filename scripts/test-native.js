// Builds and runs the native unit tests: everything in native/ that knows no Node-API, and test/native/*.cc, in one
// program; on Linux a second one runs commands as macOS does (test/native/darwin_stand_in). CXX and CXXFLAGS (sanitizers)
// are heeded; an argument selects tests by a part of their names.
import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { nativeSources } from '../native/sources.js'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))

const compiler = process.env.CXX ?? 'g++'
const os = { win32: 'windows' }[process.platform] ?? process.platform

/** Of one program: what its quoted includes are found in beside their own folder, and what it consists of. */
const programs = [
  {
    folders: ['native'],
    sources: [
      ...nativeSources(os).filter((file) => !readFileSync(file, 'utf8').includes('<node_api.h>')),
      ...filesIn('test/native', /\.cc$/),
    ],
  },
]
if (os === 'linux') {
  // The folder of macOS that runs commands, on real processes: what it calls of macOS is a stand-in.
  const used =
    /\/(?:posix\/(?!thread)\w+|darwin\/(?:process_scanner|inheritance|command_group|os_process|process_list|process))\.cc$/
  programs.push({
    folders: ['test/native/darwin_stand_in', 'native'],
    sources: [
      ...nativeSources('darwin').filter((file) => used.test(file)),
      'native/port/metrics.cc',
      'native/port/probe.cc',
      'native/util/slope.cc',
      'test/native/main.cc',
      ...filesIn('test/native/darwin_stand_in', /\.cc$/),
    ],
  })
}

const newestHeader = Math.max(
  ...['/port', '/util', '/sampler', '/node', '/linux', '/linux/parse', '/darwin', '/posix', '/windows']
    .map((folder) => `native${folder}`)
    .concat('test/native', 'test/native/darwin_stand_in', 'test/native/darwin_stand_in/sys')
    .flatMap((folder) => filesIn(folder, /\.(h|def)$/))
    .map((file) => changedAt(file)),
)

function filesIn(folder, ending) {
  return readdirSync(folder)
    .filter((name) => ending.test(name))
    .map((name) => path.join(folder, name))
}

function changedAt(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

function compile(source, flags, build) {
  const object = path.join(build, source.replaceAll(/[\\/]/g, '-').replace(/\.cc$/, '.o'))
  const made = changedAt(object)
  if (made > changedAt(source) && made > newestHeader) return Promise.resolve(object)
  return new Promise((resolve, reject) => {
    execFile(compiler, [...flags, '-c', source, '-o', object], (error, stdout, stderr) => {
      process.stderr.write(stdout + stderr)
      if (error) reject(new Error(`${source} does not compile`))
      else resolve(object)
    })
  })
}

async function compileAll(sources, flags, build) {
  const objects = []
  const queue = [...sources]
  const work = async () => {
    for (let source = queue.shift(); source !== undefined; source = queue.shift())
      objects.push(await compile(source, flags, build))
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  return objects.toSorted((a, b) => a.localeCompare(b))
}

/** Builds one program and runs it; its exit status. */
async function run({ folders, sources }) {
  const flags = [
    '-std=c++17',
    '-O1',
    '-g',
    '-Wall',
    '-Wextra',
    '-Wconversion',
    // What a lock guards (native/util/thread_annotations.h), which only clang checks.
    ...(compiler.includes('clang') ? ['-Wthread-safety'] : []),
    '-fno-exceptions',
    '-fno-rtti',
    ...folders.map((folder) => `-I${folder}`),
    ...(process.env.CXXFLAGS ?? '').split(' ').filter(Boolean),
  ]
  // Objects are kept per set of flags, and compiled again when their source or any header is newer.
  const key = createHash('sha256').update([compiler, ...flags].join('\0'))
  const build = path.join('.cache', 'native-test', key.digest('hex').slice(0, 12))
  mkdirSync(build, { recursive: true })
  const list = path.join(build, 'objects')
  const program = path.resolve(build, 'tests')
  try {
    writeFileSync(list, (await compileAll(sources, flags, build)).join('\n'))
  } catch (error) {
    console.error(error.message)
    return 1
  }
  const linked = spawnSync(compiler, [...flags, `@${list}`, '-o', program, '-pthread'], { stdio: 'inherit' })
  if (linked.status !== 0) return 1
  const ran = spawnSync(program, process.argv.slice(2), { stdio: 'inherit' })
  if (ran.signal) console.error(`the native tests died of ${ran.signal}`)
  return ran.status ?? 1
}

const statuses = []
for (const program of programs) statuses.push(await run(program))
// 2 is a program without a test of that name: all right, as long as another has one.
process.exitCode = statuses.find((status) => status !== 0 && status !== 2) ?? (statuses.includes(0) ? 0 : 1)
