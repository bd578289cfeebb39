/** The options of a dashboard, and their checks. */
import { isIP } from 'node:net'
import { METRICS, type MetricName } from '../../addon/metrics.js'
import { invalidType, invalidValue, outOfRange } from '../../base/errors.js'
import { INT32_MAX } from '../../base/int32.js'
import { readOptions } from '../../base/options.js'
import { checkWhole, parsePeriod, type Duration } from '../../base/units.js'
import { isLimiter, type Limiter } from '../../limiter/limiter.js'
import { isGuard, type Guard } from '../../monitor/guard.js'
import { parseQueries, type MetricQuery } from '../../monitor/queries.js'
import type { Recording } from '../../record/recording.js'
import type { OperationRegistry } from '../../registry/registry.js'
import { Ticker } from '../../schedule/ticker.js'
import { isAbortSignal } from '../../sources/abort.js'

/** What the page shows. All are optional. */
export interface DashboardOptions {
  /** The heading of the page. @default the name of the program's file */
  title?: string | undefined
  /**
   * The metrics, as for `monitor()`. Those of guards are shown too. By default, what this machine lacks is left out and
   * listed with the reason.
   *
   * @default CPU, load, memory, swap, pressure, disk, network and temperature of the machine; CPU and memory of the
   *   process; event loop and heap
   */
  metrics?: readonly MetricQuery[] | undefined
  /** Time between two samples. From 100 ms. @default 1 s */
  interval?: Duration | undefined
  /** How far back the charts go; at most 3600 samples. @default 10 min, or 3600 samples */
  history?: Duration | undefined
  /** The guards. @default all of this thread, also those that are made later */
  guards?: Guard | readonly Guard[] | undefined
  /** The registry of the operations; null shows none. @default `registry` of `tripline/registry` */
  registry?: OperationRegistry | null | undefined
  /** Limiters. @default none */
  limiters?: Limiter | readonly Limiter[] | undefined
  /** Tickers. @default none */
  tickers?: Ticker | readonly Ticker[] | undefined
  /** A flight recorder, whose file is named. @default none */
  recording?: Recording | undefined
  /** Whether commands are shown with their arguments, which may contain secrets. @default false */
  commandLines?: boolean | undefined
  /** How many pages may be open at the same time. From 1 to 1000. @default 64 */
  maxClients?: number | undefined
  /** Closes it. @default none */
  signal?: AbortSignal | undefined
}

/** The options of {@link Dashboard.listen}. */
export interface DashboardListenOptions {
  /**
   * The address to listen on. With any other than a loopback address, everything is sent unencrypted over the network.
   *
   * @default '127.0.0.1'
   */
  host?: string | undefined
  /** The port; 0 for any that is free. @default 0 */
  port?: number | undefined
  /** More names by which browsers may reach it, with or without a port. @default none */
  hosts?: string | readonly string[] | undefined
}

/** The options of {@link Dashboard.handler}. */
export interface DashboardHandlerOptions {
  /** The names by which browsers reach the server, with or without a port: `'status.example.com'`. */
  hosts: string | readonly string[]
}

/** The checked options. */
export interface DashboardSettings {
  readonly title: string | undefined
  /** Undefined for those of {@link DEFAULTS} that this machine has. */
  readonly metrics: readonly MetricQuery[] | undefined
  /** In milliseconds. */
  readonly interval: number
  readonly samples: number
  readonly guards: readonly Guard[] | undefined
  readonly registry: OperationRegistry | undefined
  readonly limiters: readonly Limiter[]
  readonly tickers: readonly Ticker[]
  readonly recording: Recording | undefined
  readonly commandLines: boolean
  readonly maxClients: number
  readonly signal: AbortSignal | undefined
  /** A process whose tree is shown like a command. */
  readonly pid: number | undefined
}

/** What is shown by default, the most interesting first. */
export const DEFAULTS: readonly MetricName[] = [
  'cpu',
  'memory',
  'eventLoop.delay',
  'process.rss',
  'process.cpu',
  'heap',
  'eventLoop.utilization',
  'load',
  'memory.available',
  'swap',
  'pressure.cpu',
  'pressure.memory',
  'pressure.io',
  'disk',
  'disk.read',
  'disk.write',
  'network.rx',
  'network.tx',
  'temperature',
  'throttled',
]

const KEYS: readonly (keyof DashboardOptions)[] = [
  'title',
  'metrics',
  'interval',
  'history',
  'guards',
  'registry',
  'limiters',
  'tickers',
  'recording',
  'commandLines',
  'maxClients',
  'signal',
]

const SHORTEST_MS = 100
const LONGEST_MS = 3_600_000
const MAX_SAMPLES = 3600
const HISTORY_MS = 600_000
const MAX_METRICS = METRICS.length

/**
 * @param registry the one by default
 * @throws TypeError, RangeError with Node's codes, naming the option
 */
export function parseDashboard(
  options: DashboardOptions,
  registry: OperationRegistry | undefined,
  pid?: number,
): DashboardSettings {
  readOptions(options, 'dashboard option', KEYS)
  const { title, metrics, recording, commandLines = false, maxClients = 64, signal } = options
  if (title !== undefined && typeof title !== 'string') throw invalidType('title', 'a string', title)
  if (metrics !== undefined) checkMetrics(metrics)
  if (options.registry !== undefined && options.registry !== null && !hasTree(options.registry)) {
    throw invalidType('registry', 'an OperationRegistry, or null', options.registry)
  }
  if (recording !== undefined && !isRecording(recording)) {
    throw invalidType('recording', 'a recording, which record() returns', recording)
  }
  if (typeof commandLines !== 'boolean') throw invalidType('commandLines', 'true or false', commandLines)
  if (signal !== undefined && !isAbortSignal(signal)) throw invalidType('signal', 'an AbortSignal', signal)
  const interval = parsePeriod(options.interval ?? 1000, 'interval')
  if (interval < SHORTEST_MS || interval > LONGEST_MS) throw outOfRange('interval', '100 ms to 1 h', options.interval)
  return {
    title,
    metrics,
    interval,
    samples: readSamples(options.history, interval),
    guards: options.guards === undefined ? undefined : listOf('guards', options.guards, isGuard, 'a guard'),
    registry: options.registry === undefined ? registry : (options.registry ?? undefined),
    limiters: listOf('limiters', options.limiters, isLimiter, 'a limiter'),
    tickers: listOf('tickers', options.tickers, isTicker, 'a ticker'),
    recording,
    commandLines,
    maxClients: checkWhole(maxClients, 'maxClients', 1, 1000),
    signal,
    pid: pid === undefined ? undefined : checkWhole(pid, 'pid', 1, INT32_MAX),
  }
}

function checkMetrics(metrics: unknown): void {
  if (!Array.isArray(metrics)) throw invalidType('metrics', 'an array of metrics', metrics)
  if (metrics.length > MAX_METRICS) throw outOfRange('metrics', `at most ${MAX_METRICS} metrics`, metrics.length)
  if (metrics.length > 0) parseQueries(metrics as readonly MetricQuery[])
}

function readSamples(history: Duration | undefined, interval: number): number {
  if (history === undefined) return Math.min(MAX_SAMPLES, Math.max(2, Math.round(HISTORY_MS / interval)))
  const samples = Math.round(parsePeriod(history, 'history') / interval)
  if (samples < 2 || samples > MAX_SAMPLES) {
    throw outOfRange('history', `2 to ${MAX_SAMPLES} times the interval`, history)
  }
  return samples
}

function hasTree(value: unknown): value is OperationRegistry {
  const { tree, statistics, history } = value as Partial<Record<keyof OperationRegistry, unknown>>
  return [tree, statistics, history].every((each) => typeof each === 'function')
}

/** Recognized by its shape, so that the code of recordings need not be loaded. */
function isRecording(value: unknown): value is Recording {
  const { file, closed, interval } = (value ?? {}) as Partial<Recording>
  return typeof file === 'string' && typeof closed === 'boolean' && typeof interval === 'number'
}

const isTicker = (value: unknown): value is Ticker => value instanceof Ticker

function listOf<T extends object>(
  option: string,
  given: T | readonly T[] | undefined,
  is: (value: unknown) => value is T,
  what: string,
): readonly T[] {
  if (given === undefined) return []
  const list = Array.isArray(given) ? (given as readonly T[]) : [given as T]
  for (const each of list) if (!is(each)) throw invalidType(option, `${what}, or an array of them`, each)
  return [...new Set(list)]
}

/** Where to listen, checked. */
export interface ListenSettings {
  readonly host: string
  readonly port: number
  readonly hosts: readonly string[]
}

/** @throws TypeError, RangeError with Node's codes, naming the option */
export function parseListen(options: DashboardListenOptions): ListenSettings {
  readOptions(options, 'listen option', ['host', 'port', 'hosts'])
  const { host = '127.0.0.1', port = 0, hosts = [] } = options
  if (typeof host !== 'string') throw invalidType('host', 'a string', host)
  if (isIP(host) === 0 && !NAME.test(host)) throw invalidValue('host', 'an IP address or a host name', host)
  return { host, port: checkWhole(port, 'port', 0, 65_535), hosts: readHosts(hosts) }
}

/** @throws TypeError with Node's codes, naming the option */
export function parseHandler(options: DashboardHandlerOptions): readonly string[] {
  const { hosts } = readOptions(options, 'handler option', ['hosts'])
  const read = readHosts(hosts)
  if (read.length === 0) throw invalidValue('hosts', 'at least one name by which browsers reach the server', hosts)
  return read
}

const NAME = /^[a-z\d](?:[a-z\d_.-]{0,251}[a-z\d])?\.?$/i
const HOST = /^(\[[\da-f:.]+\]|[^:[\]]+)(?::\d{1,5})?$/i

function readHosts(hosts: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(hosts) ? hosts : [hosts]
  return list.map((each) => {
    if (typeof each !== 'string') throw invalidType('hosts', 'a host name, or an array of them', each)
    const [, name] = HOST.exec(each) ?? []
    if (name === undefined || (!name.startsWith('[') && !NAME.test(name))) {
      throw invalidValue('hosts', "names such as 'status.example.com' or 'localhost:8080'", each)
    }
    return each.toLowerCase()
  })
}
