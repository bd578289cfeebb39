/** The newest values, on demand: snapshots, fresh readings, streams of them, and which metrics this machine has. */
import { MetricUnavailableError, checkKeys, checkOptions, invalidType, invalidValue } from '../base/errors.js'
import { realNow } from '../base/clock.js'
import { printable } from '../base/printable.js'
import { parsePeriod, type Duration } from '../base/units.js'
import { isKnown } from '../addon/board.js'
import { sampleBlocks, type SampleBlock } from './blocks.js'
import { parseMetric, type MetricText } from './expression.js'
import { SELECTOR_KEYS, checkMetric, isSeriesOf, selectorOf, toSeriesKey, type Selector } from './limits.js'
import { Stream, Supply } from './stream.js'
import { METRICS, type MetricName, type MetricUnit } from '../addon/metrics.js'
import {
  Series,
  connect,
  firstReading,
  keepClocks,
  nextReading,
  readValues,
  toLocalTime,
  type SeriesKey,
  type Values,
} from '../addon/sampler.js'

/** A metric by name, as text with its selector (`'disk(/data)'`), or as an object with selector and averaging window. */
export type MetricQuery =
  | MetricText
  | ({
      /** The name of the metric. */
      metric: MetricName
      /** Averaging window of a share or rate. @default the metric's own */
      over?: Duration | undefined
    } & Selector)

/** A value in a snapshot. */
export interface SnapshotValue {
  /** In the metric's unit. */
  readonly value: number
  /** When it was read, in milliseconds on the clock of `performance.now()`. */
  readonly at: number
}

/** The newest values of what was being sampled at one moment. */
export class Snapshot {
  /** When it was taken, in milliseconds on the clock of `performance.now()`. */
  readonly at: number = realNow()
  readonly #series: readonly Series[]
  // Side by side, so that a snapshot is one array and not an object per value.
  readonly #numbers: readonly number[]

  /** @internal */
  constructor({ series, numbers }: Values) {
    this.#series = series
    this.#numbers = numbers
  }

  /**
   * The value of a metric; undefined where it is not known. Of the series that the selector names, where `{}` is the default
   * one; without a selector, of the first series of the metric.
   *
   * @throws TypeError `ERR_INVALID_ARG_VALUE` for an unknown metric or a selector that it does not take
   */
  get(metric: MetricText, selector?: Selector): SnapshotValue | undefined {
    const { info, selector: written } = parseMetric(metric)
    const given = selector ?? (metric === info.name ? undefined : written)
    const wanted = given && toSeriesKey(info, given, undefined, info.name)
    const index = this.#series.findIndex(
      (each, place) =>
        each.key.metric === info.name && this.#isKnown(place) && (wanted === undefined || isSeriesOf(wanted, each)),
    )
    return index === -1 ? undefined : this.#valueAt(index)
  }

  #isKnown(place: number): boolean {
    return isKnown(this.#numbers[2 * place]!, this.#numbers[2 * place + 1]!)
  }

  #valueAt(place: number): SnapshotValue {
    return { value: this.#numbers[2 * place]!, at: toLocalTime(this.#numbers[2 * place + 1]!) }
  }

  /** Every known value with its metric, unit and selector. */
  *[Symbol.iterator](): IterableIterator<
    SnapshotValue &
      Selector & {
        /** The name of the metric. */
        metric: MetricName
        /** The unit of the value. */
        unit: MetricUnit
      }
  > {
    for (let place = 0; place < this.#series.length; place++) {
      if (!this.#isKnown(place)) continue
      const { key, info } = this.#series[place]!
      const { value, at } = this.#valueAt(place)
      yield { metric: key.metric, ...selectorOf(info.scope, key), value, unit: info.unit, at }
    }
  }

  /** The same as an array, for `JSON.stringify`. */
  toJSON(): object[] {
    return [...this]
  }
}

/** The newest values of what is being sampled, straight from the board: no native call, nothing is read for it. */
export function snapshot(): Snapshot {
  // On Linux both clocks stand still while the machine sleeps; asking costs more than a value.
  if (process.platform !== 'linux') keepClocks()
  return new Snapshot(readValues())
}

/**
 * One fresh reading of each metric, also when nothing is being sampled. A share over time takes its averaging window; where
 * its counters stand still it has no value. Keeps the process alive until it is there.
 *
 * @throws as {@link samples} does
 */
export async function sample(metrics: MetricQuery | readonly MetricQuery[]): Promise<Snapshot> {
  // As often as each source allows: what is not known yet comes soonest.
  for await (const first of samples({ metrics, interval: 10 })) return first
  throw new Error('unreachable')
}

/** The options of {@link samples}. */
export interface SamplesOptions {
  /** One metric or several. */
  metrics: MetricQuery | readonly MetricQuery[]
  /** Time between two snapshots. A metric with a slower source repeats its newest value. @default 1 s */
  interval?: Duration | undefined
  /** Samples per {@link SampleBlock}, 1 to 65536: they are then taken natively, up to 4000 per second. @default no blocks */
  batch?: number | undefined
}

/**
 * A stream of snapshots at a steady interval, or of blocks of samples. A slow consumer skips beats and never builds a
 * backlog. Keeps the process alive while it is waited for. Where nothing has waited for 5 to 10 s, nothing is read for it
 * until its next item is asked for; where it is dropped, garbage collection ends it.
 *
 * @throws TypeError, RangeError for bad input; MetricUnavailableError for a metric that this machine does not have
 */
export function samples(options: SamplesOptions & { batch: number }): AsyncGenerator<SampleBlock, void>
export function samples(options: SamplesOptions & { batch?: undefined }): AsyncGenerator<Snapshot, void>
export function samples(options: SamplesOptions): AsyncGenerator<Snapshot | SampleBlock, void> {
  checkKeys(checkOptions(options), 'samples option', ['metrics', 'interval', 'batch'])
  const interval = parsePeriod(options.interval ?? 1000, 'interval')
  const keys = parseQueries(options.metrics)
  if (options.batch !== undefined) return sampleBlocks(keys, interval, options.batch)
  return new Stream(new Snapshots(keys, interval))
}

class Snapshots extends Supply<Snapshot> {
  // The first snapshot, and the first after a rest, wait for what is not known or not fresh...
  #awaited: readonly Series[] | undefined

  async next(): Promise<Snapshot> {
    const { series } = this
    const awaited = this.#awaited ?? series.filter((each) => !isFresh(each))
    const wait = this.#awaited === undefined ? firstReading : nextReading
    if (awaited.length > 0) await wait(awaited)
    for (const each of series) {
      if (each.read().state === 'unavailable') throw new MetricUnavailableError(each.key.metric, each.describe().why)
    }
    // ...and the others for what can be new by then.
    const punctual = series.filter((each) => each.info.minPeriod <= this.interval)
    this.#awaited = punctual.length > 0 ? punctual : series
    return new Snapshot(readValues(series))
  }

  override rest(): void {
    super.rest()
    this.#awaited = undefined
  }
}

function isFresh(series: Series): boolean {
  const { state, at } = series.read()
  return state === 'known' && realNow() - at <= series.info.minPeriod
}

/** @throws TypeError, RangeError with Node's codes */
export function parseQueries(metrics: MetricQuery | readonly MetricQuery[]): SeriesKey[] {
  const queries: readonly MetricQuery[] = Array.isArray(metrics) ? metrics : [metrics as MetricQuery]
  if (queries.length === 0) throw invalidValue('metrics', 'at least one metric', '[]')
  return queries.map(parseQuery)
}

/** @throws TypeError, RangeError with Node's codes */
export function parseQuery(query: MetricQuery): SeriesKey {
  if (typeof query === 'string') {
    const { info, selector } = parseMetric(query)
    return toSeriesKey(info, selector, undefined, info.name)
  }
  if (typeof query !== 'object' || query === null) {
    throw invalidType(
      'metrics',
      "names of metrics, texts such as 'disk(/data)', or objects such as { metric, over }",
      query,
    )
  }
  const { metric, over, ...selector } = query
  const info = checkMetric(metric)
  checkKeys(selector, 'metric option', SELECTOR_KEYS)
  return toSeriesKey(info, selector, over, metric)
}

/** Whether and how one metric is available on this machine. */
export interface Capability {
  /** The name of the metric. */
  readonly metric: MetricName
  /** The unit of its values. */
  readonly unit: MetricUnit
  /** Whether this machine has it. */
  readonly available: boolean
  /** The file or API that it is read from; empty where it is unavailable. */
  readonly origin: string
  /** Human-readable reason why it is unavailable; empty where it is available. */
  readonly why: string
  /** The least time between two reads that can differ, in milliseconds. */
  readonly minPeriod: number
  /** Default averaging window in milliseconds; 0 for a level. */
  readonly window: number
  /** Whether the kernel reports a change on its own, so that a crossing is noticed before the next poll. */
  readonly push: boolean
  /** Human-readable reason why it does not; empty where it does. */
  readonly pushWhy: string
}

/** Every metric, with its unit and source here, or why it is unavailable. @throws NativeMissingError */
export function capabilities(): Capability[] {
  return METRICS.map((info, number) => {
    const { name: metric, unit, window } = info
    try {
      const series = Series.open(toSeriesKey(info, {}, undefined, metric), true)
      const { origin, minPeriod } = series.describe()
      series.release()
      const pushes = connect().canPush(number)
      const push = pushes === true
      return {
        metric,
        unit,
        available: true,
        origin,
        why: '',
        minPeriod,
        window,
        push,
        pushWhy: push ? '' : printable(pushes),
      }
    } catch (error) {
      if (!(error instanceof MetricUnavailableError)) throw error
      const { why } = error
      const { minPeriod } = info
      return { metric, unit, available: false, origin: '', why, minPeriod, window, push: false, pushWhy: why }
    }
  })
}
