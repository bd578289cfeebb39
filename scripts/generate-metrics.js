// Generates what depends on native/port/metrics.def: the rows of the TypeScript table, and the columns of
// docs/metrics.md that repeat them. `--check` writes nothing and fails if a file would change.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const TABLE = 'native/port/metrics.def'
const ROWS = 'src/addon/metrics-table.ts'
const PAGE = 'docs/metrics.md'

/** The hand-written columns of docs/metrics.md with the sources of each metric, by the system's name in the table. */
const SOURCES = ['kLinux', 'kMacos', 'kWindows']

/** The scopes that no selector narrows; `SELECTORS` in src/addon/metrics.ts has those of the others. */
const WITHOUT_SELECTOR = ['machine', 'guard', 'environment']

export function read(path) {
  return readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
}

/** The rows of metrics.def. */
export function parseTable(text) {
  const code = text.replaceAll(/^\/\/.*$/gm, '')
  const metrics = [...code.matchAll(/^METRIC\(([\s\S]*?)"\)$/gm)].map(([, row]) => parseRow(`${row}"`))
  if (metrics.length !== code.split('METRIC(').length - 1) throw new Error(`${TABLE}: a row that cannot be read`)
  const scopes = new Map()
  for (const { name, family, scope } of metrics) {
    if (metrics.filter((each) => each.name === name).length > 1) throw new Error(`${TABLE}: '${name}' is there twice`)
    if ((scopes.get(family) ?? scope) !== scope) throw new Error(`${TABLE}: two scopes in the family ${family}`)
    scopes.set(family, scope)
  }
  return metrics
}

function parseRow(row) {
  const cells = row.match(/"[^"]*"|[^,\s][^,]*/g).map((cell) => cell.trim())
  if (cells.length !== 12) throw new Error(`${TABLE}: a row with ${cells.length} cells instead of 12: ${row}`)
  const [id, name, unit, kind, worse, minPeriod, window, dwell, family, scope, systems, description] = cells
  return {
    id,
    name: name.slice(1, -1),
    unit: unit.slice(1, -1),
    kind: kind.slice(1).toLowerCase(),
    worse: worse.slice(1).toLowerCase(),
    minPeriod: Number(minPeriod),
    window: Number(window),
    for: Number(dwell),
    family,
    scope: scope.toLowerCase(),
    systems: systems === 'kEverywhere' ? SOURCES : systems.split(' | '),
    description: description.slice(1, -1),
  }
}

/** A union of these texts, formatted as oxfmt does. */
function union(name, values) {
  const texts = [...new Set(values)].map((value) => `'${value}'`)
  const line = `export type ${name} = ${texts.join(' | ')}`
  return line.length <= 120 ? line : `export type ${name} =${texts.map((text) => `\n  | ${text}`).join('')}`
}

/** src/addon/metrics-table.ts */
export function toTypeScript(metrics) {
  const rows = metrics.map((each) => {
    const { name, unit, kind, worse, minPeriod, window, scope, description } = each
    const key = /^\w+$/.test(name) ? name : `'${name}'`
    const cells = [`'${unit}'`, `'${kind}'`, `'${worse}'`, minPeriod, window, each.for, `'${scope}'`]
    return `  /** ${description} */\n  ${key}: [${cells.join(', ')}],\n`
  })
  return `/** The rows of \`${TABLE}\`, written by scripts/generate-metrics.js: not to be edited by hand. */

/** Every metric. docs/metrics.md lists them, and \`capabilities()\` says which of them this machine has. */
${union(
  'MetricName',
  metrics.map((each) => each.name),
)}

/** The metrics that take a selector, which stands in brackets in their text. */
${union(
  'SelectableMetric',
  metrics.filter(({ scope }) => !WITHOUT_SELECTOR.includes(scope)).map((each) => each.name),
)}

/** The unit of a metric's values; a flag is 0 or 1, and \`per CPU\` is a load average over the number of CPUs. */
${union(
  'MetricUnit',
  metrics.map((each) => each.unit),
)}

/** What distinguishes the series of one metric. */
${union(
  'MetricScope',
  metrics.map((each) => each.scope),
)}

export type MetricRow = readonly [
  unit: MetricUnit,
  kind: 'level' | 'ratio' | 'rate',
  worse: 'above' | 'below',
  minPeriod: number,
  window: number,
  dwell: number,
  scope: MetricScope,
]

export const ROWS: Readonly<Record<MetricName, MetricRow>> = {
${rows.join('')}}
`
}

/** A duration as docs/metrics.md writes it. */
function inWords(milliseconds) {
  return milliseconds >= 1000 ? `${milliseconds / 1000} s` : `${milliseconds} ms`
}

/** A row of docs/metrics.md; `sources` are the hand-written cells of the systems. */
function toDocsRow(metric, sources) {
  const cells = SOURCES.map((system, i) => sourceOf(metric, system, sources[i]))
  const unit = metric.unit + (metric.worse === 'below' ? ', *below*' : '')
  const figures = [
    inWords(metric.minPeriod),
    metric.window === 0 ? '-' : inWords(metric.window),
    metric.for === 0 ? '0' : inWords(metric.for),
  ]
  return `| ${[`\`${metric.name}\``, unit, ...cells, ...figures].join(' | ')} |`
}

/** A dash if the system does not have the metric; a question mark if it does but the page does not name the source. */
function sourceOf(metric, system, written) {
  if (!metric.systems.includes(system)) return '-'
  return written === undefined || written === '-' ? '?' : written
}

/**
 * docs/metrics.md with its columns updated from the table. A new metric comes after the one that precedes it in the
 * table.
 */
export function toDocs(metrics, page) {
  const lines = page.split('\n')
  const written = new Map()
  for (const line of lines) {
    const name = /^\| `([^`]+)` \|/.exec(line)?.[1]
    if (name !== undefined) written.set(name, line.slice(2, -2).split(' | ').slice(2, 5))
  }
  const known = new Map(metrics.map((each) => [each.name, each]))
  return lines
    .flatMap((line) => {
      const name = /^\| `([^`]+)` \|/.exec(line)?.[1]
      if (name === undefined) return [line]
      const metric = known.get(name)
      if (metric === undefined) return []
      const rows = [toDocsRow(metric, written.get(name))]
      for (let i = metrics.indexOf(metric) + 1; i < metrics.length && !written.has(metrics[i].name); i++) {
        rows.push(toDocsRow(metrics[i], []))
      }
      return rows
    })
    .join('\n')
}

function main(check) {
  const metrics = parseTable(read(TABLE))
  const page = read(PAGE)
  const outputs = { [ROWS]: toTypeScript(metrics), [PAGE]: toDocs(metrics, page) }
  for (const [path, text] of Object.entries(outputs)) {
    if (text === read(path)) continue
    if (!check) writeFileSync(new URL(`../${path}`, import.meta.url), text)
    console.error(`${path}: ${check ? 'not what follows from' : 'written from'} ${TABLE}`)
    if (check) process.exitCode = 1
  }
  const open = outputs[PAGE].split('\n').filter((line) => line.startsWith('| `') && line.includes(' | ? |'))
  for (const line of open) {
    console.error(`${PAGE}: say where ${line.split(' ')[1]} is read, in place of the question mark`)
    process.exitCode = 1
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.includes('--check'))
