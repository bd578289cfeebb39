// The cost of importing the package, the memory that the sampler adds, and the cost of reading its values.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { runChild } from '../lib/process.js'
import { median, min, row } from '../lib/suite.js'
import { measure } from './native.js'

const IMPORTS = 40
const child = (name) => new URL(`children/${name}`, import.meta.url)

export async function measureFootprint(add) {
  const { load, metrics, all, get, iterate, flag } = await runChild(child('read.js'))
  add(
    row('newest values from JavaScript: snapshot() of all', all / metrics, 'ns per metric', {
      atMost: 50,
      note: `${metrics} metrics; three atomic operations for all of them, at up to ${load.toFixed(1)} ns per call in a loop of its own`,
    }),
  )
  add(row('newest values from JavaScript: snapshot() and every value of it', iterate / metrics, 'ns per metric'))
  add(row('newest values from JavaScript: snapshot().get() of one', get, `ns, of ${metrics}`))
  add(row('guard.isBreached', flag, 'ns'))

  const grown = Array.from({ length: 5 }, () => {
    const [{ board, after }] = measure('memory')
    return after - board
  })
  const { resident } = await runChild(child('mappings.js'))
  add(
    row('memory that the sampler adds, typical guard set, stack included', median(grown) + resident, 'KiB', {
      atMost: 512,
      note: `${median(grown)} of heap, stack and other private memory; ${resident} of the addon file, code and data; the board is 4 KiB of JavaScript's`,
    }),
  )

  const walls = { imported: [], empty: [] }
  const cpus = { imported: [], empty: [] }
  let loaded = false
  for (let i = 0; i < IMPORTS; i++) {
    for (const name of ['imported', 'empty']) {
      const start = performance.now()
      const { stdout } = spawnSync(process.execPath, [child(`${name}.mjs`).pathname], { encoding: 'utf8' })
      walls[name].push(performance.now() - start)
      const { cpu, addon } = JSON.parse(stdout)
      cpus[name].push(cpu)
      loaded ||= addon
    }
  }
  const wall = (min(walls.imported) - min(walls.empty)).toFixed(1)
  add(
    row("import 'tripline' over an empty module", min(cpus.imported) - min(cpus.empty), 'ms of CPU', {
      atMost: 10,
      note: `${modules()} files; least of ${IMPORTS} each; ${wall} ms on the wall; loading each ES module is most of it; the addon is ${loaded ? '' : 'not '}loaded`,
    }),
  )
}

/** How many files of the package the import loads. */
function modules() {
  const seen = new Set()
  const visit = (url) => {
    if (seen.has(url)) return
    seen.add(url)
    for (const [, path] of readFileSync(new URL(url), 'utf8').matchAll(/^(?:import|export)[^'"]* from '(\..+?)'/gm)) {
      visit(new URL(path, url).href)
    }
  }
  visit(new URL('../../dist/index.js', import.meta.url).href)
  return seen.size
}
