/** What the recorded metrics did in the last minute: which grew, how fast, and which were near their end. */
import { SELECTORS, findMetric, type MetricInfo, type MetricUnit } from '../addon/metrics.js'
import { metricText, type MetricText, type SelectedMetric } from '../monitor/metric-text.js'
import type { Selector } from '../base/selector.js'
import type { Row } from '../monitor/rehearsal.js'
import type { RecordedColumn } from './format.js'
import type { RecordedFile } from './reader.js'

/** A metric in the last minute of a recording. */
export interface RecordedMetric {
  /** With its selector: `'disk.free(/data)'`. */
  readonly metric: MetricText
  /** The unit of its values. */
  readonly unit: MetricUnit
  /** Its values, oldest first; NaN where it was not known. */
  readonly values: readonly number[]
  /** The first known value; `undefined` if there is none. */
  readonly first: number | undefined
  /** The last known value. */
  readonly last: number | undefined
  /** The lowest known value. */
  readonly lowest: number | undefined
  /** The highest known value. */
  readonly highest: number | undefined
  /** How fast it changed at the end, in its unit per second; `undefined` if it did not change steadily. */
  readonly perSecond: number | undefined
  /** The value at which nothing is left: 100 of a percentage, 0 of what is free, the limit of the heap. */
  readonly limit: number | undefined
  /** When it would have got there, in milliseconds after the last row. */
  readonly timeToLimit: number | undefined
  /** Whether it was close to that. */
  readonly isNear: boolean
}

/** A column with a metric that this version knows. */
export interface KnownColumn extends SelectedMetric {
  readonly index: number
  readonly key: MetricText
}

const WINDOW_MS = 60_000
/** With fewer values, a line through them says nothing. */
const MIN_VALUES = 4
/** A part of the window in which a metric grew steadily may be as short as this, in rows. */
const MIN_ROWS = 6

/** The columns of a recording whose metrics this version knows. */
export function knownColumns({ info }: RecordedFile): KnownColumn[] {
  return info.columns.flatMap((column, index): KnownColumn[] => {
    const found = findMetric(column.metric)
    if (found === undefined || found.info.unit !== column.unit) return []
    const selected = { info: found.info, selector: selectorOf(found.info, column) }
    return [{ ...selected, index, key: metricText(selected) as MetricText }]
  })
}

function selectorOf({ scope }: MetricInfo, { selector, pid, tree }: RecordedColumn): Selector {
  const [key] = SELECTORS[scope]
  if (key === 'pid') return { ...(pid !== undefined && { pid }), ...(tree === true && { tree }) }
  return key === undefined || selector === undefined ? {} : { [key]: selector }
}

/** All rows of a recording, as a guard takes them. */
export function toRows(recording: RecordedFile): Row[] {
  const columns = knownColumns(recording)
  return recording.rows.map(({ at, values, codes }) => ({
    time: at,
    values: new Map(
      columns.flatMap(({ key, index }): [string, number][] =>
        codes[index] === 'not-yet' ? [] : [[key, values[index]!]],
      ),
    ),
  }))
}

/** The metrics in the last minute. */
export function trendsOf(recording: RecordedFile): RecordedMetric[] {
  const rows = recording.rows.filter(({ at }) => at >= recording.end.at - WINDOW_MS)
  return knownColumns(recording).map(({ info, key, index }) => {
    const points = rows.map(({ at, values }) => ({ x: at / 1000, y: values[index]! }))
    const known = points.filter(({ y }) => !Number.isNaN(y))
    const numbers = known.map(({ y }) => y)
    const last = numbers.at(-1)
    const limit = endOf(info, recording)
    const perSecond = growthOf(known)
    return {
      metric: key,
      unit: info.unit,
      values: points.map(({ y }) => y),
      first: numbers[0],
      last,
      lowest: extremeOf(numbers, Math.min),
      highest: extremeOf(numbers, Math.max),
      perSecond,
      limit,
      timeToLimit: timeTo(limit, last, perSecond),
      isNear: last !== undefined && isNear(info, last, limit, highestEver(recording, index)),
    }
  })
}

/** Without a call that has all numbers as arguments: a file may have a million. */
function extremeOf(numbers: readonly number[], choose: (a: number, b: number) => number): number | undefined {
  return numbers.length === 0 ? undefined : numbers.reduce((best, each) => choose(best, each))
}

/** The end of a metric's scale, if it is bad to get there. */
function endOf(info: MetricInfo, recording: RecordedFile): number | undefined {
  if (info.name === 'heap.used') return recording.info.heapLimit
  if (info.unit === 'flag' || info.kind !== 'level') return undefined
  if (info.worse === 'below') return 0
  return Number.isFinite(info.max) ? info.max : undefined
}

const NEAR = 0.9

function isNear({ unit }: MetricInfo, last: number, limit: number | undefined, highest: number): boolean {
  if (unit === 'flag') return last > 0
  if (limit === undefined) return false
  return limit === 0 ? last <= highest * (1 - NEAR) : last >= limit * NEAR
}

function highestEver({ rows }: RecordedFile, index: number): number {
  return rows.reduce((most, { values }) => (values[index]! > most ? values[index]! : most), 0)
}

function timeTo(
  limit: number | undefined,
  last: number | undefined,
  perSecond: number | undefined,
): number | undefined {
  if (limit === undefined || last === undefined || perSecond === undefined) return undefined
  const seconds = (limit - last) / perSecond
  return seconds >= 0 ? seconds * 1000 : undefined
}

interface Point {
  readonly x: number
  readonly y: number
}

/** A change counts if the line explains this part of the variance, and spans this part of the values' size. */
const MIN_FIT = 0.8
const MIN_CHANGE = 0.05

/** The slope at the end: that of the longest part up to the last value in which the values follow a line. */
function growthOf(points: readonly Point[]): number | undefined {
  for (let length = points.length; length >= MIN_VALUES; length = Math.floor(length / 2)) {
    if (length < points.length && length < MIN_ROWS) return undefined
    const part = points.slice(-length)
    const slope = steadySlope(part)
    if (slope !== undefined) return slope
  }
  return undefined
}

function steadySlope(points: readonly Point[]): number | undefined {
  const mean = (of: (point: Point) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length
  const [x, y] = [mean((point) => point.x), mean((point) => point.y)]
  const xx = mean((point) => (point.x - x) ** 2)
  const yy = mean((point) => (point.y - y) ** 2)
  const xy = mean((point) => (point.x - x) * (point.y - y))
  if (xx === 0 || yy === 0 || xy ** 2 < MIN_FIT * xx * yy) return undefined
  const slope = xy / xx
  const change = Math.abs(slope) * (points.at(-1)!.x - points[0]!.x)
  const size = points.reduce((most, point) => Math.max(most, Math.abs(point.y)), 0)
  return change >= MIN_CHANGE * size ? slope : undefined
}
