// The matrix: installs the packed tarball with scripts blocked and runs it in every runtime that this machine can run.
// `npm run test:matrix [-- WORD...]` runs the rows whose name or target contains one of the words. The last line has the
// counts. Needs the packages of scripts/matrix/install.sh; a row that lacks one has failed, because it proves nothing.
import { execFile, execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { headersFolder } from '../build-native.js'
import { pack } from '../lib/pack.js'
import { fetchRuntime } from '../lib/runtimes.js'
import { judge } from '../prebuild/rules.js'
import { targets } from '../prebuild/targets.js'
import { cacheFolder, zigFolder } from '../prebuild/toolchain.js'
import { muslLibraries, muslLoader } from './musl.js'
import { makeProject, readResult } from './project.js'
import { rows } from './rows.js'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
const work = mkdtempSync(join(tmpdir(), 'tripline-matrix-'))
const app = join(work, 'app')
let tarball

/** Packs the tarball and installs it in an empty folder without running any script. */
function install() {
  execFileSync('npm', ['run', '--silent', 'build:ts'], { cwd: root, stdio: 'inherit' })
  tarball = pack(work)
  makeProject(app)
  execFileSync('npm', ['install', tarball, '--ignore-scripts', '--no-audit', '--no-fund', '--silent'], {
    cwd: app,
    stdio: 'inherit',
  })
  return readFileSync(tarball).length
}

/** Runs a command to its end and returns its output, which ends in the program's line of JSON. */
function run(command, args, options = {}) {
  return new Promise((done, fail) => {
    const env = { ...process.env, ...options.env }
    delete env.npm_config_prefix
    execFile(
      command,
      args,
      { cwd: app, timeout: 900_000, maxBuffer: 1 << 24, ...options, env },
      (error, stdout, stderr) => {
        if (error !== null && !stdout.includes('{"'))
          fail(
            new Error(
              `${error.code ?? error.signal}: ${stderr.trim().split('\n').at(-1) || error.message.split('\n')[0]}`,
            ),
          )
        else done(stdout)
      },
    )
  })
}

const programOf = ({ runtime, script: own }, script = own ?? 'program.mjs') => [...(runtime.args ?? []), script]

/** Runs a program under wine. Its output goes to files, because wine cannot give pipes to node.exe. */
async function runWine(row, host, { script = 'program.mjs', prefix = 'wine', env = {} } = {}) {
  const folder = join(cacheFolder, prefix)
  const command = `exec wine "$0" "$@" </dev/null >"${work}/out" 2>"${work}/err"`
  const settings = { WINEPREFIX: folder, WINEDEBUG: '-all', NODE_SKIP_PLATFORM_CHECK: '1', ...env, ...row.env }
  await run('sh', ['-c', `${command}; true`, host, ...programOf(row, script)], { env: settings }).catch(() => {})
  const output = readFileSync(join(work, 'out'), 'utf8')
  if (!output.includes('{'))
    throw new Error(readFileSync(join(work, 'err'), 'utf8').trim().split('\n')[0] || 'wine says nothing')
  return readResult(output)
}

const ways = {
  async native(row) {
    return readResult(await run(fetchRuntime(row.runtime), programOf(row), { env: row.env }))
  },
  async 'qemu-arm64'(row) {
    const program = fetchRuntime(row.runtime)
    return readResult(
      await run('qemu-aarch64', ['-L', '/usr/aarch64-linux-gnu', program, ...programOf(row)], { env: row.env }),
    )
  },
  async 'qemu-arm'(row) {
    const program = fetchRuntime(row.runtime)
    return readResult(
      await run('qemu-arm', ['-L', '/usr/arm-linux-gnueabihf', program, ...programOf(row)], { env: row.env }),
    )
  },
  async musl(row) {
    const program = fetchRuntime(row.runtime)
    const { libraries } = muslLibraries('x64', program)
    return readResult(await run(program, programOf(row), { env: { LD_LIBRARY_PATH: libraries } }))
  },
  async 'musl-qemu-arm64'(row) {
    const program = fetchRuntime(row.runtime)
    const { libraries, sysroot } = muslLibraries('arm64', program)
    const args = ['-L', sysroot, '-E', `LD_LIBRARY_PATH=${libraries}`, program, ...programOf(row)]
    return readResult(await run('qemu-aarch64', args))
  },
  // No runtime exists for this target, so the real loader loads the file into a program that has all of Node-API as stubs.
  async 'musl-loader-arm'(row) {
    const { file } = targets.find((each) => each.name === row.target)
    const { host, sysroot } = muslLoader()
    return (await run('qemu-arm', ['-L', sysroot, host, join(app, 'node_modules/tripline/prebuilds', file)])).includes(
      '{"version":8}',
    )
      ? 'its functions found'
      : Promise.reject(new Error('not loaded'))
  },
  wine: (row) => runWine(row, fetchRuntime(row.runtime)),
  'wine-commands': (row) => runWine(row, fetchRuntime(row.runtime), { script: 'commands.mjs' }),
  async 'wine-renamed'(row) {
    const host = join(work, 'other-host.exe')
    copyFileSync(fetchRuntime(row.runtime), host)
    return runWine(row, host)
  },
  async 'wine-counters'(row) {
    const prefix = 'wine-counters'
    const folder = join(cacheFolder, prefix)
    const runtime = fetchRuntime(row.runtime)
    await run('sh', ['-c', 'wineboot -i >/dev/null 2>&1; true'], { env: { WINEPREFIX: folder, WINEDEBUG: '-all' } })
    const library = join(folder, 'drive_c/windows/system32/pdh.dll')
    rmSync(library, { force: true })
    const zig = join(zigFolder(), 'zig')
    const source = join(root, 'test/platforms/pdh_stand_in.c')
    await run(zig, ['cc', '-target', 'x86_64-windows-gnu', '-shared', '-Os', '-s', source, '-o', library], {
      env: {
        ZIG_GLOBAL_CACHE_DIR: join(cacheFolder, 'zig-cache'),
        ZIG_LOCAL_CACHE_DIR: join(cacheFolder, 'zig-cache'),
      },
    })
    return runWine(row, runtime, { script: 'counters.mjs', prefix, env: { WINEDLLOVERRIDES: 'pdh=n' } })
  },
  /** Builds with the two commands in docs/platforms.md. The headers that came with this node save a download. */
  async source() {
    const cwd = join(work, 'source')
    makeProject(cwd)
    const prefix = headersFolder()
    const env = prefix === undefined ? {} : { npm_config_nodedir: prefix }
    await run('npm', ['install', tarball, '--ignore-scripts', '--no-audit', '--no-fund'], { cwd })
    await run('npm', ['install', '--no-save', 'node-addon-api'], { cwd })
    await run('npx', ['--yes', 'node-gyp', 'rebuild', '-C', 'node_modules/tripline/native'], { cwd, env })
    rmSync(join(cwd, 'node_modules/tripline/prebuilds'), { recursive: true })
    return readResult(await run(process.execPath, ['program.mjs'], { cwd }))
  },
  check(row) {
    const target = targets.find((each) => each.name === row.target)
    const wrong = judge(target, readFileSync(join(app, 'node_modules/tripline/prebuilds', target.file)))
    if (wrong.length > 0) throw new Error(wrong[0])
    return Promise.resolve('its rules kept')
  },
}

const levels = { check: 'checked', 'musl-loader-arm': 'loaded' }

const words = process.argv.slice(2)
const wanted = rows.filter(
  (row) => words.length === 0 || words.some((word) => `${row.name} ${row.target}`.includes(word)),
)
let passed = 0
let failed = 0
try {
  console.log(`the tarball has ${(install() / 1024).toFixed(0)} KB\n`)
  const width = Math.max(...wanted.map((row) => row.name.length))
  console.log(`${'runtime'.padEnd(width)}  ${'target'.padEnd(22)} ${'took'.padStart(7)}  how far`)
  for (const row of wanted) {
    const started = Date.now()
    let verdict
    try {
      const what = await ways[row.by](row)
      verdict = `${levels[row.by] ?? 'run'}`.padEnd(8) + what
      passed++
    } catch (error) {
      verdict = `FAILED  ${error.code === 'ENOENT' ? `${basename(error.path ?? '')} is missing` : error.message}`
      failed++
    }
    const took = `${((Date.now() - started) / 1000).toFixed(1)} s`
    console.log(`${row.name.padEnd(width)}  ${row.target.padEnd(22)} ${took.padStart(7)}  ${verdict}`)
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
