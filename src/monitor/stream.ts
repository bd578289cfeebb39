/** Endless streams of samples, which cost nothing once nothing waits for their next item. */
import { keepAlive, unref } from '../base/alive.js'
import { outsideContexts } from '../base/async-context.js'
import { realTimers } from '../base/real-timers.js'
import { Series, type SeriesKey } from '../addon/sampler.js'

/** Series that are read for a stream while it is awaited, and the items that come of them. */
export abstract class Supply<T> {
  readonly #keys: readonly SeriesKey[]
  protected readonly interval: number
  protected series: readonly Series[] = []
  // How many of them are asked to be read.
  #readers = 0

  constructor(keys: readonly SeriesKey[], interval: number) {
    this.#keys = keys
    this.interval = interval
  }

  /** Opens the series, or has them read again after a rest. @throws MetricUnavailableError */
  start(): void {
    if (this.#readers > 0) return
    if (this.series.length === 0) {
      const opened: Series[] = []
      // Kept at once: close() releases what was opened before one that is not there.
      this.series = opened
      for (const key of this.#keys) opened.push(Series.open(key, true))
    }
    for (const each of this.series) {
      each.addReader(this.interval)
      this.#readers++
    }
  }

  /** The next item. Called after start(), and again once the one before has come. */
  abstract next(): Promise<T>

  /** Has the series read no more; start() goes on from here. */
  rest(): void {
    while (this.#readers > 0) this.series[--this.#readers]!.removeReader(this.interval)
  }

  close(): void {
    this.rest()
    for (const each of this.series) each.release()
    this.series = []
  }
}

const SWEEP_MS = 5000

// Streams whose consumer is busy with an item, or has forgotten about it; and whether the sweep has seen that once.
const idle = new Map<Supply<unknown>, boolean>()
let sweeper: NodeJS.Timeout | undefined

function sweep(): void {
  for (const [supply, seen] of idle) {
    idle.set(supply, true)
    if (!seen) continue
    idle.delete(supply)
    supply.rest()
  }
  if (idle.size > 0) return
  realTimers.clearInterval(sweeper)
  sweeper = undefined
}

async function* draw<T>(supply: Supply<T>): AsyncGenerator<T, void> {
  try {
    for (;;) {
      const item = await nextOf(supply)
      idle.set(supply, false)
      sweeper ??= outsideContexts(() => realTimers.setInterval(sweep, SWEEP_MS).unref())
      yield item
      idle.delete(supply)
    }
  } finally {
    idle.delete(supply)
    supply.close()
  }
}

/** Waiting for the sampler holds nothing open by itself, and a process must not end in the middle of an await. */
async function nextOf<T>(supply: Supply<T>): Promise<T> {
  keepAlive()
  try {
    supply.start()
    return await supply.next()
  } finally {
    unref()
  }
}

// A generator that is dropped at a yield never comes to its end by itself.
const dropped = new FinalizationRegistry<AsyncGenerator<unknown, void>>((items) => void items.return())

/**
 * An async generator over a supply that is closed when it is returned from, fails, or is collected as garbage, and that
 * rests where nothing has waited for its next item for 5 to 10 s.
 */
export class Stream<T> implements AsyncGenerator<T, void> {
  readonly #items: AsyncGenerator<T, void>

  constructor(supply: Supply<T>) {
    this.#items = draw(supply)
    dropped.register(this, this.#items)
  }

  next(): Promise<IteratorResult<T, void>> {
    return this.#items.next()
  }

  return(): Promise<IteratorResult<T, void>> {
    return this.#items.return()
  }

  throw(error: unknown): Promise<IteratorResult<T, void>> {
    return this.#items.throw(error)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }
}
