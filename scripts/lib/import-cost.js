// Measures what loading the library costs over an empty module, for the bench and for a bound in CI.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const dist = fileURLToPath(new URL('../../dist', import.meta.url))

// Each prints the processor time of its whole life, which unlike wall-clock time hardly depends on other programs.
const SPENT = '{ const { user, system } = process.cpuUsage(); writeSync(1, String(user + system)) }'
const COMMONJS = `process.on('exit', () => { const { writeSync } = require('node:fs'); ${SPENT} })\n`
const ESM = `import { writeSync } from 'node:fs'\nprocess.on('exit', () => ${SPENT})\n`

/** Two programs of each module system: one that loads the library, and an empty one. */
const PROGRAMS = {
  'empty.cjs': COMMONJS,
  'require.cjs': `${COMMONJS}require(${JSON.stringify(join(dist, 'index.cjs'))})\n`,
  'empty.mjs': ESM,
  'import.mjs': `${ESM}import ${JSON.stringify(pathToFileURL(join(dist, 'index.js')).href)}\n`,
}

const median = (numbers) => numbers.toSorted((one, other) => one - other)[Math.floor(numbers.length / 2)]

function time(args) {
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${args.join(' ')} failed`)
  return Number(stdout) / 1000
}

/**
 * Milliseconds of processor time of whole processes, in interleaved rounds: medians of how much more `require` and
 * `import` of the library take than an empty module of the same kind in the same round, and of their ratio to `node -e
 * 0`.
 */
export function importCost(rounds) {
  const folder = mkdtempSync(join(tmpdir(), 'tripline-import-'))
  try {
    for (const [name, text] of Object.entries(PROGRAMS)) writeFileSync(join(folder, name), text)
    const round = () => ({
      node: time(['-e', COMMONJS]),
      ...Object.fromEntries(Object.keys(PROGRAMS).map((name) => [name, time([join(folder, name)])])),
    })
    round()
    const all = Array.from({ length: rounds }, round)
    const cost = (loaded, empty) => ({
      over: median(all.map((each) => each[loaded] - each[empty])),
      ratio: median(all.map((each) => each[loaded] / each.node)),
    })
    return { require: cost('require.cjs', 'empty.cjs'), import: cost('import.mjs', 'empty.mjs') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
