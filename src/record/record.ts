/** `record()`: a flight recorder, whose file outlives the process. */
import { resolve } from 'node:path'
import { watchStacks } from '../addon/stacks.js'
import { Series, type SeriesKey } from '../addon/sampler.js'
import type { MetricName } from '../addon/metrics.js'
import { MetricUnavailableError, invalidType, invalidValue, outOfRange } from '../base/errors.js'
import { readOptions } from '../base/options.js'
import { parseDuration, parsePeriod, type Duration } from '../base/units.js'
import { parseQueries, parseQuery, type MetricQuery } from '../monitor/queries.js'
import { MAX } from './format.js'
import { programHere } from './identity.js'
import { startRecording, type Recording, type RecordingPlan } from './recording.js'

/** The options of {@link record}, all optional. */
export interface RecordOptions {
  /**
   * The file. One of the same name must be an older recording of this user, which becomes `file.previous`; the folder must
   * exist.
   *
   * @default a file of this process in a folder of this user, in memory where the system has that (docs/flight-recorder.md)
   */
  file?: string | undefined
  /** How far back the rows go. @default 10 minutes */
  last?: Duration | undefined
  /** Time between two rows, 10 ms or more. @default 1 s */
  interval?: Duration | undefined
  /**
   * The metrics. One that this machine does not have is an error.
   *
   * @default memory, CPU, heap, event loop, threads and descriptors, as far as this machine has them
   */
  metrics?: MetricQuery | readonly MetricQuery[] | undefined
  /** Whether operations that start from now on are recorded, with their names and progress. @default true */
  operations?: boolean | undefined
  /**
   * Whether the stack of code that blocks the event loop for longer than 100 ms is recorded, where the runtime allows to take it:
   * names of functions and files.
   *
   * @default true
   */
  stacks?: boolean | undefined
  /**
   * Whether texts of the program are recorded, which may contain secrets: messages of errors that were not caught, and of reasons
   * of cancelations.
   *
   * @default false
   */
  metadata?: boolean | undefined
}

/** The metrics that are recorded by default, where the machine has them. */
export const DEFAULT_METRICS: readonly MetricName[] = [
  'process.rss',
  'process.cpu',
  'process.threads',
  'process.fds',
  'heap.used',
  'eventLoop.delay',
  'eventLoop.utilization',
  'memory',
  'memory.available',
  'memory.oomKills',
  'memory.processes',
  'cpu',
  'pressure.memory',
  'pressure.io',
]
const KEYS = ['file', 'last', 'interval', 'metrics', 'operations', 'stacks', 'metadata']
const SHORTEST_MS = 10
/**
 * Records the last minutes of this process into a file that outlives it, so that `lastRun()` or `tripline explain` can say why
 * it ended, even by `kill -9`. The sampling thread writes a row per interval: metrics, for how long the event loop has not
 * answered, the states of guards, and the operations under way. Breaches and cancelations have entries of their own. It does
 * not keep the process alive.
 *
 * Messages and metadata, which may contain secrets, are not recorded unless `metadata` is set; names of operations and of
 * guards are.
 *
 * @example
 * using recording = record({ last: '10m' })
 * @param given the options, or only the path of the file
 * @throws NotRecordedError `ERR_TRIPLINE_NOT_RECORDED` if the file cannot be made; everything is as it was then;
 *   MetricUnavailableError `ERR_TRIPLINE_METRIC_UNAVAILABLE` for a metric in `metrics`; NativeMissingError; TypeError, RangeError
 *   with Node's codes for bad options
 */
export function record(given: RecordOptions | string = {}): Recording {
  const options = typeof given === 'string' ? { file: given } : given
  const { metrics, operations = true, stacks = true, metadata = false, ...span } = readOptions(options, 'option', KEYS)
  checkBoolean(operations, 'operations')
  checkBoolean(stacks, 'stacks')
  checkBoolean(metadata, 'metadata')
  const plan = {
    ...readSpan(span),
    operations,
    metadata,
    of: 'process' as const,
    program: programHere(),
    lines: 0,
  }
  const series =
    metrics === undefined
      ? openAvailable(DEFAULT_METRICS.map((each) => parseQuery(each)))
      : openAll(parseQueries(metrics))
  const recording = startRecording({ ...plan, series })
  // Where it is not possible, rows still say for how long the loop was blocked.
  if (stacks) watchStacks()
  return recording
}

function checkBoolean(value: unknown, name: string): void {
  if (typeof value !== 'boolean') throw invalidType(name, 'true or false', value)
}

/** Where it is kept, and for how long. @throws TypeError, RangeError */
export function readSpan({
  file,
  last = '10m',
  interval: every = 1000,
}: Pick<RecordOptions, 'file' | 'last' | 'interval'>): Pick<RecordingPlan, 'file' | 'interval' | 'rows'> {
  const interval = parseInterval(every)
  return { file: file === undefined ? undefined : checkFile(file), interval, rows: rowsOf(last, interval) }
}

/** @throws TypeError */
function checkFile(file: unknown): string {
  if (typeof file !== 'string') throw invalidType('file', 'a path', file)
  if (file === '' || file.includes('\0')) throw invalidValue('file', 'a path', file)
  return resolve(file)
}

function parseInterval(every: unknown): number {
  const interval = parsePeriod(every, 'interval')
  if (interval < SHORTEST_MS) throw outOfRange('interval', `${SHORTEST_MS}ms or more`, every)
  return interval
}

/** How many rows that takes. @throws TypeError, RangeError */
function rowsOf(last: unknown, interval: number): number {
  const rows = Math.ceil(parseDuration(last, 'last') / interval)
  if (!(rows >= 1 && rows <= MAX.rows)) throw outOfRange('last', `1 to ${MAX.rows} intervals`, last)
  return rows
}

/** Those that this machine has. */
export function openAvailable(keys: readonly SeriesKey[]): Series[] {
  return keys.flatMap((key) => {
    try {
      return [Series.open(key, true)]
    } catch (error) {
      if (error instanceof MetricUnavailableError) return []
      throw error
    }
  })
}

/** @throws MetricUnavailableError; then none is open */
function openAll(keys: readonly SeriesKey[]): Series[] {
  const opened: Series[] = []
  try {
    for (const key of keys) opened.push(Series.open(key, true))
    return opened
  } catch (error) {
    for (const each of opened) each.release()
    throw error
  }
}
