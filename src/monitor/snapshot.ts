/** Reading metrics without a limit: snapshots, fresh samples, and streams of them. */
import { MetricUnavailableError, invalidValue } from '../base/errors.js'
import { readOptions } from '../base/options.js'
import { realNow } from '../base/clock.js'
import { parsePeriod, type Duration } from '../base/units.js'
import type { Selector } from '../base/selector.js'
import { isKnown } from '../addon/board.js'
import { sampleBlocks, type SampleBlock } from './blocks.js'
import { parseMetric, type MetricText } from './metric-text.js'
import { isSeriesOf, selectorOf, toSeriesKey } from './selectors.js'
import { parseQueries, type MetricQuery } from './queries.js'
import { Stream, Supply } from './stream.js'
import type { MetricName, MetricUnit } from '../addon/metrics.js'
import {
  Series,
  firstReading,
  keepClocks,
  nextReading,
  readValues,
  toLocalTime,
  type Values,
} from '../addon/sampler.js'

/** A value in a snapshot. */
export interface SnapshotValue {
  /** In the metric's unit. */
  readonly value: number
  /** When it was read, in milliseconds on the clock of `performance.now()`. */
  readonly at: number
}

/** The newest values, at one moment, of everything that was being sampled. */
export class Snapshot {
  /** When it was taken, in milliseconds on the clock of `performance.now()`. */
  readonly at: number = realNow()
  readonly #series: readonly Series[]
  // A value and a time per series, so that a snapshot is one array and not an object per value.
  readonly #numbers: readonly number[]

  /** @internal */
  constructor({ series, numbers }: Values) {
    this.#series = series
    this.#numbers = numbers
  }

  /**
   * The value of a metric; undefined if it is not known. A selector picks the series, and `{}` the default one; without a
   * selector it is the first series of the metric.
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

  /** Iterates over all known values, each with its metric, unit and selector. */
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

  /** The values as an array, for `JSON.stringify`. */
  toJSON(): object[] {
    return [...this]
  }
}

/** The newest values of everything that is being sampled, from shared memory: no native call, and nothing is read for it. */
export function snapshot(): Snapshot {
  // On Linux both clocks stop while the machine sleeps, and comparing them costs more than reading a value.
  if (process.platform !== 'linux') keepClocks()
  return new Snapshot(readValues())
}

/**
 * Reads each metric once, even if nothing is being sampled. A share over time takes as long as its averaging window, and has
 * no value if its counters stand still. Keeps the process alive until the readings are there.
 *
 * @throws as {@link samples} does
 */
export async function sample(metrics: MetricQuery | readonly MetricQuery[]): Promise<Snapshot>
export async function sample(
  metrics: MetricQuery | readonly MetricQuery[],
  ...more: readonly unknown[]
): Promise<Snapshot> {
  if (more.length > 0) {
    throw invalidValue('metrics argument', "one metric, or an array of several: ['cpu', 'memory']", metrics, ...more)
  }
  // With a short interval, values that are not known yet come soonest.
  for await (const first of samples({ metrics, interval: 10 })) return first
  throw new Error('unreachable')
}

/** The options of {@link samples}. */
export interface SamplesOptions {
  /** One metric or several. */
  metrics: MetricQuery | readonly MetricQuery[]
  /** Time between two snapshots. A metric with a slower source repeats its newest value. @default 1 s */
  interval?: Duration | undefined
  /** Number of samples per {@link SampleBlock}, 1 to 65536. They are taken natively, up to 4000 per second. @default no blocks */
  batch?: number | undefined
}

/**
 * A stream of snapshots at a steady interval, or of blocks of samples. A slow consumer skips snapshots instead of building up
 * a backlog. Keeps the process alive while its next item is awaited. If none has been awaited for 5 to 10 s, nothing is read
 * until the next one is; a stream that is dropped is ended by garbage collection.
 *
 * @throws TypeError, RangeError for bad input; MetricUnavailableError for a metric that this machine does not have
 */
export function samples(options: SamplesOptions & { batch: number }): AsyncGenerator<SampleBlock, void>
export function samples(options: SamplesOptions & { batch?: undefined }): AsyncGenerator<Snapshot, void>
export function samples(options: SamplesOptions): AsyncGenerator<Snapshot | SampleBlock, void> {
  readOptions(options, 'samples option', ['metrics', 'interval', 'batch'])
  const interval = parsePeriod(options.interval ?? 1000, 'interval')
  const keys = parseQueries(options.metrics)
  if (options.batch !== undefined) return sampleBlocks(keys, interval, options.batch)
  return new Stream(new Snapshots(keys, interval))
}

class Snapshots extends Supply<Snapshot> {
  // The first snapshot, and the first after a rest, wait for values that are unknown or old...
  #awaited: readonly Series[] | undefined

  async next(): Promise<Snapshot> {
    const { series } = this
    const awaited = this.#awaited ?? series.filter((each) => !isFresh(each))
    const wait = this.#awaited === undefined ? firstReading : nextReading
    if (awaited.length > 0) await wait(awaited)
    for (const each of series) {
      if (each.read().state === 'unavailable') throw new MetricUnavailableError(each.key.metric, each.describe().why)
    }
    // ...and later ones for metrics that can change within the interval.
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
