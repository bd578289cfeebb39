// The cost of the flight recorder: of rows on the sampling thread, and of a recorded operation. Each figure is that of a
// process of its own, because a process that has recorded once is no longer like one that has not.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { median, min, row } from '../lib/suite.js'

export const title = 'what the flight recorder costs'

const ROUNDS = 5
const child = (name) => fileURLToPath(new URL(`children/${name}.js`, import.meta.url))

export async function run(add) {
  const folder = mkdtempSync(join(tmpdir(), 'tripline-bench-'))
  try {
    measureRows(add, folder)
    measureOperations(add, folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The results of a child's modes, one list of numbers each; modes take turns. */
function measure(name, modes, folder) {
  const results = Object.fromEntries(modes.map((mode) => [mode, []]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const mode of modes) {
      const text = execFileSync(process.execPath, [child(name), mode, join(folder, 'file')], { encoding: 'utf8' })
      results[mode].push(JSON.parse(text))
    }
  }
  return results
}

function measureRows(add, folder) {
  const results = measure('rows', ['nothing', 'json:1', 'record:1', 'record:10', 'monitor:100', 'record:100'], folder)
  const cpu = (mode) => median(results[mode].map((each) => each.process))
  const thread = (mode) => median(results[mode].map((each) => each.thread))
  const nothing = cpu('nothing')
  add(row('nothing: process', nothing, 'µs of CPU per second'))
  add(
    row(
      'a JSON line of five figures per second to a file: process, over nothing',
      cpu('json:1') - nothing,
      'µs of CPU per second',
    ),
  )
  for (const rate of [1, 10]) {
    const more = cpu(`record:${rate}`) - nothing
    add(row(`record() of 10 metrics, ${rate} per second: process, over nothing`, more, 'µs of CPU per second'))
    add(
      row(
        `record() of 10 metrics, ${rate} per second: sampling thread`,
        thread(`record:${rate}`),
        'µs of CPU per second',
      ),
    )
  }
  const perRow = (thread('record:100') - thread('monitor:100')) / 100
  add(row('a row, over reading the same metrics without it', perRow, 'µs', { note: 'at 100 per second' }))
}

function measureOperations(add, folder) {
  const results = measure('operations', ['bare', 'named', 'recorded'], folder)
  const least = (mode) => min(results[mode])
  add(row('operation enter and exit: bare', least('bare'), 'ns'))
  add(row('the same with a name', least('named'), 'ns'))
  add(row('the same with a name, recorded: over that', least('recorded') - least('named'), 'ns', { atMost: 100 }))
}
