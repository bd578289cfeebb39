// Checks prebuilds/: no file is missing or left over, every binary follows the rules of scripts/prebuild/rules.js, all
// of them together are small enough, and they match the sources byte for byte (`--quick` skips the last check).
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { prebuildAll } from './prebuild.js'
import { inspect } from './prebuild/inspect.js'
import { judge } from './prebuild/rules.js'
import { maxPackedBytes, targets } from './prebuild/targets.js'
import { zigFolder } from './prebuild/toolchain.js'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const prebuilds = join(root, 'prebuilds')
let failures = 0

function fail(what) {
  failures++
  console.error(`  ${what}`)
}

// The stub of Apple's library lists its exports. A binary that calls a missing function would only fail at that call.
function checkLibSystem() {
  const known = new Set(readFileSync(join(zigFolder(), 'lib/libc/darwin/libSystem.tbd'), 'utf8').match(/[\w$]+/g))
  for (const [target, file] of files) {
    if (target.platform !== 'darwin') continue
    for (const { name } of inspect(file).imports) {
      if (!name.startsWith('napi_') && !known.has(`_${name}`) && !known.has(name))
        fail(`${target.file}: libSystem has no ${name}`)
    }
  }
}

const expected = new Set(targets.map((each) => each.file))
for (const name of readdirSync(prebuilds, { recursive: true, withFileTypes: true })) {
  const file = join(name.parentPath, name.name).slice(prebuilds.length + 1)
  if (name.isFile() && !expected.has(file)) fail(`prebuilds/${file} belongs to no target`)
}

const files = new Map()
for (const target of targets) {
  try {
    files.set(target, readFileSync(join(prebuilds, target.file)))
  } catch {
    fail(`prebuilds/${target.file} is missing`)
  }
}

let packed = 0
for (const [target, file] of files) {
  const compressed = gzipSync(file, { level: 9 }).length
  packed += compressed
  console.log(
    `${target.name.padEnd(24)} ${String(file.length).padStart(7)} bytes, ${String(compressed).padStart(6)} packed`,
  )
  for (const each of judge(target, file)) fail(`${target.file} ${each}`)
}
console.log(`${'together'.padEnd(24)} ${' '.repeat(13)} ${String(packed).padStart(8)} packed`)
if (packed > maxPackedBytes) fail(`all binaries together take ${packed} bytes packed, more than ${maxPackedBytes}`)

if (!process.argv.includes('--quick')) {
  checkLibSystem()
  const out = mkdtempSync(join(tmpdir(), 'tripline-check-'))
  try {
    await prebuildAll([...files.keys()], out)
    for (const [target, file] of files) {
      const made = readFileSync(join(out, 'prebuilds', target.file))
      if (!made.equals(file)) fail(`${target.file} is not what the sources give: npm run prebuild`)
    }
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}

console.log(failures === 0 ? 'prebuilds: all is well' : `prebuilds: ${failures} wrong`)
process.exitCode = failures === 0 ? 0 : 1
