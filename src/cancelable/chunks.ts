/** A stream in chunks of several items. */
import { invalidType } from '../base/errors.js'
import { readOptions } from '../base/options.js'
import { quiet, rejectedQuietly } from '../base/quiet.js'
import { checkWhole, parseDuration, type Duration } from '../base/units.js'
import { Timer } from '../engine/timers.js'
import type { Operation } from './operation.js'
import type { StreamSource } from './iterate.js'
import { refusalOf } from './poll.js'
import { CancelableStream, STREAM_KEYS, type StreamOptions } from './stream.js'

/** Options of `cancel.chunks()`. */
export interface ChunkOptions<T = unknown> extends StreamOptions<T> {
  /**
   * Whether the items of an unfinished chunk are delivered before the cancelation, or the error of the source, is thrown.
   *
   * @default true
   */
  flushOnCancel?: boolean | undefined
  /** A chunk is delivered unfinished when its first item has waited this long. @default Infinity */
  maxWait?: Duration | undefined
}

const CHUNK_OPTIONS: readonly string[] = [...STREAM_KEYS, 'flushOnCancel', 'maxWait']

/** The items of a source in arrays; made by `cancel.chunks(source, size)`. */
export class ChunkedStream<T> implements AsyncIterableIterator<T[]>, AsyncDisposable {
  readonly #items: CancelableStream<T>
  readonly #operation: Operation
  readonly #size: number
  readonly #flush: boolean
  readonly #maxWait: number
  #chunk: T[] = []
  /** An item that was requested but had not arrived when its chunk was delivered. */
  #requested: Promise<IteratorResult<T, undefined>> | undefined
  /** Further reads fail with this error. */
  #failure: { readonly error: unknown } | undefined
  #latest: Promise<unknown> | undefined

  /** @internal Use `cancel.chunks()`. */
  constructor(operation: Operation, source: StreamSource<T>, size: number, options: ChunkOptions<T> = {}) {
    checkWhole(size, 'size', 1)
    const { flushOnCancel = true, maxWait, ...rest } = readOptions(options, 'stream option', CHUNK_OPTIONS)
    if (typeof flushOnCancel !== 'boolean') throw invalidType('flushOnCancel', 'true or false', flushOnCancel)
    this.#size = size
    this.#flush = flushOnCancel
    this.#maxWait = maxWait === undefined ? Infinity : parseDuration(maxWait, 'maxWait', true)
    this.#operation = operation
    this.#items = new CancelableStream(operation, source, rest)
  }

  /** Returns itself, so it can only be iterated over once. */
  [Symbol.asyncIterator](): this {
    return this
  }

  /** The next chunk; rejects with the operation's error once that is canceled. */
  next(): Promise<IteratorResult<T[], undefined>> {
    if (this.#failure !== undefined) return rejectedQuietly(this.#failure.error)
    const promise = this.#nextChunk()
    this.#latest = promise
    return promise
  }

  async #nextChunk(): Promise<IteratorResult<T[], undefined>> {
    const timer = this.#maxWait === Infinity ? undefined : new WaitLimit(this.#maxWait)
    try {
      while (this.#chunk.length < this.#size) {
        const item = await this.#nextItem(this.#chunk.length > 0 ? timer : undefined)
        if (item === undefined || item.done === true) break
        this.#chunk.push(item.value)
      }
    } catch (error) {
      this.#failure = { error }
      if (!this.#flush || this.#chunk.length === 0) {
        if (refusalOf(this.#operation) !== undefined) quiet(this.#latest!)
        throw error
      }
    } finally {
      timer?.stop()
    }
    if (this.#chunk.length === 0) return { done: true, value: undefined }
    const value = this.#chunk
    this.#chunk = []
    return { done: false, value }
  }

  /** `undefined` when the first item of the chunk has waited for `maxWait`. */
  async #nextItem(timer: WaitLimit | undefined): Promise<IteratorResult<T, undefined> | undefined> {
    const requested = (this.#requested ??= this.#items.next())
    const item = timer === undefined ? await requested : await Promise.race([requested, timer.over()])
    if (item !== undefined) this.#requested = undefined
    return item
  }

  /** Closes the source; called by `for await` when its loop is left. */
  async return(): Promise<IteratorResult<T[], undefined>> {
    await this.#items.return()
    return { done: true, value: undefined }
  }

  /** Closes the source, and rejects with `error`. */
  async throw(error: unknown): Promise<IteratorResult<T[], undefined>> {
    await this.return()
    throw error
  }

  /** Closes the source. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#items.return()
  }
}

/** Limits how long a chunk waits; the clock starts with its first item. */
class WaitLimit {
  readonly #duration: number
  #timer: Timer | undefined
  #over: Promise<undefined> | undefined

  constructor(duration: number) {
    this.#duration = duration
  }

  over(): Promise<undefined> {
    return (this.#over ??= new Promise((resolve) => {
      this.#timer = new Timer(() => resolve(undefined), true)
      this.#timer.start(this.#duration)
    }))
  }

  stop(): void {
    this.#timer?.stop()
  }
}
