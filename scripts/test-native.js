// Builds and runs the native unit tests: everything in native/ that knows no Node-API, and test/native/*.cc, in one
// program. CXX and CXXFLAGS (sanitizers) are heeded; an argument selects tests by a part of their names.
import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { nativeFolders, nativeSources } from '../native/sources.js'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))

const compiler = process.env.CXX ?? 'g++'
const os = { win32: 'windows' }[process.platform] ?? process.platform
const flags = [
  '-std=c++17',
  '-O1',
  '-g',
  '-Wall',
  '-Wextra',
  '-Wconversion',
  '-fno-exceptions',
  '-fno-rtti',
  '-Inative',
  `-Inative/${os}`,
  ...(process.env.CXXFLAGS ?? '').split(' ').filter(Boolean),
]

const sources = [
  ...nativeSources(os).filter((file) => !readFileSync(file, 'utf8').includes('<node_api.h>')),
  ...filesIn('test/native', /\.cc$/),
]
// Objects are kept per set of flags, and compiled again when their source or any header is newer.
const build = path.join(
  '.cache',
  'native-test',
  createHash('sha256')
    .update([compiler, ...flags].join('\0'))
    .digest('hex')
    .slice(0, 12),
)
const newestHeader = Math.max(
  ...['native', ...nativeFolders(os).map((folder) => `native/${folder}`), `native/${os}/parse`, 'test/native']
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

function compile(source) {
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

async function compileAll() {
  const objects = []
  const queue = [...sources]
  const work = async () => {
    for (let source = queue.shift(); source !== undefined; source = queue.shift()) objects.push(await compile(source))
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  return objects.toSorted((a, b) => a.localeCompare(b))
}

mkdirSync(build, { recursive: true })
const list = path.join(build, 'objects')
const program = path.resolve(build, 'tests')
try {
  writeFileSync(list, (await compileAll()).join('\n'))
} catch (error) {
  console.error(error.message)
  process.exit(1)
}
if (spawnSync(compiler, [...flags, `@${list}`, '-o', program, '-pthread'], { stdio: 'inherit' }).status !== 0)
  process.exit(1)
const run = spawnSync(program, process.argv.slice(2), { stdio: 'inherit' })
if (run.signal) console.error(`the native tests died of ${run.signal}`)
process.exit(run.status ?? 1)
