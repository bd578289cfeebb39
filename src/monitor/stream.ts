/** Endless streams of samples. A stream whose next item is not awaited costs nothing. */
import { keepAlive, unref } from '../base/alive.js'
import { outsideContexts } from '../base/async-context.js'
import { realTimers } from '../base/real-timers.js'
import { Series, type SeriesKey } from '../addon/sampler.js'

/** What feeds a stream: series that are read while the stream is awaited, and the items made of them. */
export abstract class Supply<T> {
  readonly #keys: readonly SeriesKey[]
  protected readonly interval: number
  protected series: readonly Series[] = []
  // How many of the series have a reader, counted from the first.
  #readers = 0

  constructor(keys: readonly SeriesKey[], interval: number) {
    this.#keys = keys
    this.interval = interval
  }

  /** Opens the series, or resumes reading them after a rest. @throws MetricUnavailableError */
  start(): void {
    if (this.#readers > 0) return
    if (this.series.length === 0) {
      const opened: Series[] = []
      // Set before they are opened: if one is missing, close() releases those before it.
      this.series = opened
      for (const key of this.#keys) opened.push(Series.open(key, true))
    }
    for (const each of this.series) {
      each.addReader(this.interval)
      this.#readers++
    }
  }

  /** The next item. Called after start(), and not again before the previous item is there. */
  abstract next(): Promise<T>

  /** Stops reading the series until the next start(). */
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

// Streams whose consumer is busy with an item or has dropped the stream, and whether a sweep has already seen them so.
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

/** Keeps the process alive while it waits for the sampler, which by itself does not. */
async function nextOf<T>(supply: Supply<T>): Promise<T> {
  keepAlive()
  try {
    supply.start()
    return await supply.next()
  } finally {
    unref()
  }
}

// A generator that is dropped at a yield never runs its `finally`.
const dropped = new FinalizationRegistry<AsyncGenerator<unknown, void>>((items) => void items.return())

/**
 * An async generator over a supply. The supply is closed when the generator returns, fails or is collected as garbage. It
 * rests while nothing has waited for the next item for 5 to 10 s.
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
