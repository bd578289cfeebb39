/** The latest values of metrics, in rings: the page shows what was there before it was opened. */
import { realNow } from '../../base/clock.js'
import { printable } from '../../base/printable.js'
import { formatDuration } from '../../base/units.js'
import { Series, keepClocks, type SeriesKey } from '../../addon/sampler.js'
import { selectedText } from '../../monitor/metric-text.js'
import { selectorOf } from '../../monitor/selectors.js'

/** A reading is stale if it is older than so many intervals, and older than this time. */
const STALE_INTERVALS = 5
const STALE_MS = 5000
/** For how many samples a metric is kept after the last guard on it is gone. */
const KEPT_UNUSED = 60

/** One metric in the rings. */
export class Column {
  readonly series: Series
  readonly text: string
  readonly values: Float64Array
  /** How many guards and options use it. */
  uses = 0
  /** For how many samples it has not been in use. */
  unused = 0

  constructor(series: Series, samples: number) {
    const { info, key } = series
    this.series = series
    const window = key.window === info.window ? '' : ` over ${formatDuration(key.window)}`
    this.text = selectedText({ info, selector: selectorOf(info.scope, key) }) + window
    this.values = new Float64Array(samples).fill(NaN)
  }
}

/** Reads the newest values at a steady interval; the sampling thread reads the metrics themselves. */
export class History implements Disposable {
  readonly interval: number
  readonly samples: number
  /** On the wall clock, in milliseconds. */
  readonly times: Float64Array
  /** Samples so far; the place of the newest in the rings follows from it. */
  count = 0
  /** Grows whenever the columns change. */
  version = 0
  readonly #columns: Column[] = []

  constructor(interval: number, samples: number) {
    this.interval = interval
    this.samples = samples
    this.times = new Float64Array(samples)
  }

  get columns(): readonly Column[] {
    return this.#columns
  }

  /**
   * Adds a metric, or one more use of it. Its values before are unknown.
   *
   * @throws MetricUnavailableError if the sampling thread cannot be started
   */
  add(key: SeriesKey): Column {
    const series = Series.open(key, false)
    const known = this.#columns.find((each) => each.series === series)
    if (known !== undefined) {
      series.release()
      known.uses++
      return known
    }
    try {
      series.addReader(this.interval)
    } catch (error) {
      series.release()
      throw error
    }
    const column = new Column(series, this.samples)
    column.uses = 1
    this.#columns.push(column)
    this.version++
    return column
  }

  /** Takes back one use. After the last, the metric stays for some time: guards of short operations come and go. */
  drop(column: Column): void {
    column.uses--
    column.unused = 0
  }

  /** Takes the newest value of each metric. */
  sample(): void {
    this.#forgetUnused()
    if (process.platform !== 'linux') keepClocks()
    const place = this.count % this.samples
    this.times[place] = Date.now()
    for (const each of this.#columns) each.values[place] = this.#valueOf(each)
    this.count++
  }

  /** The newest sample; NaN for what is not known. */
  newest(): number[] {
    const place = (this.count + this.samples - 1) % this.samples
    return this.#columns.map(({ values }) => values[place]!)
  }

  /** Calls `take` with the places of the samples after the first `after`, oldest first. */
  forEach(after: number, take: (place: number) => void): void {
    for (let each = Math.max(after, this.count - this.samples, 0); each < this.count; each++) take(each % this.samples)
  }

  /** Why a metric has no value now; empty if it has one. */
  why({ series }: Column): string {
    const { state, at } = series.read()
    if (state === 'unavailable') return printable(series.describe().why)
    if (state === 'unknown') return 'no value yet: its first window is not over, or its counters stand still'
    const age = realNow() - at
    return age > this.#stale(series) ? `no new value for ${formatDuration(Math.round(age / 1000) * 1000)}` : ''
  }

  [Symbol.dispose](): void {
    for (const each of this.#columns.splice(0)) this.#release(each)
  }

  #forgetUnused(): void {
    const old = this.#columns.filter((each) => each.uses === 0 && each.unused++ >= KEPT_UNUSED)
    for (const each of old) {
      this.#columns.splice(this.#columns.indexOf(each), 1)
      this.#release(each)
      this.version++
    }
  }

  #release({ series }: Column): void {
    series.removeReader(this.interval)
    series.release()
  }

  #valueOf({ series }: Column): number {
    const { state, value, at } = series.read()
    return state === 'known' && realNow() - at <= this.#stale(series) ? value : NaN
  }

  #stale({ info }: Series): number {
    return Math.max(STALE_MS, STALE_INTERVALS * Math.max(this.interval, info.minPeriod))
  }
}
