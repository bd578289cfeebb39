/** `tripline watch`: shows what this machine is doing, live, line by line, once, or as a page in the browser. */
import { once } from 'node:events'
import type { Snapshot } from '../monitor/snapshot.js'
import { MetricUnavailableError } from '../base/errors.js'
import { printable } from '../base/printable.js'
import { formatValue } from '../base/units.js'
import { parseArguments, type ParsedArguments } from './arguments.js'
import { alignColumns } from './columns.js'
import { type OnMissing, readOnMissing } from './on-missing.js'
import type { Tried } from './tried.js'
import { EXIT, UsageError, watchStdout, print } from './usage.js'
import { VERBS } from './verbs.js'
import type { WatchList } from './watched.js'

export async function main(words: readonly string[]): Promise<number> {
  const given = parseArguments(words, VERBS.watch)
  const interval = given.duration('interval') ?? 1000
  if (interval === 0) throw new UsageError('--interval must be more than 0')
  const onMissing = readOnMissing(given)
  if (given.has('once')) {
    const more = ['limit', 'for', 'web'].find((name) => given.has(name))
    if (more !== undefined) throw new UsageError(`--once and --${more} exclude each other`)
    return watchOnce(given, onMissing)
  }
  for (const name of ['command-lines', 'pid']) {
    if (given.has(name) && !given.has('web')) throw new UsageError(`--${name} needs --web`)
  }
  if (given.has('web')) {
    if (given.has('json')) throw new UsageError('--web and --json exclude each other')
    const { watchWeb } = await import('./watch-web.js')
    return watchWeb(given, interval, given.duration('for') || Infinity, onMissing)
  }
  const { WatchList } = await import('./watched.js')
  const list = new WatchList(given.rest, given.all('limit'), onMissing)
  const last = given.duration('for') || Infinity
  const live = process.stdout.isTTY && !isDumb() && !given.has('json')
  if (live) {
    watchStdout()
    const { watchLive } = await import('./live.js')
    return watchLive(list, interval, last)
  }
  return watchLines(list, interval, last, given.has('json') ? toObject : toLine)
}

/** Whether the terminal, such as an editor's, would print cursor movements as text. */
function isDumb(): boolean {
  const term = process.env['TERM'] ?? ''
  return process.platform !== 'win32' && (term === '' || term === 'dumb')
}

async function watchLines(
  list: WatchList,
  interval: number,
  last: number,
  toText: (list: WatchList, at: Date) => string,
): Promise<number> {
  for await (const snapshot of list.sample(interval, last)) {
    print(`${toText(list, wallTime(snapshot))}\n`)
    // Waits for a slow or stopped reader, instead of queueing lines for it.
    if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain')
  }
  return EXIT.ok
}

function wallTime(snapshot: Snapshot): Date {
  return new Date(performance.timeOrigin + snapshot.at)
}

/** One sample as a line, cut to COLUMNS if that is set: `08:15:00  cpu 12.0%  memory 41.5% >90 clear`. */
function toLine(list: WatchList, at: Date): string {
  const parts = list.rows.map(({ history, limit }) => {
    const missing = history.why === '' ? '-' : 'n/a'
    const value = history.now === undefined ? missing : formatValue(history.now, history.info.unit, limit?.line)
    return `${history.label} ${value}${limit === undefined ? '' : ` ${limit.text} ${limit.state}`}`
  })
  const line = printable([at.toTimeString().slice(0, 8), ...parts].join('  '))
  const columns = Number(process.env['COLUMNS'])
  return columns > 0 ? line.slice(0, columns) : line
}

/** One sample as a JSON object, with values in the metrics' own units; null if a value is not known. */
function toObject(list: WatchList, at: Date): string {
  const rows = list.rows
  const metrics = Object.fromEntries(rows.map(({ history }) => [history.label, history.now ?? null]))
  const limits = rows.flatMap(({ history, limit }) =>
    limit === undefined ? [] : [{ metric: history.label, limit: limit.text, state: limit.state }],
  )
  const unavailable = Object.fromEntries(
    rows.flatMap(({ history }) => (history.why === '' ? [] : [[history.label, history.why] as const])),
  )
  return JSON.stringify({ at: at.toISOString(), metrics, limits, unavailable })
}

async function watchOnce(given: ParsedArguments, onMissing: OnMissing): Promise<number> {
  const { tryMetric, tryText } = await import('./tried.js')
  const { capabilities } = await import('../monitor/capabilities.js')
  const all = given.rest.length === 0
  const tried = await Promise.all(
    all ? capabilities().map(tryMetric) : [...new Set(given.rest)].map((text) => tryText(text)),
  )
  const missing = tried.find(({ isSelected, available }) => isSelected && !available)
  if (missing !== undefined && onMissing === 'throw') {
    throw new MetricUnavailableError(missing.label, missing.why)
  }
  print(given.has('json') ? onceAsJson(tried) : onceAsTable(tried))
  return EXIT.ok
}

/** All metrics as one JSON object on one line, with values in the metrics' own units. */
function onceAsJson(tried: readonly Tried[]): string {
  const values = Object.fromEntries(tried.map(({ label, value }) => [label, value ?? null]))
  const missing = tried.filter(({ available }) => !available)
  const unavailable = Object.fromEntries(missing.map(({ label, why }) => [label, why]))
  return `${JSON.stringify({ at: new Date().toISOString(), metrics: values, limits: [], unavailable })}\n`
}

function onceAsTable(tried: readonly Tried[]): string {
  const rows = tried.map(({ label, unit, value, origin, why }) => {
    return [label, value === undefined ? 'n/a' : formatValue(value, unit), value === undefined ? why : origin]
  })
  return `${alignColumns(rows, { right: [1] }).join('\n')}\n`
}
