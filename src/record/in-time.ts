/** Finds limits that would have been crossed in time, by playing the recorded rows to guards. */
import type { MetricInfo, MetricUnit } from '../addon/metrics.js'
import { connect } from '../addon/sampler.js'
import { parseLimits, type Limit, type Limits } from '../monitor/limits.js'
import { Rehearsal, medianDistance, toSteps, type Row } from '../monitor/rehearsal.js'
import { knownColumns, toRows, type KnownColumn, type RecordedMetric } from './trends.js'
import type { RecordedFile } from './reader.js'

/** A guard that would have been breached before the end, and not earlier. */
export interface TimelyGuard {
  /** Its limits, as `guard()` takes them. */
  readonly limits: Limits
  /** How long before the last row it would have been breached, in milliseconds. */
  readonly lead: number
  /** The limit as an expression of the command line: `'memory>85%'`. */
  readonly expression: string
}

/** The longest lead that is asked for, in milliseconds: a looser limit gives fewer false alarms than a longer lead. */
const GOOD_LEAD_MS = 10_000
const MAX_GUARDS = 2
/** Of a longer recording, only the end is played, which takes at most some tenths of a second. */
const MAX_ROWS = 20_000

/** At most two guards, the one nearest its limit first. Needs the addon. @throws NativeMissingError */
export function guardsInTime(recording: RecordedFile, trends: readonly RecordedMetric[]): TimelyGuard[] {
  connect()
  const rows = toRows(recording).slice(-MAX_ROWS)
  if (rows.length < 2) return []
  const columns = knownColumns(recording)
  const suspects = trends
    .map((trend, index) => ({ trend, column: columns[index]! }))
    .filter(({ trend, column }) => isSuspect(trend, column.info) && isOwn(recording, column))
    .toSorted((a, b) => rankOf(b.trend) - rankOf(a.trend))
  const found: TimelyGuard[] = []
  for (const { trend, column } of suspects) {
    const best = found.length < MAX_GUARDS ? bestLimit(recording, rows, column, trend) : undefined
    if (best !== undefined) found.push(best)
  }
  return found
}

/** Another process that was recorded is gone by now, except that `run` watches the tree of its command. */
function isOwn({ info }: RecordedFile, { selector }: KnownColumn): boolean {
  return selector.pid === undefined || info.of === 'command'
}

/** Units in which a limit says something about the end of a process. */
const LEVELS: readonly MetricUnit[] = ['%', 'bytes', 'ms', '°C']

/** Whether a metric got worse, or was bad. */
function isSuspect({ isNear, perSecond, last, unit }: RecordedMetric, { worse, name, kind }: MetricInfo): boolean {
  if (last === undefined || kind !== 'level' || !LEVELS.includes(unit)) return false
  if (name === 'eventLoop.delay') return last >= 1000
  return isNear || (perSecond !== undefined && (worse === 'above' ? perSecond > 0 : perSecond < 0))
}

/** `memory` is what the kernel acts on, whatever grows. */
function rankOf({ metric, isNear, timeToLimit, limit }: RecordedMetric): number {
  return (
    (isNear ? 8 : 0) +
    (timeToLimit === undefined ? 0 : 4) +
    (limit === undefined ? 0 : 2) +
    (metric === 'memory' ? 1 : 0)
  )
}

interface Tried {
  readonly limit: Limit | number
  readonly lead: number
}

function bestLimit(
  recording: RecordedFile,
  rows: readonly Row[],
  column: KnownColumn,
  trend: RecordedMetric,
): TimelyGuard | undefined {
  let best: Tried | undefined
  for (const line of ladderOf(column.info, trend.last!)) {
    const limit = toLimit(column, line)
    const lead = leadOf(rows, column, limit)
    if (lead === undefined) continue
    if (best === undefined || lead > best.lead) best = { limit, lead }
    if (best.lead >= GOOD_LEAD_MS) break
  }
  if (best === undefined || best.lead < recording.info.interval) return undefined
  const limits = { [column.info.name]: best.limit } as Limits
  return { limits, lead: best.lead, expression: toExpression(column, best.limit) }
}

const PERCENTAGES = [95, 90, 85, 80, 75, 70, 60, 50]
const FREE = ['50MB', '100MB', '200MB', '500MB', '1GB', '2GB', '5GB']
const DELAYS = ['10s', '5s', '2s', '1s']
const SHARES = [0.9, 0.8, 0.7, 0.6, 0.5]

/** The lines to try, from the loosest on. */
function ladderOf({ unit, worse, max, name }: MetricInfo, last: number): readonly (string | number)[] {
  if (name === 'eventLoop.delay') return DELAYS
  if (unit === '%' && max === 100) return PERCENTAGES
  if (unit === 'bytes' && worse === 'below') return FREE
  const shares = SHARES.map((share) => twoDigits(last * share))
  return unit.startsWith('bytes') ? shares.map((bytes) => `${twoDigits(bytes / 1e6)}MB`) : shares
}

/** Rounds down to two digits. */
function twoDigits(value: number): number {
  const step = 10 ** (Math.floor(Math.log10(Math.max(value, 1e-6))) - 1)
  return Number((Math.floor(value / step) * step).toPrecision(2))
}

function toLimit({ info, selector }: KnownColumn, line: string | number): Limit | number {
  if (typeof line === 'number' && Object.keys(selector).length === 0) return line
  return { [info.worse]: line, ...selector }
}

/** How long before the end the limit would have been breached for good; undefined if not, or if it was breached before. */
function leadOf(rows: readonly Row[], { info, key }: KnownColumn, limit: Limit | number): number | undefined {
  const { limits } = parseLimits({ [info.name]: limit })
  const starts: number[] = []
  let isBreached = false
  const rehearsal = new Rehearsal(limits, { all: false, minHold: 0 }, rows[0]!.time, {
    breached(time) {
      starts.push(time)
      isBreached = true
    },
    clear: () => (isBreached = false),
    missing: () => undefined,
  })
  try {
    for (const step of toSteps(rows, [key], medianDistance(rows))) rehearsal.step(step)
  } finally {
    rehearsal.close()
  }
  return isBreached && starts.length === 1 ? rows.at(-1)!.time - starts[0]! : undefined
}

function toExpression({ info, key }: KnownColumn, limit: Limit | number): string {
  const line = typeof limit === 'number' ? limit : limit[info.worse]
  // `process.*` of a command is that of its whole tree.
  const metric = info.scope === 'process' ? info.name : key
  const unit = typeof line === 'number' && info.unit === '%' ? '%' : ''
  return `${metric}${info.worse === 'above' ? '>' : '<'}${line}${unit}`
}
