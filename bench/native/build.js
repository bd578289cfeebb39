// Builds the bare ticker when it is not there or older than its source.
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const addon = join(here, 'build/Release/bare.node')
const prefix = dirname(dirname(process.execPath))

export function buildBare() {
  if (existsSync(addon) && statSync(addon).mtimeMs > statSync(join(here, 'bare.cc')).mtimeMs) return true
  const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js')
  const headers = existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : []
  const { status, stderr } = spawnSync(process.execPath, [nodeGyp, 'rebuild', ...headers], { cwd: here, encoding: 'utf8' })
  if (status !== 0) process.stderr.write(stderr)
  return status === 0
}

export function loadBare() {
  return createRequire(import.meta.url)(addon)
}
