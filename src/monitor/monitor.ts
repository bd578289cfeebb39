/** Monitors: keep reading metrics, so that their newest values are available at any time. */
import { AliveHold } from '../base/alive.js'
import { realNow } from '../base/clock.js'
import { ON_MISSING_ADVICE, invalidChoice, invalidValue } from '../base/errors.js'
import { readOptions } from '../base/options.js'
import { printable } from '../base/printable.js'
import { parsePeriod, type Duration } from '../base/units.js'
import type { Selector } from '../base/selector.js'
import type { MetricName, MetricUnit } from '../addon/metrics.js'
import { Series, firstReading, keepClocks, readValues, toLocalTime } from '../addon/sampler.js'
import { metricText, parseMetric } from './metric-text.js'
import { givenSelector, isSeriesOf } from './selectors.js'
import { parseQueries, parseQuery, type MetricQuery } from './queries.js'

/** The options of a monitor, all optional. */
export interface MonitorOptions {
  /** Time between two reads; longer for a metric whose source is slower. @default 1 s */
  interval?: Duration | undefined
  /**
   * What it means that a metric is missing: an error from `monitor()`, or a reading without a value that says why.
   *
   * @default 'throw'
   */
  onMissing?: 'throw' | 'ignore' | undefined
}

/** The metric that a reading belongs to. */
export interface MonitoredMetric {
  /** The name of the metric. */
  readonly metric: MetricName
  /** The metric with its selector, as text: `'disk(/data)'`. */
  readonly text: string
  /** Its selector; empty if none was given. */
  readonly selector: Selector
  /** The unit of the value. */
  readonly unit: MetricUnit
}

/** A value, with the time at which it was read. */
export interface KnownReading extends MonitoredMetric {
  /** There is a value. */
  readonly state: 'known'
  /** In the metric's unit. */
  readonly value: number
  /** When it was read, in milliseconds on the clock of `performance.now()`. */
  readonly at: number
  /** How long ago it was read, in milliseconds. */
  readonly age: number
  /** Empty. */
  readonly why: ''
}

/** The reason why there is no value. */
export interface MissingReading extends MonitoredMetric {
  /** `pending`: there is no value yet, for example before the first window of a share over time is over. */
  readonly state: 'pending' | 'unavailable'
  /** None. */
  readonly value: undefined
  /** None. */
  readonly at: undefined
  /** None. */
  readonly age: undefined
  /** Human-readable reason. */
  readonly why: string
}

/** The newest reading of a metric. */
export type MonitorReading = KnownReading | MissingReading

const KEYS = ['interval', 'onMissing']
const ON_MISSING = ['throw', 'ignore'] as const

interface Entry extends MonitoredMetric {
  readonly series: Series
}

/**
 * Keeps the newest values of metrics available; made by {@link monitor}. It does not keep the process alive, unless
 * {@link Monitor.ref} is called. The sampling thread reads; nothing runs on the JavaScript thread between two calls.
 */
export class Monitor implements Disposable, Iterable<MonitorReading> {
  /** Time between two reads, in milliseconds. */
  readonly interval: number
  readonly #entries: readonly Entry[]
  readonly #byText = new Map<unknown, Entry>()
  readonly #alive = new AliveHold()
  readonly #series: readonly Series[]
  readonly #warmedUp: Promise<void>
  #ready: Promise<void> | undefined
  #closed = false
  // How many of the series have a reader, counted from the first.
  #readers = 0

  /** @internal Use {@link monitor}. */
  constructor(metrics: MetricQuery | readonly MetricQuery[], options: MonitorOptions) {
    readOptions(options, 'monitor option', KEYS)
    const { onMissing = 'throw' } = options
    this.interval = parsePeriod(options.interval ?? 1000, 'interval')
    if (!ON_MISSING.includes(onMissing)) throw invalidChoice('onMissing', ON_MISSING, onMissing)
    const keys = parseQueries(metrics)
    const queries: readonly MetricQuery[] = Array.isArray(metrics) ? metrics : [metrics as MetricQuery]
    const entries: Entry[] = []
    this.#entries = entries
    try {
      for (const [index, key] of keys.entries()) {
        entries.push(toEntry(queries[index]!, Series.open(key, onMissing === 'throw', ON_MISSING_ADVICE)))
      }
      for (const { series } of entries) {
        series.addReader(this.interval)
        this.#readers++
      }
    } catch (error) {
      this.#release()
      throw error
    }
    this.#series = entries.map(({ series }) => series)
    this.#warmedUp = this.#warmUp()
    // `ready` reports the failure.
    this.#warmedUp.catch(() => undefined)
    for (const [index, query] of queries.entries()) this.#byText.set(query, entries[index]!)
    for (const entry of entries.toReversed()) this.#byText.set(entry.text, entry)
  }

  /**
   * The newest reading of one of the metrics. It is there at once, because nothing is read for it. If the metric is monitored
   * over several windows, `over` picks one; without it, the first counts.
   *
   * @throws TypeError `ERR_INVALID_ARG_VALUE` for a metric that is not one of the monitor's
   */
  get(query: MetricQuery): MonitorReading {
    const entry = this.#byText.get(query) ?? this.#find(query)
    // On Linux both clocks stop while the machine sleeps, and comparing them costs more than reading a value.
    if (process.platform !== 'linux') keepClocks()
    const { value, at } = entry.series.read()
    return this.#toReading(entry, value, at, realNow())
  }

  /** The readings of all metrics at one moment, in the order in which the metrics were given. */
  *[Symbol.iterator](): IterableIterator<MonitorReading> {
    if (process.platform !== 'linux') keepClocks()
    const now = realNow()
    const { numbers } = readValues(this.#series)
    for (const [index, entry] of this.#entries.entries()) {
      const at = numbers[2 * index + 1]!
      yield this.#toReading(entry, numbers[2 * index]!, at === 0 ? NaN : toLocalTime(at), now)
    }
  }

  /** The readings as an array, for `JSON.stringify`. */
  toJSON(): MonitorReading[] {
    return [...this]
  }

  /**
   * Resolves once each metric has a value or is known to have none. A share over time takes as long as its window, and has no
   * value if its counters stand still. Rejects with an `AbortError` if the monitor is closed first. Does not keep the process
   * alive.
   */
  get ready(): Promise<void> {
    if (this.#ready === undefined) {
      this.#ready = this.#untilReady()
      // When the monitor is closed, the promise may have no handler any more.
      this.#ready.catch(() => undefined)
    }
    return this.#ready
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#closed
  }

  /** Keeps the process alive until the monitor is closed, or {@link unref} is called. */
  ref(): this {
    if (!this.#closed) this.#alive.hold()
    return this
  }

  /** Lets the process end although the monitor is open, which is the default. */
  unref(): this {
    this.#alive.release()
    return this
  }

  /** Stops reading. All metrics are unavailable from then on. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#alive.release()
    this.#release()
  }

  /** The same as {@link close}. */
  [Symbol.dispose](): void {
    this.close()
  }

  /** Releases the series, also those that a failing constructor has opened. */
  #release(): void {
    for (const { series } of this.#entries) {
      if (this.#readers-- > 0) series.removeReader(this.interval)
      series.release()
    }
  }

  async #warmUp(): Promise<void> {
    const unknown = this.#series.filter((series) => series.read().state === 'unknown')
    if (unknown.length > 0) await firstReading(unknown)
  }

  async #untilReady(): Promise<void> {
    await this.#warmedUp
    if (this.#closed) throw new DOMException('The monitor was closed', 'AbortError')
  }

  #find(query: MetricQuery): Entry {
    const wanted = parseQuery(query)
    const byWindow = typeof query === 'object' && query.over !== undefined
    const found = this.#entries.find(
      ({ series }) => isSeriesOf(wanted, series) && (!byWindow || series.key.window === wanted.window),
    )
    if (found !== undefined) return found
    const known = this.#entries.map(({ text }) => text).join(', ')
    throw invalidValue('query argument', `one of the monitor's metrics (${printable(known)})`, query)
  }

  /** @param at NaN if there is no value yet */
  #toReading({ series, metric, text, selector, unit }: Entry, value: number, at: number, now: number): MonitorReading {
    const missing = { metric, text, selector, unit, value: undefined, at: undefined, age: undefined }
    if (this.#closed) return { ...missing, state: 'unavailable', why: 'the monitor was closed' }
    if (Number.isNaN(at)) return { ...missing, state: 'pending', why: NOT_YET }
    if (Number.isNaN(value)) return { ...missing, state: 'unavailable', why: printable(series.describe().why) }
    return { metric, text, selector, unit, state: 'known', value, at, age: Math.max(0, now - at), why: '' }
  }
}

const NOT_YET = 'there is no value yet: it was not read, its first window is not over, or its counters stand still'

function toEntry(query: MetricQuery, series: Series): Entry {
  const { info, key } = series
  const selector = givenSelector(typeof query === 'string' ? parseMetric(query).selector : query, info, key)
  return { metric: info.name, text: metricText({ info, selector }), selector, unit: info.unit, series }
}

/**
 * Keeps reading metrics until it is closed, so that `get()` can return their newest values at once. For exporters, status
 * pages and readiness probes.
 *
 * @example
 * using warm = monitor(['cpu', 'memory', 'disk(/data)', 'network.rx(eth0)'], { onMissing: 'ignore' })
 * warm.ref() // a monitor keeps no process alive by itself
 * await warm.ready
 * const { value, why } = warm.get('disk(/data)')
 * @throws TypeError, RangeError (`ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`) for bad input;
 *   MetricUnavailableError (`ERR_TRIPLINE_METRIC_UNAVAILABLE`) where this machine has no such metric and `onMissing`
 *   does not say otherwise; NativeMissingError (`ERR_TRIPLINE_NATIVE_MISSING`)
 */
export function monitor(metrics: MetricQuery | readonly MetricQuery[], options: MonitorOptions = {}): Monitor {
  return new Monitor(metrics, options)
}
