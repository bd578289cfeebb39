// Builds the release binaries: `npm run prebuild [-- [--out FOLDER] [NAME...]]`, where NAME is the name of a target in
// scripts/prebuild/targets.js or the beginning of one. prebuildify drives each target and names the file; it calls
// scripts/prebuild/compile.js in place of node-gyp.
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { root } from './lib/cxx.js'
import { targets } from './prebuild/targets.js'
import { zigFolder } from './prebuild/toolchain.js'

const prebuildify = promisify(createRequire(import.meta.url)('prebuildify'))

/** Builds one target into `out`/prebuilds and returns the path of the file. */
export async function prebuild(target, out) {
  // In a separate folder, because the tests load build/Release of the checkout.
  const work = mkdtempSync(join(tmpdir(), 'tripline-prebuild-'))
  try {
    copyFileSync(join(root, 'package.json'), join(work, 'package.json'))
    await prebuildify({
      cwd: work,
      out,
      napi: true,
      targets: ['node@20.19.0'],
      platform: target.platform,
      arch: target.arch,
      armv: target.arch === 'arm' ? (target.armv ?? '6') : '',
      tagArmv: target.armv !== undefined,
      nodeGyp: join(root, 'scripts/prebuild/compile.js'),
      cache: join(work, 'cache'),
    })
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return join(out, 'prebuilds', target.file)
}

export async function prebuildAll(wanted, out, report = () => {}) {
  zigFolder()
  mkdirSync(out, { recursive: true })
  for (const target of wanted) {
    const started = Date.now()
    const file = await prebuild(target, out)
    report(target, statSync(file).size, Date.now() - started)
  }
}

function parse(args) {
  let out = root
  const names = []
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--out') out = resolve(args[++i])
    else names.push(args[i])
  }
  const wanted = targets.filter((each) => names.length === 0 || names.some((name) => each.name.startsWith(name)))
  if (wanted.length === 0) throw new Error(`no such target; there are ${targets.map((each) => each.name).join(' ')}`)
  return { out, wanted }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { out, wanted } = parse(process.argv.slice(2))
  await prebuildAll(wanted, out, (target, size, took) => {
    console.log(
      `${target.name.padEnd(24)} ${String(size).padStart(7)} bytes  ${(took / 1000).toFixed(1).padStart(5)} s`,
    )
  })
}
