/** Samples in blocks of typed arrays, taken natively, for rates at which one call per sample costs too much. */
import { MetricUnavailableError, invalidValue, outOfRange } from '../base/errors.js'
import { checkWhole } from '../base/units.js'
import type { MetricName } from '../addon/metrics.js'
import { connect, forgetRequest, newRequest, toLocalTime, type SeriesKey } from '../addon/sampler.js'
import { SHORTEST_PERIOD_MS } from '../addon/ticks.js'
import { Stream, Supply } from './stream.js'

/** One block of samples. Each array has `batch` numbers, and is not used for another block. */
export interface SampleBlock {
  /** When each sample was taken, in milliseconds on the clock of `performance.now()`. */
  readonly at: Float64Array
  /** The values by metric, in its unit; NaN where a value was not known. */
  readonly values: Readonly<Partial<Record<MetricName, Float64Array>>>
  /** How many samples are missing between the previous block and this one, because the consumer or the machine was too slow. */
  readonly missed: number
}

const MAX_BATCH = 65_536

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
  return new Stream(new Blocks(keys, interval, batch))
}

class Blocks extends Supply<SampleBlock> {
  readonly #batch: number
  #recorder: number | undefined
  // The time of the last sample that the consumer got; NaN before the first.
  #lastAt = NaN
  #rested = false

  constructor(keys: readonly SeriesKey[], interval: number, batch: number) {
    super(keys, interval)
    this.#batch = batch
  }

  override start(): void {
    super.start()
    if (this.#recorder !== undefined) return
    const subscriptions = Uint32Array.from(this.series, (each) => each.subscription)
    const recorder = connect().addRecorder(this.interval, this.#batch, subscriptions)
    if (typeof recorder === 'string') throw new MetricUnavailableError(this.series[0]!.key.metric, recorder)
    this.#recorder = recorder
  }

  async next(): Promise<SampleBlock> {
    const block = new Float64Array(this.#batch * (this.series.length + 1))
    let missed = await this.#take(block)
    while (missed < 0) missed = await this.#take(block)
    return this.#toBlock(block, missed)
  }

  /** Fills a block and resolves with the number of samples missed before it; with a negative number if it has to be called again. */
  #take(block: Float64Array): Promise<number> {
    return new Promise((resolve) => {
      const request = newRequest(() => resolve(-1))
      const missed = connect().takeBlock(this.#recorder!, request, block)
      if (missed < 0) return
      forgetRequest(request)
      resolve(missed)
    })
  }

  #toBlock(block: Float64Array, missed: number): SampleBlock {
    const column = (index: number): Float64Array => block.subarray(index * this.#batch, (index + 1) * this.#batch)
    const at = column(0)
    for (let i = 0; i < at.length; i++) at[i] = toLocalTime(at[i]!)
    const values = Object.fromEntries(this.series.map(({ key }, index) => [key.metric, column(index + 1)]))
    // A new recorder does not count the samples that are missing since the one before.
    const rested = this.#rested ? Math.max(0, Math.round((at[0]! - this.#lastAt) / this.interval) - 1) : 0
    this.#rested = false
    this.#lastAt = at.at(-1)!
    return { at, values, missed: missed + rested }
  }

  override rest(): void {
    // Removed before the series that it reads.
    if (this.#recorder !== undefined) connect().removeRecorder(this.#recorder)
    this.#recorder = undefined
    this.#rested = !Number.isNaN(this.#lastAt)
    super.rest()
  }
}

function checkBlocks(keys: readonly SeriesKey[], interval: number, batch: number): void {
  if (interval < SHORTEST_PERIOD_MS) throw outOfRange('interval', '250us (4000 Hz) or more', interval)
  checkWhole(batch, 'batch', 1, MAX_BATCH)
  const seen = new Set<string>()
  for (const { metric } of keys) {
    if (seen.has(metric)) throw invalidValue('metrics', "each metric once where there is a 'batch'", metric)
    seen.add(metric)
  }
}
