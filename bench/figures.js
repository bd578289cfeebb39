// The figures in the README: a selection from bench/results/*.json, so that none is typed by hand.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const README = `${here}../README.md`
const BLOCK = /<!-- figures -->\n[^]*<!-- \/figures -->/

/** What the README says, the suite, and the row of its results. */
const FIGURES = [
  [
    'wake-ups of the JavaScript thread while no limit is crossed',
    'sampler',
    'JavaScript thread, nothing crossed: wake-ups',
  ],
  ['CPU of the sampling thread, six limits within 100 ms', 'sampler', 'typical guard set: CPU of the sampling thread'],
  ['memory that the sampler adds', 'sampler', 'memory that the sampler adds, typical guard set, stack included'],
  [
    'from a crossing to `isCanceled` in a blocked loop, p99 of the calmest of five rounds',
    'sampler',
    'crossing to isCanceled, loop blocked, polled near the limit: p99',
  ],
  [
    'reading CPU, memory and disk: systeminformation, beside tripline',
    'sampler',
    'cpu.host + memory.host + disk: systeminformation',
  ],
  [
    'enter and exit of an operation with parent, timeout and token',
    'cancelable',
    'enter and exit, with parent, timeout and token',
  ],
  ['p-timeout with a signal, beside that', 'cancelable', 'p-timeout with a signal, over our enter and exit'],
  [
    '`cancel.preemptible()`, over a plain call',
    'blocked',
    'cancel.preemptible() of an empty function, over a plain call',
  ],
  [
    'a blocked loop fills a group of 600 MB at up to 1000 MB per second, limit at 480 MB: tripline, `preemptible`',
    'survival',
    'loop blocked, 1000 MB/s: tripline, preemptible()',
  ],
  [
    '`setInterval` with `memoryUsage.rss()` beside it',
    'survival',
    'loop blocked, 1000 MB/s: setInterval, rss() every 100 ms',
  ],
  [
    'a check of `memoryUsage.rss()` after each megabyte beside it',
    'survival',
    'loop blocked, 1000 MB/s: inline, memoryUsage.rss()',
  ],
  ['`every({ hz: 1000 })`: beats delivered', 'ticker', 'idle, 1000 Hz, tripline'],
  ['`setInterval` beside it', 'ticker', 'idle, 1000 Hz, setInterval'],
  ['`tripline run true`', 'cli', 'tripline run true: wall time'],
  ['`timeout 10 true` beside it', 'cli', 'timeout 10 true: wall time'],
  ["`import 'tripline'`, over an empty module", 'sampler', "import 'tripline' over an empty module"],
  ['the largest release binary', 'sampler', 'the largest release binary'],
]

/** The table, between its two marks. */
export function figures() {
  const suites = new Map()
  const read = (suite) => {
    if (!suites.has(suite)) suites.set(suite, JSON.parse(readFileSync(`${here}results/${suite}.json`, 'utf8')))
    return suites.get(suite)
  }
  const rows = FIGURES.map(([text, suite, name]) => {
    const row = read(suite).rows.find((each) => each.name === name)
    if (row === undefined) throw new Error(`bench/results/${suite}.json has no row '${name}'`)
    return `| ${text} | ${row.value} ${row.unit} | \`npm run bench -- ${suite}\` |`
  })
  const { cpu, cores, node, kernel } = read('sampler').machine
  const machine = `Measured on a shared virtual machine (${cpu}, ${cores} CPUs, ${kernel}, Node ${node}):`
  return `<!-- figures -->\n${machine}\n\n| | | repeat it |\n|---|---|---|\n${rows.join('\n')}\n<!-- /figures -->`
}

/** The README with the current figures. */
export function withFigures(text) {
  if (!BLOCK.test(text)) throw new Error('README.md has no place for figures')
  return text.replace(BLOCK, () => figures())
}

export function writeFigures() {
  writeFileSync(README, withFigures(readFileSync(README, 'utf8')))
}
