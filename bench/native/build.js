// Builds the bare ticker, and loads it.
import { mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { addonFlags, compileAll, linkAddon, nodeApiFlags, root, systemCompiler } from '../../scripts/lib/cxx.js'

const folder = join(root, '.cache/bench')
const addon = join(folder, 'bare.node')

/** Whether the bare ticker could be built. */
export async function buildBare() {
  mkdirSync(folder, { recursive: true })
  const flags = ['-std=c++17', '-O2', '-DNDEBUG', ...addonFlags, ...nodeApiFlags()]
  try {
    await linkAddon(await compileAll(['bench/native/bare.cc'], { command: [systemCompiler], flags, folder, incremental: true }), addon)
    return true
  } catch (error) {
    process.stderr.write(`${error.message}\n`)
    return false
  }
}

export function loadBare() {
  return createRequire(import.meta.url)(addon)
}
