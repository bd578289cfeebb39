/** Samples taken natively and handed over in blocks of typed arrays, for rates at which a call for each would be waste. */
import { keepAlive, unref } from '../base/alive.js'
import { MetricUnavailableError, invalidValue, outOfRange } from '../base/errors.js'
import type { MetricName } from '../addon/metrics.js'
import { Series, connect, forgetRequest, newRequest, toLocalTime, type SeriesKey } from '../addon/sampler.js'

/** One block of samples; the arrays are the consumer's own, of `batch` numbers each. */
export interface SampleBlock {
  /** When each was taken, in milliseconds on the clock of `performance.now()`. */
  readonly at: Float64Array
  /** By metric, in its unit; NaN where it was not known. */
  readonly values: Readonly<Partial<Record<MetricName, Float64Array>>>
  /** How many samples are lacking since the block before, because the consumer or the machine was too slow. */
  readonly missed: number
}

const SHORTEST_MS = 0.25
const LARGEST_BATCH = 65_536

/**
 * Endless blocks of the series' newest values, one row every `interval` milliseconds.
 *
 * @throws TypeError, RangeError for bad input; MetricUnavailableError for a metric that this machine does not have
 */
export function sampleBlocks(
  keys: readonly SeriesKey[],
  interval: number,
  batch: number,
): AsyncGenerator<SampleBlock, void> {
  checkBlocks(keys, interval, batch)
  return record(keys, interval, batch)
}

async function* record(keys: readonly SeriesKey[], interval: number, batch: number): AsyncGenerator<SampleBlock, void> {
  const series: Series[] = []
  let recorder: Recorder | undefined
  keepAlive()
  try {
    for (const key of keys) series.push(openReader(key, interval))
    recorder = new Recorder(series, interval, batch)
    for (;;) yield await recorder.next()
  } finally {
    // The recorder reads the series.
    recorder?.close()
    for (const each of series) {
      each.removeReader(interval)
      each.release()
    }
    unref()
  }
}

function openReader(key: SeriesKey, interval: number): Series {
  const series = Series.open(key, true)
  try {
    series.addReader(interval)
  } catch (error) {
    series.release()
    throw error
  }
  return series
}

class Recorder {
  readonly #addon = connect()
  readonly #metrics: readonly MetricName[]
  readonly #batch: number
  readonly #id: number

  constructor(series: readonly Series[], interval: number, batch: number) {
    this.#metrics = series.map((each) => each.key.metric)
    this.#batch = batch
    const subscriptions = Uint32Array.from(series, (each) => each.subscription)
    const id = this.#addon.addRecorder(interval, batch, subscriptions)
    if (typeof id === 'string') throw new MetricUnavailableError(this.#metrics[0]!, id)
    this.#id = id
  }

  async next(): Promise<SampleBlock> {
    const block = new Float64Array(this.#batch * (this.#metrics.length + 1))
    let missed = await this.#take(block)
    while (missed < 0) missed = await this.#take(block)
    return this.#toBlock(block, missed)
  }

  /** A negative number once there is a block to take; else how many samples the one that was taken lacks. */
  #take(block: Float64Array): Promise<number> {
    return new Promise((resolve) => {
      const request = newRequest(() => resolve(-1))
      const missed = this.#addon.takeBlock(this.#id, request, block)
      if (missed < 0) return
      forgetRequest(request)
      resolve(missed)
    })
  }

  #toBlock(block: Float64Array, missed: number): SampleBlock {
    const column = (index: number): Float64Array => block.subarray(index * this.#batch, (index + 1) * this.#batch)
    const at = column(0)
    for (let i = 0; i < at.length; i++) at[i] = toLocalTime(at[i]!)
    const values = Object.fromEntries(this.#metrics.map((metric, index) => [metric, column(index + 1)]))
    return { at, values, missed }
  }

  close(): void {
    this.#addon.removeRecorder(this.#id)
  }
}

function checkBlocks(keys: readonly SeriesKey[], interval: number, batch: number): void {
  if (interval < SHORTEST_MS) throw outOfRange('interval', '250us (4000 Hz) or more', interval)
  if (!(Number.isInteger(batch) && batch >= 1 && batch <= LARGEST_BATCH)) {
    throw outOfRange('batch', `a whole number from 1 to ${LARGEST_BATCH}`, batch)
  }
  const seen = new Set<string>()
  for (const { metric } of keys) {
    if (seen.has(metric)) throw invalidValue('metrics', "each metric once where there is a 'batch'", metric)
    seen.add(metric)
  }
}
