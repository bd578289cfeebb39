/** Prints how a recorded run ended, as lines for a terminal; a pure function of its input. */
import { findMetric } from '../addon/metrics.js'
import { printable } from '../base/printable.js'
import type { MetricText } from '../monitor/metric-text.js'
import { formatDate, formatDuration, formatValue } from '../base/units.js'
import type { LastRun } from '../record/describe-run.js'
import type { TimelyGuard } from '../record/in-time.js'
import type { RecordedOperation } from '../record/reader.js'
import type { RecordedMetric } from '../record/trends.js'
import { cut, fitColumns, rowLine, titleLine, widest, type Column } from './fit-columns.js'
import { guardCode, runLine } from './guard-code.js'
import { sparkline } from './sparkline.js'

export interface Page {
  readonly run: LastRun
  /** `undefined` if none was looked for. */
  readonly guards: readonly TimelyGuard[] | undefined
  readonly width: number
  readonly color: boolean
  /** Only how it ended, and what shows it. */
  readonly brief: boolean
}

const ESCAPE = '\u001B['
// These can be read on a light and on a dark background, unlike yellow, blue and gray.
const BOLD = 1
const RED = 31
const GREEN = 32
const MAGENTA = 35

/** A loop that has not answered for less is not worth a section. */
const SILENT_MS = 1000
const MAX_LINES = 20
/** A limit that is further away than this is not shown. */
const FAR_MS = 8.64e7

/** The lines, with nothing in them that a terminal would obey but our own colors. */
export function explainLines({ run, guards, width, color, brief }: Page): string[] {
  const writer = new Writer(width, color)
  writeHead(writer, run)
  if (brief) return writer.lines
  writeMetrics(writer, run)
  writeLoop(writer, run)
  writeOperations(writer, run)
  writeGuards(writer, run)
  writeInTime(writer, run, guards)
  writeStderr(writer, run)
  writeSkipped(writer, run)
  return writer.lines
}

class Writer {
  readonly lines: string[] = []
  readonly width: number
  readonly #color: boolean

  constructor(width: number, color: boolean) {
    this.width = width
    this.#color = color
  }

  /** A line that is already safe, cut to the width. */
  add(line: string, ...codes: readonly number[]): void {
    this.addWhole(cut(line, this.width), ...codes)
  }

  /** The same, uncut: it is to be copied. */
  addWhole(line: string, ...codes: readonly number[]): void {
    this.lines.push(this.#color && codes.length > 0 ? `${ESCAPE}${codes.join(';')}m${line}${ESCAPE}0m` : line)
  }

  /** Text of any length, with the following lines indented. */
  wrap(text: string, indent: string = '', hanging: string = indent, ...codes: readonly number[]): void {
    let line = indent
    for (const word of printable(text).split(' ')) {
      const isFirst = line.trim() === indent.trim()
      if (!isFirst && line.length + 1 + word.length > this.width) {
        this.addWhole(line.trimEnd(), ...codes)
        line = hanging + word
      } else {
        line += isFirst && line.length === indent.length ? word : ` ${word}`
      }
    }
    this.addWhole(line.trimEnd(), ...codes)
  }

  heading(text: string): void {
    this.lines.push('')
    this.wrap(text, '', '', BOLD)
  }
}

function writeHead(writer: Writer, run: LastRun): void {
  const { program, pid, thread, runtime, platform, startedAt, lastSeenAt, interval } = run
  const which = thread === 0 ? `pid ${pid}` : `pid ${pid}, thread ${thread}`
  writer.wrap(`${program} (${which}), ${runtime} on ${platform}`, '', '  ', BOLD)
  const lasted = spanText(lastSeenAt - startedAt)
  writer.wrap(
    `recorded for ${lasted} until ${formatDate(lastSeenAt)}, one row per ${formatDuration(interval)}`,
    '',
    '  ',
  )
  writer.lines.push('')
  writer.wrap(run.message, '', '  ', BOLD, colorOf(run))
  for (const proof of run.proofs) writer.wrap(proof, '- ', '  ')
}

/** A span of time in whole seconds: `'4m 59s'`. */
function spanText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  const first = parts.findIndex((each) => each > 0)
  const shown = parts.map((each, index) => `${each}${'hms'[index]}`)
  return first < 0 ? '0s' : shown.slice(first, first + 2).join(' ')
}

function colorOf({ end, certainty }: LastRun): number {
  if (end === 'clean' || end === 'running' || end === 'closed') return GREEN
  return certainty === 'proved' ? RED : MAGENTA
}

const nameOf = ({ metric }: RecordedMetric): string => printable(metric)
const valueText = (value: number | undefined, unit: string): string =>
  value === undefined ? '' : formatValue(value, unit)

function rateText({ perSecond, unit }: RecordedMetric): string {
  // How fast a delay grows says nothing beside the delay itself.
  if (perSecond === undefined || unit === 'ms') return ''
  const text = formatValue(unit === 'count' ? Number(perSecond.toFixed(1)) : perSecond, unit)
  return `${perSecond > 0 ? '+' : ''}${text}/s`
}

function endText({ timeToLimit, isNear }: RecordedMetric): string {
  if (timeToLimit === undefined || timeToLimit > FAR_MS) return isNear ? 'near' : ''
  return spanText(timeToLimit)
}

const SPARK_LEAST = 8
const SPARK_MOST = 30

function numeric(title: string, rank: number, cell: (row: RecordedMetric) => string): Column<RecordedMetric> {
  return { title, rank, cell, width: widest(title, 0, cell) }
}

/** Longer names, such as those with a path, are cut. */
const longestName = (width: number): number => (width < 60 ? 18 : 26)

function metricColumns(width: number): readonly Column<RecordedMetric>[] {
  const name = (rows: readonly RecordedMetric[]): number =>
    Math.min(longestName(width), widest('metric', 0, nameOf)(rows))
  return [
    { title: 'metric', rank: 9, left: true, cell: nameOf, width: name },
    numeric('first', 3, ({ first, unit }) => valueText(first, unit)),
    numeric('last', 8, ({ last, unit }) => valueText(last, unit)),
    { title: '', rank: 7, left: true, cell: drawBars, width: () => SPARK_LEAST, most: SPARK_MOST },
    numeric('change', 5, rateText),
    numeric('limit in', 6, endText),
  ]
}

/** As many bars as fit, each the mean of its part of the minute. */
function drawBars(metric: RecordedMetric, width: number): string {
  const { lowest, highest } = metric
  if (lowest === undefined || highest === undefined) return 'no value'
  const means = resample(metric.values, width)
  const max = findMetric(metric.metric.split('(')[0]!)?.info.max ?? Infinity
  // Without an end of the scale, the bars show how it changed.
  return Number.isFinite(max) ? sparkline(means, 0, max) : sparkline(means, lowest, highest)
}

function resample(values: readonly number[], count: number): number[] {
  if (values.length <= count) return [...values]
  return Array.from({ length: count }, (_, index) => {
    const from = Math.floor((index * values.length) / count)
    const part = values.slice(from, Math.floor(((index + 1) * values.length) / count))
    const known = part.filter((each) => !Number.isNaN(each))
    return known.length === 0 ? NaN : known.reduce((sum, each) => sum + each, 0) / known.length
  })
}

/** The metrics of a command are those of its tree; the id in their names is its supervisor's. */
function withoutTree(metric: RecordedMetric): RecordedMetric {
  return { ...metric, metric: metric.metric.replace(/^(process\..*)\(\d+\)$/, '$1') as MetricText }
}

function writeMetrics(writer: Writer, { metrics: all, samples, of }: LastRun): void {
  const metrics = of === 'command' ? all.map(withoutTree) : all
  if (samples.length === 0) {
    writer.heading('No row was recorded')
    return
  }
  const known = metrics.filter((each) => each.last !== undefined && !isZero(each))
  const zero = metrics.filter(isZero)
  if (known.length === 0) return
  writer.heading(samples.length === 1 ? 'The only row' : 'The last minute')
  const wanted = metricColumns(writer.width).filter(
    (column) => column.title === '' || known.some((row) => column.cell(row, 0) !== ''),
  )
  const columns = fitColumns(wanted, known, writer.width)
  writer.add(titleLine(columns).trimEnd())
  for (const row of known) writer.add(rowLine(row, columns).trimEnd(), ...(row.isNear ? [RED] : []))
  if (zero.length > 0) writer.wrap(`Always zero: ${zero.map(nameOf).join(', ')}.`)
  const near = known.filter(({ isNear }) => isNear)
  if (near.length > 0) writer.wrap(`Near its end: ${near.map(nearText).join(', ')}.`)
}

function isZero({ lowest, highest }: RecordedMetric): boolean {
  return lowest === 0 && highest === 0
}

function nearText({ metric, last, limit, unit }: RecordedMetric): string {
  const whole = limit === undefined || limit === 0 ? '' : ` of ${valueText(limit, unit)}`
  return `${metric} at ${valueText(last, unit)}${whole}`
}

function writeLoop(writer: Writer, { silence = 0, blocked }: LastRun): void {
  if (silence < SILENT_MS && blocked === undefined) return
  const lasted = formatDuration(Math.round(Math.max(silence, blocked?.lasted ?? 0)))
  writer.heading(`The event loop had not answered for ${lasted}`)
  if (blocked === undefined) return
  for (const line of blocked.stack.split('\n').slice(0, MAX_LINES)) writer.add(`  ${printable(line.trim())}`)
}

function writeOperations(writer: Writer, { operations, underWay }: LastRun): void {
  if (underWay === 0) return
  writer.heading(underWay === 1 ? 'One operation was under way' : `${underWay} operations were under way`)
  const shown = operations.slice(0, MAX_LINES)
  const columns = fitColumns(operationColumns(writer.width), shown, writer.width)
  for (const each of shown) writer.add(rowLine(each, columns).trimEnd())
}

const operationName = ({ name, number }: RecordedOperation): string => `  ${printable(name) || `operation ${number}`}`
const operationState = ({ elapsed, state }: RecordedOperation): string =>
  `${formatDuration(Math.round(elapsed))}${state === 'canceled' ? ' canceled' : ''}`
const progressText = ({ progress }: RecordedOperation): string =>
  progress === undefined ? '' : `${(progress * 100).toFixed(0)}%`

function operationColumns(width: number): readonly Column<RecordedOperation>[] {
  const name = (rows: readonly RecordedOperation[]): number =>
    Math.min(longestName(width) + 10, widest('', 0, operationName)(rows))
  return [
    { title: '', rank: 3, left: true, cell: operationName, width: name },
    { title: '', rank: 1, cell: progressText, width: widest('', 0, progressText) },
    { title: '', rank: 2, left: true, cell: operationState, width: widest('', 0, operationState) },
  ]
}

function writeGuards(writer: Writer, { guards }: LastRun): void {
  if (guards.length === 0) return
  writer.heading('Its guards, in the last row')
  for (const [index, { name, limits, all, state }] of guards.entries()) {
    const what = limits.length === 0 ? name || `guard ${index + 1}` : limits.join(all ? ' and ' : ' or ')
    writer.wrap(`${state}: ${what}`, '  ', '    ', ...(state === 'breached' ? [RED] : []))
  }
}

function writeInTime(writer: Writer, run: LastRun, guards: readonly TimelyGuard[] = []): void {
  if (guards.length === 0) return
  writer.heading(guards.length === 1 ? 'A guard that would have acted in time' : 'Guards that would have acted in time')
  for (const { limits, lead, expression } of guards) {
    writer.wrap(`${formatDuration(Math.round(lead))} before the last row:`)
    writer.addWhole(printable(run.of === 'command' ? runLine(expression) : guardCode(limits)))
  }
}

function writeStderr(writer: Writer, { stderr }: LastRun): void {
  if (stderr.length === 0) return
  writer.heading('The last lines of its stderr')
  for (const line of stderr.slice(-MAX_LINES)) writer.wrap(line, '  ', '  ')
}

function writeSkipped(writer: Writer, { skipped: { rows, notes, operations } }: LastRun): void {
  const parts = [
    [rows, 'rows'],
    [notes, 'entries'],
    [operations, 'operations'],
  ] as const
  const torn = parts.flatMap(([count, what]) =>
    count === 0 ? [] : [`${count} ${count === 1 ? what.slice(0, -1).replace(/ie$/, 'y') : what}`],
  )
  if (torn.length === 0) return
  writer.lines.push('')
  writer.wrap(`Torn parts of the file were left out: ${torn.join(', ')}.`)
}
