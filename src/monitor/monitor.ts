/** Monitors: metrics that are kept warm, so that their newest values can be asked for at any time. */
import { AliveHold } from '../base/alive.js'
import { realNow } from '../base/clock.js'
import { checkKeys, checkOptions, invalidValue } from '../base/errors.js'
import { printable } from '../base/printable.js'
import { parsePeriod, type Duration } from '../base/units.js'
import type { MetricName, MetricUnit } from '../addon/metrics.js'
import { Series, firstReading, keepClocks, readValues, toLocalTime } from '../addon/sampler.js'
import { metricText } from './expression.js'
import { SELECTOR_KEYS, isSeriesOf, selectorOf, type Selector } from './limits.js'
import { parseQueries, parseQuery, type MetricQuery } from './snapshot.js'

/** The options of a monitor, all optional. */
export interface MonitorOptions {
  /** Time between two reads. A metric with a slower source is read as often as that allows. @default 1 s */
  interval?: Duration | undefined
  /**
   * What a metric that this machine does not have means: an error when the monitor is made, or a reading that says why.
   *
   * @default 'throw'
   */
  onMissing?: 'throw' | 'ignore' | undefined
}

/** What a reading is of. */
export interface MonitoredMetric {
  /** The name of the metric. */
  readonly metric: MetricName
  /** The metric with its selector, as text: `'disk(/data)'`. */
  readonly text: string
  /** Its selector; empty where it has none. */
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
  /** How long ago that was, in milliseconds. */
  readonly age: number
  /** Empty. */
  readonly why: ''
}

/** No value, with the reason. */
export interface MissingReading extends MonitoredMetric {
  /** `pending`: there was none yet, as before the first window of a share over time is over. */
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
 * Metrics that are kept warm; made by {@link monitor}. It never keeps a process alive, unless {@link Monitor.ref} is called,
 * and does nothing on the JavaScript thread between two questions.
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
  // How many of them are asked to be read.
  #readers = 0

  /** @internal Use {@link monitor}. */
  constructor(metrics: MetricQuery | readonly MetricQuery[], options: MonitorOptions) {
    checkKeys(checkOptions(options), 'monitor option', KEYS)
    const { onMissing = 'throw' } = options
    this.interval = parsePeriod(options.interval ?? 1000, 'interval')
    if (!ON_MISSING.includes(onMissing)) throw invalidValue('onMissing', "'throw' or 'ignore'", onMissing)
    const keys = parseQueries(metrics)
    const queries = [metrics].flat() as MetricQuery[]
    const entries: Entry[] = []
    this.#entries = entries
    try {
      for (const [index, key] of keys.entries()) {
        entries.push(toEntry(queries[index]!, Series.open(key, onMissing === 'throw')))
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
    // A failure shows in `ready`.
    this.#warmedUp.catch(() => undefined)
    for (const [index, query] of queries.entries()) this.#byText.set(query, entries[index]!)
    for (const entry of entries.toReversed()) this.#byText.set(entry.text, entry)
  }

  /**
   * The newest reading of one of the metrics, at once: nothing is read for it. Of several with other windows it is the first,
   * unless the question says `over`.
   *
   * @throws TypeError `ERR_INVALID_ARG_VALUE` for a metric that is not one of the monitor's
   */
  get(query: MetricQuery): MonitorReading {
    const entry = this.#byText.get(query) ?? this.#find(query)
    // On Linux both clocks stand still while the machine sleeps; asking costs more than a value.
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

  /** The same as an array, for `JSON.stringify`. */
  toJSON(): MonitorReading[] {
    return [...this]
  }

  /**
   * Resolves once each metric has a value or is unavailable; a share over time takes its window for that, and goes without
   * where its counters stand still. Rejects with an `AbortError` where the monitor is closed before. Does not keep the
   * process alive.
   */
  get ready(): Promise<void> {
    if (this.#ready === undefined) {
      this.#ready = this.#untilReady()
      // Nothing may wait for it any more by the time the monitor is closed.
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

  /** Also what a constructor that fails has opened. */
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
    throw invalidValue('query', `one of the monitor's metrics (${printable(known)})`, query)
  }

  /** @param at NaN where there was no value yet */
  #toReading({ series, metric, text, selector, unit }: Entry, value: number, at: number, now: number): MonitorReading {
    const missing = { metric, text, selector, unit, value: undefined, at: undefined, age: undefined }
    if (this.#closed) return { ...missing, state: 'unavailable', why: 'the monitor was closed' }
    if (Number.isNaN(at)) return { ...missing, state: 'pending', why: NOT_YET }
    if (Number.isNaN(value)) return { ...missing, state: 'unavailable', why: printable(series.describe().why) }
    return { metric, text, selector, unit, state: 'known', value, at, age: Math.max(0, now - at), why: '' }
  }
}

const NOT_YET = 'there is no value yet: it was not read, its first window is not over, or its counters stand still'

/** A path that was not asked for, the working directory's, is not shown. */
function toEntry(query: MetricQuery, series: Series): Entry {
  const { info, key } = series
  const selected =
    typeof query === 'string' ? query.includes('(') : SELECTOR_KEYS.some((each) => query[each] !== undefined)
  const selector = selected ? selectorOf(info.scope, key) : {}
  return { metric: info.name, text: metricText({ info, selector }), selector, unit: info.unit, series }
}

/**
 * Keeps metrics warm until it is closed, so that `get()` answers at once: for exporters, pages and readiness.
 *
 * @example
 * using warm = monitor(['cpu', 'memory', 'disk(/data)', 'network.rx(eth0)'], { onMissing: 'ignore' })
 * await warm.ready
 * const { value, why } = warm.get('disk(/data)')
 * @throws TypeError, RangeError (`ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`) for bad input;
 *   MetricUnavailableError (`ERR_TRIPLINE_METRIC_UNAVAILABLE`) where this machine has no such metric and `onMissing`
 *   does not say otherwise; NativeMissingError (`ERR_TRIPLINE_NATIVE_MISSING`)
 */
export function monitor(metrics: MetricQuery | readonly MetricQuery[], options: MonitorOptions = {}): Monitor {
  return new Monitor(metrics, options)
}
