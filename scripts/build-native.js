// Compiles the addon from source into build/Release, with the headers of the running node if they are installed.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** The folder above this node's own headers; undefined if they are not installed. */
export function headersFolder() {
  const prefix = dirname(dirname(process.execPath))
  return existsSync(join(prefix, 'include/node/node_api.h')) ? prefix : undefined
}

/** Builds everything anew. Shows the output of node-gyp only if it fails. Returns whether it succeeded. */
export function buildNative(...options) {
  clean(join(root, 'build'))
  return ['configure', 'build'].every((command) => runNodeGyp(root, command, options))
}

/** As `node-gyp clean`, but keeps the figures of tests, which a build in between must not lose. */
function clean(folder) {
  if (!existsSync(folder)) return
  for (const name of readdirSync(folder)) {
    if (name !== 'reliability') rmSync(join(folder, name), { recursive: true, force: true })
  }
}

/** The same for one command of node-gyp in a folder with a binding.gyp. */
export function runNodeGyp(folder, command, options, env = process.env) {
  const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js')
  const prefix = headersFolder()
  const headers = prefix === undefined ? [] : [`--nodedir=${prefix}`]
  const result = spawnSync(process.execPath, [nodeGyp, command, '--jobs=max', ...headers, ...options], {
    cwd: folder,
    env,
    encoding: 'utf8',
  })
  if (result.status !== 0) process.stderr.write(`${result.stdout}${result.stderr}`)
  else process.stderr.write(warnings(result.stderr + result.stdout))
  return result.status === 0
}

function warnings(output) {
  return output
    .split('\n')
    .filter((line) => / warning: /.test(line))
    .map((line) => `${line}\n`)
    .join('')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = buildNative(...process.argv.slice(2)) ? 0 : 1
}
