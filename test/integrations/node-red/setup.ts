/** A userDir of Node-RED that has the package as npm would pack it, and Node-RED itself, installed when it is missing. */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))
export const source = join(root, 'contrib/node-red')
/** The bound of an installation, with what else `beforeAll` does. */
export const INSTALL_MS = 400_000

/** Loads development dependencies of the package: Node-RED and its test helper. */
export const requireDev = createRequire(join(source, 'package.json'))

/** Installs Node-RED if it is missing. Test files may do so at the same time: the first one that is finished counts. */
export function installNodeRed(): void {
  const installed = join(source, 'node_modules')
  if (existsSync(join(installed, 'node-red'))) return
  mkdirSync(join(root, '.cache'), { recursive: true })
  const folder = mkdtempSync(join(root, '.cache', 'node-red-'))
  try {
    for (const file of ['package.json', 'package-lock.json', '.npmrc']) cpSync(join(source, file), join(folder, file))
    const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund']
    const { status, stderr } = spawnSync('npm', args, { cwd: folder, timeout: 300_000, encoding: 'utf8' })
    if (status !== 0) throw new Error(`npm ci of contrib/node-red failed: ${stderr}`)
    try {
      renameSync(join(folder, 'node_modules'), installed)
    } catch (error) {
      if (!existsSync(join(installed, 'node-red'))) throw error
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export interface UserDir extends Disposable {
  readonly folder: string
  /** The folder of the package in it. */
  readonly nodes: string
}

/** @param options `library: false` leaves `tripline` out, as where its installation failed */
export function makeUserDir({ library = true } = {}): UserDir {
  const folder = mkdtempSync(join(tmpdir(), 'tripline-node-red-'))
  const nodes = join(folder, 'node_modules/node-red-contrib-tripline')
  mkdirSync(nodes, { recursive: true })
  const { files } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as { files: string[] }
  for (const each of ['package.json', ...files]) cpSync(join(source, each), join(nodes, each), { recursive: true })
  if (library) symlinkSync(root, join(folder, 'node_modules/tripline'))
  return {
    folder,
    nodes,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}
