/** Percentiles of the delay of the event loop, over values that the sampling thread records. */
import { quantileOf } from './quantile.js'
import { Series, connect, forgetRequest, newRequest } from '../../addon/sampler.js'
import { MetricUnavailableError } from '../../base/errors.js'
import { parseQuery } from '../../monitor/queries.js'

/** In milliseconds: shorter delays are missed with a probability of 1 - delay / 20. */
const INTERVAL_MS = 20
/** Values per block: the loop is woken for one every 5 s. */
const BATCH = 250
/** Blocks that count: those of the last minute. */
const BLOCKS = 12

const SHARES = { p50: 0.5, p90: 0.9, p99: 0.99, max: 1 } as const

/** Which of them. */
export type DelayName = keyof typeof SHARES

export const DELAY_NAMES = Object.keys(SHARES) as DelayName[]

/** Records until it is disposed of. Does not keep the process alive. */
export class LoopDelays implements Disposable {
  readonly #series: Series
  readonly #recorder: number
  readonly #blocks: Float64Array[] = []
  #request = 0
  #values: Partial<Record<DelayName, number>> = {}

  /** @throws MetricUnavailableError; NativeMissingError */
  constructor() {
    this.#series = Series.open(parseQuery('eventLoop.delay'), true)
    this.#series.addReader(INTERVAL_MS)
    const recorder = connect().addRecorder(INTERVAL_MS, BATCH, Uint32Array.of(this.#series.subscription))
    if (typeof recorder === 'string') {
      this.#release()
      throw new MetricUnavailableError('eventLoop.delay', recorder)
    }
    this.#recorder = recorder
    this.#take()
  }

  /** In milliseconds; undefined before the first block. */
  get(name: DelayName): number | undefined {
    return this.#values[name]
  }

  [Symbol.dispose](): void {
    forgetRequest(this.#request)
    // Removed before the series that it reads.
    connect().removeRecorder(this.#recorder)
    this.#release()
  }

  #release(): void {
    this.#series.removeReader(INTERVAL_MS)
    this.#series.release()
  }

  /** Takes all blocks that are complete, and asks for the next one. */
  #take(): void {
    for (;;) {
      // Times, then values.
      const block = new Float64Array(2 * BATCH)
      const request = newRequest(() => this.#take())
      if (connect().takeBlock(this.#recorder, request, block) < 0) {
        this.#request = request
        return
      }
      forgetRequest(request)
      this.#add(block.subarray(BATCH))
    }
  }

  #add(delays: Float64Array): void {
    this.#blocks.push(delays)
    if (this.#blocks.length > BLOCKS) this.#blocks.shift()
    const known = Float64Array.from(this.#blocks.flatMap((each) => [...each].filter((delay) => !Number.isNaN(delay))))
    known.sort()
    this.#values =
      known.length === 0 ? {} : Object.fromEntries(DELAY_NAMES.map((name) => [name, quantileOf(known, SHARES[name])]))
  }
}
