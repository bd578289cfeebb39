// Builds and runs the native unit tests: everything in native/ that knows no Node-API, and test/native/*.cc, in one
// program. CXX and CXXFLAGS (sanitizers) are heeded; arguments go to the program (part of a test's name).
import { execFile, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createHash } from 'node:crypto'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
process.chdir(root)

const compiler = process.env.CXX ?? 'g++'
const platform = { linux: 'linux', darwin: 'darwin', win32: 'windows' }[process.platform] ?? process.platform
const folders = ['native', 'native/posix', `native/${platform}`, `native/${platform}/parse`, 'test/native']
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
  `-Inative/${platform}`,
  ...(process.env.CXXFLAGS ?? '').split(' ').filter(Boolean),
]

const filesIn = (folder, ending) => {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(ending))
      .map((name) => join(folder, name))
  } catch {
    return []
  }
}
const sources = folders
  .flatMap((folder) => filesIn(folder, '.cc'))
  .filter((file) => !/node_api\.h|napi\.h/.test(readFileSync(file, 'utf8')))
const newestHeader = Math.max(
  ...folders
    .flatMap((folder) => [...filesIn(folder, '.h'), ...filesIn(folder, '.def')])
    .map((file) => statSync(file).mtimeMs),
)

// Objects are kept per set of flags, and compiled again when their source or any header is newer.
const build = join(
  'build',
  'native-test',
  createHash('sha256')
    .update([compiler, ...flags].join('\0'))
    .digest('hex')
    .slice(0, 12),
)
mkdirSync(build, { recursive: true })

const isFresh = (object, source) => {
  try {
    const made = statSync(object).mtimeMs
    return made > statSync(source).mtimeMs && made > newestHeader
  } catch {
    return false
  }
}

const compile = (source) =>
  new Promise((done, fail) => {
    const object = join(build, source.replaceAll(/[\\/]/g, '-').replace(/\.cc$/, '.o'))
    if (isFresh(object, source)) return done(object)
    execFile(compiler, [...flags, '-c', source, '-o', object], (error, stdout, stderr) => {
      process.stderr.write(stdout + stderr)
      if (error) fail(new Error(`${basename(source)} does not compile`))
      else done(object)
    })
  })

const objects = []
const queue = [...sources]
const worker = async () => {
  for (let source = queue.shift(); source !== undefined; source = queue.shift()) objects.push(await compile(source))
}
try {
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
} catch (error) {
  console.error(error.message)
  process.exit(1)
}

const program = join(build, 'tests')
const list = join(build, 'objects')
writeFileSync(list, objects.sort().join('\n'))
const linked = spawnSync(compiler, [...flags, `@${list}`, '-o', program, '-pthread'], { stdio: 'inherit' })
if (linked.status !== 0) process.exit(1)
const run = spawnSync(resolve(program), process.argv.slice(2), { stdio: 'inherit' })
if (run.signal) console.error(`the tests died of ${run.signal}`)
process.exit(run.status ?? 1)
