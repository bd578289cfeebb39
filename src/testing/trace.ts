/** Recorded values of metrics: the formats of traces, converted to rows with a time and a value per metric. */
import { StringDecoder } from 'node:string_decoder'
import { invalidType, invalidValue, outOfRange } from '../base/errors.js'
import { parseDuration } from '../base/units.js'
import type { MetricInfo, MetricName } from '../addon/metrics.js'
import type { SampleBlock } from '../monitor/blocks.js'
import { metricText, parseMetric, type MetricText, type SelectedMetric } from '../monitor/metric-text.js'
import { parseValue, type ParsedLimit, type Value } from '../monitor/limits.js'
import { checkMetric, selectorOf, toSeriesKey } from '../monitor/selectors.js'
import type { Selector } from '../base/selector.js'
import type { Row } from '../monitor/rehearsal.js'
import { Snapshot, type SnapshotValue } from '../monitor/snapshot.js'

/** The values of one moment. */
export interface TraceSample {
  /**
   * Milliseconds, a `Date`, its ISO form, or a duration since the beginning: `'1.5s'`. Never earlier than the previous
   * sample.
   */
  readonly time: number | string | Date
  /** By metric, in its unit; `null` if a read failed. A metric that is left out was not read then. */
  readonly values: { readonly [metric in MetricText]?: Value | null | undefined }
}

/** A line of `tripline watch --json`, parsed. */
export interface WatchSample {
  /** When, in ISO form. */
  readonly at: string
  /** By metric, in its unit; `null` if it was not known. */
  readonly metrics: { readonly [metric in MetricText]?: number | null | undefined }
  /** The states of the limits that were watched; not used. */
  readonly limits?: readonly unknown[] | undefined
  /** Why metrics are unavailable. */
  readonly unavailable?: { readonly [metric in MetricText]?: string | undefined } | undefined
}

/** A value of a snapshot that went through JSON. */
export interface RecordedValue extends SnapshotValue, Selector {
  /** The name of the metric. */
  readonly metric: MetricName
}

/** One entry of a trace: a sample, a line of `tripline watch --json`, or an item of `samples()`, also after JSON. */
export type TraceEntry = TraceSample | WatchSample | Snapshot | SampleBlock | readonly RecordedValue[]

/** A finite recorded trace, oldest first. */
export type Trace = Iterable<TraceEntry> | AsyncIterable<TraceEntry>

/** The metric of a limit as text, with its selector if that is not the default. */
export function textOf({ info, series }: Pick<ParsedLimit, 'info' | 'series'>): MetricText {
  return metricText({ info, selector: selectorOf(info.scope, series) }) as MetricText
}

/**
 * A metric as text, in one form for equal metrics: as {@link textOf}, or the bare name.
 *
 * @throws TypeError for an unknown one
 */
export function normalText({ info, selector }: SelectedMetric): MetricText {
  const isBare = Object.keys(selector).length === 0
  return isBare ? info.name : textOf({ info, series: toSeriesKey(info, selector, undefined, info.name) })
}

/**
 * Reads a trace of JSON lines, such as `tripline watch --json` writes, or snapshots of `samples()` written down by
 * `JSON.stringify`, one per line. Empty lines are skipped.
 *
 * @param lines the whole text, or its lines or pieces as they come: a stream of a file, `readline`, the stdout of a child
 * @example
 * const trace = readTrace(createReadStream('incident.ndjson'))
 * const { breaches } = await simulate({ memory: 90 }, trace)
 * @throws TypeError `ERR_INVALID_ARG_TYPE`; while it is read, TypeError `ERR_INVALID_ARG_VALUE` that names the line which is
 *   no JSON object or array
 */
export function readTrace(
  lines: string | Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
): AsyncGenerator<TraceEntry, void> {
  if (typeof lines !== 'string' && !isIterable(lines)) {
    throw invalidType('lines', 'a text, or an iterable of texts such as a stream', lines)
  }
  return parseLines(typeof lines === 'string' ? [lines] : lines)
}

const BYTE_ORDER_MARK = '\uFEFF'

async function* parseLines(
  pieces: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
): AsyncGenerator<TraceEntry, void> {
  const decoder = new StringDecoder('utf8')
  let number = 0
  let rest = ''
  for await (const piece of pieces) {
    if (typeof piece !== 'string' && !(piece instanceof Uint8Array)) {
      throw invalidType('lines', 'an iterable of texts or bytes', piece)
    }
    rest += typeof piece === 'string' ? piece : decoder.write(Buffer.from(piece))
    if (number === 0 && rest.startsWith(BYTE_ORDER_MARK)) rest = rest.slice(1)
    const parts = rest.split('\n')
    rest = parts.pop()!
    for (const part of parts) {
      number++
      if (part.trim() !== '') yield parseLine(part, number)
    }
    // Input that comes as lines has no line ends. The beginning of a line is never a whole object.
    const whole = tryParse(rest)
    if (whole === undefined) continue
    number++
    rest = ''
    yield whole
  }
  if (rest.trim() !== '') yield parseLine(rest, number + 1)
}

function parseLine(text: string, number: number): TraceEntry {
  const parsed = tryParse(text)
  if (parsed === undefined) throw invalidValue(`line ${number} of the trace`, 'one JSON object or array', text)
  return parsed
}

function tryParse(text: string): TraceEntry | undefined {
  if (!/[}\]]\s*$/.test(text)) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as TraceEntry) : undefined
  } catch {
    return undefined
  }
}

function isIterable(value: unknown): value is Iterable<unknown> | AsyncIterable<unknown> {
  if (typeof value !== 'object' || value === null) return false
  const { [Symbol.iterator]: sync, [Symbol.asyncIterator]: async } = value as Record<symbol, unknown>
  return typeof sync === 'function' || typeof async === 'function'
}

/**
 * All rows of a trace, checked.
 *
 * @throws TypeError, RangeError that name the entry
 */
export async function readRows(trace: Trace): Promise<Row[]> {
  if (!isIterable(trace)) throw invalidType('trace argument', 'an iterable of samples', trace)
  const reader = new RowReader()
  // Not awaited one by one unless necessary, because a recorded trace may be long.
  if (Symbol.iterator in trace) for (const entry of trace) reader.add(entry)
  else for await (const entry of trace) reader.add(entry)
  if (reader.rows.length === 0) throw invalidValue('trace argument', 'one with at least one sample', '[]')
  return reader.rows
}

// Slightly less than the range of native times.
const LONGEST = 30 * 365 * 8.64e7

class RowReader {
  readonly rows: Row[] = []
  readonly #known = new Map<string, MetricInfo & { readonly text: string }>()
  // Metrics of blocks that have had a value.
  readonly #begun = new Set<string>()
  #entries = 0

  add(entry: TraceEntry): void {
    const name = `trace[${this.#entries++}]`
    if (typeof entry !== 'object' || entry === null) throw invalidType(name, 'a sample', entry)
    if (entry instanceof Snapshot) this.#addSnapshot(name, entry.at, [...entry])
    else if (Array.isArray(entry)) this.#addRecorded(name, entry as readonly RecordedValue[])
    else if ('values' in entry && 'time' in entry) this.#addSample(name, entry)
    else if ('missed' in entry && 'values' in entry) this.#addBlock(name, entry)
    else if ('metrics' in entry) this.#addWatched(name, entry)
    else throw invalidType(name, 'a sample { time, values }, a line of `watch --json`, or one of samples()', entry)
  }

  #addSample(name: string, { time, values }: TraceSample): void {
    if (typeof values !== 'object' || values === null) throw invalidType(`${name}.values`, 'an object', values)
    this.#push(name, parseTime(time, `${name}.time`), Object.entries(values))
  }

  #addWatched(name: string, { at, metrics, unavailable = {} }: WatchSample): void {
    if (typeof metrics !== 'object' || metrics === null) throw invalidType(`${name}.metrics`, 'an object', metrics)
    if (typeof unavailable !== 'object' || unavailable === null) {
      throw invalidType(`${name}.unavailable`, 'an object', unavailable)
    }
    // A `null` is a value that is not known yet. A value that has become unavailable is still listed in `metrics`, with
    // its reason in `unavailable`.
    const values = Object.entries(metrics).map(([key, value]) => {
      return [key, Object.hasOwn(unavailable, key) ? null : (value ?? undefined)] as const
    })
    this.#push(name, parseTime(at, `${name}.at`), values)
  }

  #addRecorded(name: string, values: readonly RecordedValue[]): void {
    for (const each of values) {
      if (typeof each !== 'object' || each === null || typeof each.at !== 'number') {
        throw invalidType(name, 'values as JSON.stringify writes those of a snapshot', each)
      }
    }
    // An empty snapshot has no time.
    if (values.length === 0) return
    this.#addSnapshot(
      name,
      values.reduce((latest, { at }) => Math.max(latest, at), -Infinity),
      values,
    )
  }

  #addSnapshot(name: string, at: number, values: readonly RecordedValue[]): void {
    const entries = values.map(({ metric, at: readAt, value, ...rest }) => {
      const { unit: _, ...selector } = rest as Selector & { unit?: unknown }
      return [normalText({ info: checkMetric(metric), selector }), readAt > at ? undefined : value] as const
    })
    this.#push(name, at, entries)
  }

  #addBlock(name: string, block: SampleBlock): void {
    const { values } = block
    if (typeof values !== 'object' || values === null) throw invalidType(`${name}.values`, 'an object', values)
    const at = toColumn(block.at, `${name}.at`)
    const columns = Object.entries(values).map(([key, column]) => {
      return [key, toColumn(column, `${name}.values.${key}`, at.length)] as const
    })
    at.forEach((time, index) => {
      const entries = columns.map(([key, column]) => {
        const value = column[index]!
        if (!Number.isNaN(value)) this.#begun.add(key)
        // The first window is not over yet; later, it is a read that failed.
        return [key, this.#begun.has(key) ? value : undefined] as const
      })
      this.#push(name, time, entries)
    })
  }

  #push(name: string, time: number, entries: readonly (readonly [string, unknown])[]): void {
    checkTime(time, `time of ${name}`)
    this.#checkOrder(name, time)
    const values = new Map<string, number>()
    for (const [key, value] of entries) {
      const metric = this.#metricOf(key)
      if (value === undefined) continue
      const missing = value === null || Number.isNaN(value)
      values.set(metric.text, missing ? NaN : parseValue(metric, value, `${name}.${key}`))
    }
    this.rows.push({ time, values })
  }

  #metricOf(key: string): MetricInfo & { readonly text: string } {
    let known = this.#known.get(key)
    if (known === undefined) {
      const selected = parseMetric(key)
      known = { ...selected.info, text: normalText(selected) }
      this.#known.set(key, known)
    }
    return known
  }

  #checkOrder(name: string, time: number): void {
    const first = this.rows[0]?.time ?? time
    const before = this.rows.at(-1)?.time ?? time
    if (time < before) throw outOfRange(`time of ${name}`, `${before} or later, as the one before it`, time)
    if (time - first > LONGEST) throw outOfRange(`time of ${name}`, 'within 30 years of the first', time)
  }
}

/** A column of a block; `JSON.stringify` makes it an object of numbers by index, with null for NaN. */
function toColumn(given: unknown, name: string, length?: number): Float64Array {
  const column = given instanceof Float64Array ? given : fromJson(given)
  if (column !== undefined && column.length === (length ?? column.length)) return column
  throw invalidType(name, `a Float64Array${length === undefined ? '' : ` of ${length} values`}`, given)
}

function fromJson(given: unknown): Float64Array | undefined {
  if (typeof given !== 'object' || given === null) return undefined
  const numbers: unknown[] = Object.values(given)
  if (!numbers.every((each) => typeof each === 'number' || each === null)) return undefined
  return Float64Array.from(numbers, (each) => each ?? NaN)
}

const LAST_DATE = 8.64e15
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d/

/** In milliseconds; since 1970 for a date. */
function parseTime(time: unknown, name: string): number {
  const ms =
    time instanceof Date ? time.getTime() : typeof time === 'string' && ISO.test(time) ? Date.parse(time) : undefined
  if (ms === undefined) return typeof time === 'number' ? checkTime(time, name) : parseDuration(time, name)
  if (Number.isNaN(ms)) throw invalidValue(name, 'a valid date', time)
  return ms
}

/** Beyond the last `Date`, numbers are too coarse for durations. */
function checkTime(time: number, name: string): number {
  if (!(Math.abs(time) <= LAST_DATE)) throw outOfRange(name, 'milliseconds that a Date can have', time)
  return time
}
