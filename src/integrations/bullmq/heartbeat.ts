/** Heartbeats: each worker leaves a report in Redis, which expires unless it is renewed. */
import { hostname } from 'node:os'
import { NativeMissingError, invalidValue } from '../../base/errors.js'
import { readOptions } from '../../base/options.js'
import { realTimers } from '../../base/real-timers.js'
import { parsePeriod, type Duration } from '../../base/units.js'
import { metricOf } from '../../monitor/breach.js'
import { Monitor } from '../../monitor/monitor.js'
import type { MetricQuery } from '../../monitor/queries.js'
import type { Breach } from '../../base/reason.js'
import { clientOf, keysOf, RefusedCommands, runScript, type ConnectedQueue } from './redis.js'

/** The options of heartbeats, all optional. */
export interface HeartbeatOptions {
  /** Time between two reports, at least 100 ms. A worker is no longer listed after three without one. @default 10 s */
  interval?: Duration | undefined
  /** The metrics whose values are reported. One that this machine lacks is left out. @default ['cpu', 'memory'] */
  metrics?: readonly MetricQuery[] | undefined
}

/** What a worker does: `held` means that it takes no jobs because of its guard, `paused` that the program has paused it. */
export type WorkerState = 'running' | 'held' | 'paused' | 'closing'

/** A limit that is crossed on the machine of a worker. */
export interface ReportedBreach {
  /** The metric as text, with the selector that its limit names, or the name of a condition. */
  readonly metric: string
  /** The value that crossed the limit, in the metric's unit; `undefined` if the metric went missing. */
  readonly value: number | undefined
  /** The limit. */
  readonly limit: number
  /** The unit of both. */
  readonly unit: string
}

/** The latest report of a worker. */
export interface WorkerReport {
  /** The id of the worker, which BullMQ gives it. */
  readonly id: string
  /** The name of its machine. */
  readonly host: string
  /** The id of its process. */
  readonly pid: number
  /** What it does. */
  readonly state: WorkerState
  /** How many jobs it runs at the same time at most. */
  readonly concurrency: number
  /** How many jobs it runs. */
  readonly active: number
  /** The ids of those jobs, at most 100. */
  readonly jobs: readonly string[]
  /** The limits that are crossed. */
  readonly breaches: readonly ReportedBreach[]
  /** Values of metrics, by the metric as text, in the metric's unit. */
  readonly metrics: Readonly<Record<string, number>>
  /** How old the report is, in milliseconds by the clock of Redis. */
  readonly age: number
}

/** What a report says of the worker itself. */
export interface WorkerStatus extends Pick<WorkerReport, 'state' | 'concurrency'> {
  readonly jobs: readonly string[]
  readonly breaches: readonly Breach[]
}

const MAX_JOBS = 100
const MAX_BREACHES = 20
const MAX_METRICS = 50
const MAX_NAME_LENGTH = 256
const MAX_REPORT_LENGTH = 64 * 1024
const SHORTEST_MS = 100
const STATES: readonly WorkerState[] = ['running', 'held', 'paused', 'closing']

/** Parsed options of heartbeats. */
export interface ParsedHeartbeat {
  readonly interval: number
  readonly monitor: Monitor | undefined
}

/**
 * @param options `false` for none
 * @throws TypeError, RangeError with Node's codes; NativeMissingError if metrics were named
 */
export function parseHeartbeat(options: HeartbeatOptions | boolean): ParsedHeartbeat | undefined {
  if (options === false) return undefined
  const own = readOptions(options === true ? {} : options, 'heartbeat option', ['interval', 'metrics'])
  const interval = parsePeriod(own.interval ?? 10_000, 'heartbeat.interval')
  if (interval < SHORTEST_MS) throw invalidValue('heartbeat.interval', 'at least 100 ms', own.interval)
  const { metrics } = own
  if (metrics !== undefined && (!Array.isArray(metrics) || metrics.length > MAX_METRICS)) {
    throw invalidValue('heartbeat.metrics', `an array of at most ${MAX_METRICS} metrics`, metrics)
  }
  if (metrics?.length === 0) return { interval, monitor: undefined }
  try {
    return { interval, monitor: new Monitor(metrics ?? ['cpu', 'memory'], { onMissing: 'ignore' }) }
  } catch (error) {
    // A worker without limits works without the addon.
    if (metrics === undefined && error instanceof NativeMissingError) return { interval, monitor: undefined }
    throw error
  }
}

/** Reports until it is stopped. */
export class Heartbeat {
  readonly #queue: ConnectedQueue
  readonly #id: string
  readonly #options: ParsedHeartbeat
  readonly #status: () => WorkerStatus
  readonly #refused: RefusedCommands
  readonly #timer: NodeJS.Timeout
  #sending = false
  #stopped = false

  constructor(queue: ConnectedQueue, id: string, options: ParsedHeartbeat, status: () => WorkerStatus) {
    this.#queue = queue
    this.#id = id
    this.#options = options
    this.#status = status
    this.#refused = new RefusedCommands(queue.name)
    this.#timer = realTimers.setInterval(() => this.beat(), options.interval).unref()
    this.beat()
  }

  /** Reports now, unless a report is on its way. */
  beat(): void {
    if (this.#sending || this.#stopped) return
    this.#sending = true
    this.#send().then(
      () => (this.#sending = false),
      // The next one comes in time.
      (error: unknown) => {
        this.#sending = false
        this.#refused.report(error)
      },
    )
  }

  async #send(): Promise<void> {
    const client = await clientOf(this.#queue)
    if (this.#stopped) return
    const { workers: index, workerPrefix } = keysOf(this.#queue)
    const time = Math.ceil(3 * this.#options.interval)
    await runScript(client, 'beat', index, workerPrefix + this.#id, this.#id, JSON.stringify(this.#report()), time)
  }

  #report(): Omit<WorkerReport, 'id' | 'age'> {
    const { state, concurrency, jobs, breaches } = this.#status()
    const metrics: Record<string, number> = {}
    for (const each of this.#options.monitor ?? []) if (each.state === 'known') metrics[each.text] = each.value
    return {
      host: hostname().slice(0, MAX_NAME_LENGTH),
      pid: process.pid,
      state,
      concurrency,
      active: jobs.length,
      jobs: jobs.filter((each) => each.length <= MAX_NAME_LENGTH).slice(0, MAX_JOBS),
      breaches: breaches.slice(0, MAX_BREACHES).map((each) => ({
        metric: metricOf(each).slice(0, MAX_NAME_LENGTH),
        value: each.value,
        limit: each.limit,
        unit: each.unit,
      })),
      metrics,
    }
  }

  /** Stops reporting, and takes the last report back. */
  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    realTimers.clearInterval(this.#timer)
    this.#options.monitor?.close()
    // What Redis has not got yet expires.
    const client = await clientOf(this.#queue)
    await client.del(keysOf(this.#queue).workerPrefix + this.#id)
  }
}

/** The workers of a queue that have reported lately. Whatever is not a report is left out. */
export async function listWorkers(queue: ConnectedQueue): Promise<WorkerReport[]> {
  const client = await clientOf(queue)
  const keys = keysOf(queue)
  const found = await runScript(client, 'list', keys.workers, keys.workerPrefix)
  const list: readonly unknown[] = Array.isArray(found) ? found : []
  const reports: WorkerReport[] = []
  for (let index = 0; index + 2 < list.length; index += 3) {
    const report = parseReport(String(list[index]), list[index + 1], Number(list[index + 2]))
    if (report !== undefined) reports.push(report)
  }
  return reports
}

/** Reads text from Redis, which any program with access to it may have written. @returns `undefined` if it is malformed */
export function parseReport(id: string, text: unknown, age: number): WorkerReport | undefined {
  if (typeof text !== 'string' || text.length > MAX_REPORT_LENGTH) return undefined
  let given: Record<string, unknown>
  try {
    given = Object(JSON.parse(text)) as Record<string, unknown>
  } catch {
    return undefined
  }
  const { host, pid, state, concurrency, active, jobs, breaches, metrics } = given
  const known = STATES.find((each) => each === state)
  if (!isName(id) || !isName(host) || !isCount(pid) || known === undefined) return undefined
  if (!isNumber(concurrency) || !isCount(active)) return undefined
  if (!Array.isArray(jobs) || jobs.length > MAX_JOBS || !jobs.every(isName)) return undefined
  if (!Array.isArray(breaches) || breaches.length > MAX_BREACHES || !breaches.every(isBreach)) return undefined
  const values = typeof metrics === 'object' && metrics !== null ? Object.entries(metrics) : undefined
  if (values === undefined || values.length > MAX_METRICS) return undefined
  if (!values.every(([name, value]) => isName(name) && isNumber(value))) return undefined
  const cleaned = breaches.map(({ metric, value, limit, unit }) => ({
    metric,
    value: value ?? undefined,
    limit,
    unit,
  }))
  return {
    id,
    host,
    pid,
    state: known,
    concurrency,
    active,
    jobs,
    breaches: cleaned,
    metrics: Object.fromEntries(values) as Record<string, number>,
    age: Math.max(0, age),
  }
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_NAME_LENGTH
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** JSON has null for NaN, the value of a metric that went missing. */
type SentBreach = Omit<ReportedBreach, 'value'> & { readonly value: number | null }

function isBreach(value: unknown): value is SentBreach {
  if (typeof value !== 'object' || value === null) return false
  const { metric, value: reached, limit, unit } = value as Record<string, unknown>
  return isName(metric) && (reached === null || isNumber(reached)) && isNumber(limit) && isName(unit)
}
