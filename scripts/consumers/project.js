// Creates projects like those of users, with the packed tripline and dependencies from the registry, and runs programs there.
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The folder for everything that a round writes; `tarball` is the packed tripline. */
export class Workshop {
  #installed = new Map()

  constructor(folder, tarball) {
    this.folder = folder
    this.tarball = tarball
  }

  /** The path of the binary for this machine, as installed. */
  async addon() {
    const folder = await this.project('plain')
    return join(folder, `node_modules/tripline/prebuilds/${process.platform}-${process.arch}/tripline.node`)
  }

  /** Creates a folder in which nothing is installed. */
  empty(name, manifest = {}) {
    const folder = join(this.folder, name)
    mkdirSync(folder, { recursive: true })
    write(folder, { 'package.json': JSON.stringify({ name, private: true, ...manifest }) })
    return folder
  }

  /** Creates a folder with tripline and other dependencies, `{ name: version }`. npm installs once, without scripts. */
  project(name, dependencies = {}, manifest = {}) {
    const known = this.#installed.get(name)
    if (known !== undefined) return known
    const folder = this.empty(name, {
      dependencies: { ...dependencies, tripline: `file:${this.tarball}` },
      ...manifest,
    })
    const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error']
    const installing = run('npm', args, { cwd: folder, timeout: 300_000 }).then(() => folder)
    this.#installed.set(name, installing)
    return installing
  }
}

/** Writes files, `{ path: text }`, and creates their folders. */
export function write(folder, files) {
  for (const [path, text] of Object.entries(files)) {
    const file = join(folder, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
}

/** The environment without variables of npm and of a test runner around this process, but with those for the registry. */
function ownEnvironment(more) {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(?:npm_(?!config_)|NODE_(?:OPTIONS|ENV|PATH|TEST)|TRIPLINE_|INIT_CWD|VITEST)/i.test(name),
  )
  return { ...Object.fromEntries(own), ...more }
}

/** Runs a command to its end and returns its output. If the command fails, the error has the last lines of the output. */
export function run(command, args, { cwd, env = {}, timeout = 120_000 }) {
  return new Promise((done, fail) => {
    const options = { cwd, env: ownEnvironment(env), timeout, maxBuffer: 1 << 26 }
    execFile(command, args, options, (error, stdout, stderr) => {
      const output = stdout + stderr
      if (error === null) {
        done(output)
        return
      }
      const lines = output.trim().split('\n').filter(Boolean).slice(-12)
      fail(Object.assign(new Error([error.code ?? error.signal, ...lines].join('\n')), { output }))
    })
  })
}

/** Runs a command that calls `report()` of test/consumers/check.js, and returns what `report()` wrote. */
export async function runCheck(command, args, { cwd, env = {}, timeout }) {
  const file = join(cwd, `result-${Math.random().toString(36).slice(2)}.json`)
  const output = await run(command, args, { cwd, env: { CONSUMER_RESULT: file, ...env }, timeout })
  const { breach, loaded } = JSON.parse(readFileSync(file, 'utf8'))
  rmSync(file)
  if (breach?.metric !== 'process.rss' || !(breach.value > 1e6)) throw new Error(`no breach: ${JSON.stringify(breach)}`)
  if (loaded.length !== 1) throw new Error(`loaded ${loaded.length} addons: ${loaded.join(', ')}`)
  return { breach, addon: loaded[0], output }
}
