// The figures in the README and in the manual: a selection from bench/results/*.json, so that none is typed by hand.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = `${here}../`
const BLOCK = /<!-- figures -->\n[^]*<!-- \/figures -->/

/** Its row has the least of several rounds only. */
const LATENCY = 'crossing to isCanceled, loop blocked, polled near the limit: p99'

/** What the README says, the suite, and the row of its results. */
const FIGURES = [
  [
    'wake-ups of the JavaScript thread while no limit is crossed',
    'sampler',
    'JavaScript thread, nothing crossed: wake-ups',
  ],
  ['CPU of the sampling thread, six limits within 100 ms', 'sampler', 'typical guard set: CPU of the sampling thread'],
  ['memory that the sampler adds', 'sampler', 'memory that the sampler adds, typical guard set, stack included'],
  ['from a crossing to `isCanceled` in a blocked loop, p99 of each of five rounds', 'sampler', LATENCY],
  [
    'CPU for reading CPU, memory and disk once: the sampling thread',
    'sampler',
    'cpu.host + memory.host + disk: tripline, on the sampling thread',
  ],
  [
    'the same by `os.cpus`, `os.freemem` and `statfs` of Node, on the main thread',
    'sampler',
    'cpu.host + memory.host + disk: os.cpus, os.freemem, fs.statfsSync on the main thread',
  ],
  [
    'the same by systeminformation, with the programs that it starts',
    'sampler',
    'cpu.host + memory.host + disk: systeminformation',
  ],
  [
    'enter and exit of an operation with parent, timeout and token',
    'cancelable',
    'enter and exit, with parent, timeout and token',
  ],
  [
    '`Cancelable.run` of an async function with parent, timeout and token, over a plain `await`',
    'cancelable',
    'run with parent, timeout and token over a plain await',
  ],
  ['p-timeout with a signal, over that', 'cancelable', 'p-timeout with a signal, over our run, both net of the body'],
  [
    '`cancel.preemptible()`, over a plain call',
    'blocked',
    'cancel.preemptible() of an empty function, over a plain call',
  ],
  ['`node:vm` with a `timeout`, over that', 'blocked', 'the same by node:vm with a timeout'],
  [
    'a new worker thread, which can be terminated, over that',
    'blocked',
    'the same by a new worker thread, which can be terminated',
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
  ['`Atomics.wait` in a worker beside it', 'ticker', 'idle, 1000 Hz, Atomics.wait in a worker'],
  ['`tripline run true`', 'cli', 'tripline run true: wall time'],
  ['`timeout 10 true` beside it', 'cli', 'timeout 10 true: wall time'],
  ["`import 'tripline'`, over an empty module", 'sampler', "import 'tripline' over an empty module"],
  ['the largest release binary', 'size', 'the largest release binary'],
]

const suites = new Map()

function read(suite) {
  if (!suites.has(suite)) suites.set(suite, JSON.parse(readFileSync(`${here}results/${suite}.json`, 'utf8')))
  return suites.get(suite)
}

function find(suite, name) {
  const row = read(suite).rows.find((each) => each.name === name)
  if (row === undefined) throw new Error(`bench/results/${suite}.json has no row '${name}'`)
  return row
}

/** The table of the README. */
export function figures() {
  const rows = FIGURES.map(([text, suite, name]) => {
    const row = find(suite, name)
    return `| ${text} | ${name === LATENCY ? rangeOfRounds(row) : plain(row)} | \`${suite}\` |`
  })
  const { cpu, cores, node, kernel } = read('sampler').machine
  // Suites that ran elsewhere, or under another kernel, say so.
  const used = [...new Set(FIGURES.map(([, suite]) => suite))].map((suite) => [suite, read(suite)])
  const others = used.filter(([, { machine }]) => machine.cpu !== cpu || machine.kernel !== kernel)
  const exceptions = others.map(([suite, { machine }]) => `; \`${suite}\`: ${machine.cpu}, ${machine.kernel}`)
  const head = `Measured on a shared virtual machine (${cpu}, ${cores} CPUs, ${kernel}, Node ${node}${exceptions.join('')}).
To repeat a figure in a checkout: \`npm install\`, then \`npm run bench -- SUITE\`.`
  return `${head}\n\n| what | measured | suite |\n|---|---|---|\n${rows.join('\n')}`
}

function plain({ value, unit }) {
  return `${value} ${unit}`
}

/** The least, the median and the largest of the rounds of a latency, which its note lists: the row has only the least. */
function rangeOfRounds({ name, note, unit }) {
  const [, list] = /^calmest of \d+ rounds of \d+ \(([\d., ]+)\)/.exec(note) ?? []
  if (list === undefined) throw new Error(`the note of '${name}' does not list its rounds`)
  const rounds = list.split(', ').toSorted((a, b) => a - b)
  return `median ${rounds[Math.floor(rounds.length / 2)]} ${unit}, from ${rounds[0]} to ${rounds.at(-1)} ${unit}`
}

/** What users of under-pressure want to know of an overload. */
function overload() {
  const rows = ['accepted per second', 'p99 of accepted requests', 'errors and timeouts of clients'].map((what) => {
    const [theirs, ours] = ['@fastify/under-pressure', 'protectFastify'].map((name) => find('web', `${name}: ${what}`))
    return `| ${what} | ${plain(theirs)} | ${plain(ours)} |`
  })
  return `| | under-pressure | \`protectFastify\` |\n|---|---|---|\n${rows.join('\n')}`
}

/** The pages that have measured figures between two marks. */
export const PAGES = { 'README.md': figures, 'docs/coming-from-under-pressure.md': overload }

/** The text of a page with the current figures. */
export function withFigures(page, text) {
  if (!BLOCK.test(text)) throw new Error(`${page} has no place for figures`)
  return text.replace(BLOCK, () => `<!-- figures -->\n${PAGES[page]()}\n<!-- /figures -->`)
}

export function writeFigures() {
  for (const page of Object.keys(PAGES)) {
    writeFileSync(root + page, withFigures(page, readFileSync(root + page, 'utf8')))
  }
}
