/** A stream that ends with its operation. */
import { thisContext } from '../base/async-context.js'
import { capture, capturedReject, capturedResolve } from '../base/capture.js'
import { cancelationError, type CancelationError } from '../base/cancelation-error.js'
import { idleReason, type IdleReason } from '../base/reason.js'
import { checkWhole, parseDuration, type Duration } from '../base/units.js'
import { isThenable, reportError } from '../base/diagnostics.js'
import { invalidType, invalidValue } from '../base/errors.js'
import { readOptions } from '../base/options.js'
import { quiet, rejectedQuietly } from '../base/quiet.js'
import { callBeside, tracker } from './current.js'
import { IdleWatch } from '../engine/idle-watch.js'
import { addIdleWatch, removeIdleWatch, touch } from './idle.js'
import { errorOf, extrasOf, kExtras, kName, kFlags, type Operation } from './operation.js'
import { readerOf, type Reader, type StreamSource } from './iterate.js'
import { reportProgress } from './listeners.js'
import { isCanceled, refusalOf } from './poll.js'
import { ENDED } from './state.js'
import { Waiter } from './waiter.js'
import { race } from './waiting.js'

/** Options of `cancel.stream()`. */
export interface StreamOptions<_T = unknown> {
  /** Reports progress after every `reportEvery` items; 0 turns this off. @default 0 */
  reportEvery?: number | undefined
  /** How many of the latest items the partial result holds. @default 0 */
  keep?: number | 'all' | undefined
  /**
   * Whether a cancelation interrupts the wait for an item. If false, it is only checked between two items, which costs
   * about half as much per item.
   *
   * @default true
   */
  interruptible?: boolean | undefined
  /**
   * Ends the stream when an item that was asked for does not come for this long, and nothing else happens in the operation: no
   * progress, no `touch()`. The read rejects with a {@link CancelationError} whose reason is of the kind `'idle'`, and cancels
   * the operation if the body passes that on.
   *
   * @default Infinity
   */
  idle?: Duration | undefined
}

/** The progress of a stream. */
export interface PartialStream<T = unknown> {
  /** How many items were delivered. */
  count: number
  /** The latest of them, at most `keep`, oldest first. */
  items: T[]
  /** Whether the source has ended by itself. */
  complete: boolean
}

type Result<T> = IteratorResult<T, undefined>
type Resolve<T> = (result: Result<T>) => void
type Reject = (error: unknown) => void

/** The names of the options. */
export const STREAM_KEYS: readonly string[] = ['reportEvery', 'keep', 'interruptible', 'idle']

/** The stream's place in its operation's list. */
class StreamWaiter extends Waiter {
  readonly #canceled: (error: CancelationError) => boolean
  readonly #dismissed: (error: CancelationError) => void

  constructor(canceled: (error: CancelationError) => boolean, dismissed: (error: CancelationError) => void) {
    super()
    this.#canceled = canceled
    this.#dismissed = dismissed
  }
  canceled(error: CancelationError): boolean {
    return this.#canceled(error)
  }
  dismissed(error: CancelationError): void {
    this.#dismissed(error)
  }
}

/**
 * The items of a source inside an operation; made by `cancel.stream(source)`. It reads an item only on request, so a slow
 * consumer slows the source down.
 */
export class CancelableStream<T> implements AsyncIterableIterator<T>, AsyncDisposable {
  readonly #operation: Operation
  readonly #reader: Reader<T>
  readonly #interruptible: boolean
  readonly #reportEvery: number
  readonly #keep: number
  /** The latest items, a ring once it is full: `#count` says where the oldest is. */
  readonly #items: T[] = []
  #count = 0
  #complete = false
  #closed = false
  /** The error with which reads fail after the operation has ended. */
  #ended: CancelationError | undefined
  /** Settles the pending `next`, if there is one. */
  #resolve: Resolve<T> | undefined
  /** Belongs to it, and means nothing without it. */
  #reject!: Reject
  #latest: Promise<unknown> | undefined
  readonly #waiter = new StreamWaiter(
    (error) => this.#canceled(error),
    (error) => this.#dismissed(error),
  )
  readonly #inContext = thisContext()
  #idle: IdleWatch | undefined
  readonly #onIdle: ((reason: IdleReason) => void) | undefined
  readonly #onClosed: ((complete: boolean) => void) | undefined
  readonly #onResult = (result: IteratorResult<T>): void => this.#received(result)
  readonly #onError = (error: unknown): void => this.#failed(error)
  readonly #check = (result: IteratorResult<T>): Result<T> => this.#checked(result)
  readonly #checkError = (error: unknown): never => {
    this.#sourceFailed(error)
    throw error
  }

  /** @internal Use `cancel.stream()`. */
  constructor(
    operation: Operation,
    source: StreamSource<T>,
    options: StreamOptions<T> = {},
    onClosed?: (complete: boolean) => void,
    onIdle?: (reason: IdleReason) => void,
  ) {
    this.#onIdle = onIdle
    readOptions(options, 'stream option', STREAM_KEYS)
    const { reportEvery = 0, keep = 0, interruptible = true, idle } = options
    this.#reportEvery = checkWhole(reportEvery, 'reportEvery', 0)
    this.#keep = keep === 'all' ? Infinity : checkWhole(keep, 'keep', 0)
    if (typeof interruptible !== 'boolean') throw invalidType('interruptible', 'true or false', interruptible)
    this.#interruptible = interruptible
    const longest = idle === undefined ? Infinity : parseDuration(idle, 'idle', true)
    if (longest !== Infinity && !interruptible)
      throw invalidValue('idle', 'left out where interruptible is false', idle)
    this.#operation = operation
    this.#reader = readerOf(source)
    this.#onClosed = onClosed
    if ((operation[kFlags] & ENDED) !== 0) {
      // Closes the source at once.
      this.#dismissed(refusalOf(operation)!)
      return
    }
    const extras = extrasOf(operation)
    // A partial result that the body has set stays.
    if (extras.partial === undefined) extras.stream = this
    this.#waiter.join(operation)
    if (longest !== Infinity) {
      this.#idle = new IdleWatch(longest, () => this.#idleFor(longest))
      addIdleWatch(operation, this.#idle)
    }
  }

  /** Returns itself, so a stream can only be iterated over once. */
  [Symbol.asyncIterator](): this {
    return this
  }

  /** How many items were delivered. */
  get count(): number {
    return this.#count
  }

  /** The progress so far. */
  partial(): PartialStream<T> {
    const items = this.#items
    // Until the ring is full, this is its end, and nothing moves.
    const oldest = this.#count % this.#keep
    return {
      count: this.#count,
      items: [...items.slice(oldest), ...items.slice(0, oldest)],
      complete: this.#complete,
    }
  }

  /** The next item; rejects with the operation's error once that is canceled. */
  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#resolve !== undefined) return this.#afterLatest()
    if (isCanceled(this.#operation)) return this.#refuse()
    if (this.#ended !== undefined) return rejectedQuietly(this.#ended)
    if (this.#closed) return Promise.resolve({ done: true, value: undefined })
    let result: ReturnType<Reader<T>['next']>
    try {
      result = tracker === null ? this.#reader.next() : tracker.run(this.#operation, () => this.#reader.next())
      if (this.#reader.sync) return this.#takeSync(result as IteratorResult<T | PromiseLike<T>>)
    } catch (error) {
      this.#end(false)
      return Promise.reject(error)
    }
    // An iterator may return a plain result, as `for await` allows.
    const coming = (result instanceof Promise ? result : Promise.resolve(result)) as Promise<IteratorResult<T>>
    return this.#await(coming)
  }

  /** Closes the source, and waits for that until the operation is canceled; called by `for await` when its loop is left. */
  async return(): Promise<IteratorResult<T, undefined>> {
    if (!this.#closed) {
      const closing = this.#close(undefined)
      if ((this.#operation[kFlags] & ENDED) !== 0) await closing
      else {
        // Inside the operation: a source that never closes does not hold a canceled consumer.
        await race(this.#operation, closing as PromiseLike<unknown>).catch((error: unknown) => {
          if (!isCanceled(this.#operation)) throw error
        })
      }
      this.#settleWaiting()
    }
    return { done: true, value: undefined }
  }

  /** Closes the source, and rejects with `error`. */
  async throw(error: unknown): Promise<IteratorResult<T, undefined>> {
    await this.return()
    throw error
  }

  /** Closes the source. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  /** Returns whether a `next` was waiting. */
  #canceled(error: CancelationError): boolean {
    const waits = this.#resolve !== undefined
    this.#resolve = undefined
    this.#drop(error)
    if (!waits) return false
    quiet(this.#latest!)
    this.#reject(error)
    return true
  }

  /** The operation has ended before the source. To a reader, this must not look like the end of the source. */
  #dismissed(error: CancelationError): void {
    this.#ended = error
    this.#canceled(error)
  }

  #waitFor(result: PromiseLike<IteratorResult<T>>): Promise<Result<T>> {
    const promise = new Promise<Result<T>>(capture)
    this.#resolve = capturedResolve
    this.#reject = capturedReject
    this.#latest = promise
    this.#idle?.start()
    result.then(this.#onResult, this.#onError)
    return promise
  }

  /** A `next` that is called before the previous one has settled waits for it. */
  #afterLatest(): Promise<Result<T>> {
    const promise = this.#latest!.then(
      () => this.next(),
      () => this.next(),
    )
    this.#latest = promise
    return promise
  }

  /** Waits for an item that is on its way. */
  #await(coming: Promise<IteratorResult<T>>): Promise<Result<T>> {
    return this.#interruptible ? this.#waitFor(coming) : coming.then(this.#check, this.#checkError)
  }

  #takeSync(result: IteratorResult<T | PromiseLike<T>>): Promise<Result<T>> {
    const { value } = result
    if (result.done !== true && isThenable(value)) {
      const settled = Promise.resolve(value as PromiseLike<T>).then((item): IteratorResult<T> => ({
        done: false,
        value: item,
      }))
      return this.#await(settled)
    }
    return Promise.resolve(this.#take(result as IteratorResult<T>))
  }

  #received(result: IteratorResult<T>): void {
    const resolve = this.#resolve
    // An item that comes after a cancelation is dropped.
    if (resolve === undefined) return
    this.#resolve = undefined
    try {
      resolve(this.#take(result))
    } catch (error) {
      this.#end(false)
      this.#reject(error)
    }
  }

  #failed(error: unknown): void {
    // After a cancelation all this has been done, and the lock of a reader must not be released twice.
    if (this.#resolve === undefined) return
    this.#resolve = undefined
    this.#sourceFailed(error)
    this.#reject(error)
  }

  /** A source that failed has closed itself; one that yielded a failing promise has not. */
  #sourceFailed(error: unknown): void {
    if (this.#reader.sync) {
      this.#drop(error)
      return
    }
    this.#end(false)
    this.#reader.release?.()
  }

  #checked(result: IteratorResult<T>): Result<T> {
    try {
      return this.#take(result)
    } catch (error) {
      this.#end(false)
      this.#reader.release?.()
      throw error
    }
  }

  #take(result: IteratorResult<T>): Result<T> {
    if (typeof result !== 'object' || result === null) {
      throw invalidType('next() of the source', 'a function whose results are objects', result)
    }
    if (result.done === true) {
      this.#end(true)
      this.#reader.release?.()
      return { done: true, value: undefined }
    }
    if (this.#keep !== 0) this.#items[this.#count % this.#keep] = result.value
    const count = ++this.#count
    touch(this.#operation)
    if (this.#reportEvery !== 0 && count % this.#reportEvery === 0) {
      const data = { count, latest: result.value }
      reportProgress(this.#operation, `Processed ${count} items`, data)
    }
    return result
  }

  /** Nothing has happened for the idle time. Without a pending read, that is not the source's fault, so nothing follows. */
  #idleFor(duration: number): void {
    if (this.#resolve === undefined) return
    const reason = idleReason(duration, 'item')
    if (this.#onIdle === undefined) this.#canceled(cancelationError(reason, this.#operation))
    else this.#onIdle(reason)
  }

  #refuse(): Promise<never> {
    const error = errorOf(this.#operation)
    this.#drop(error)
    return rejectedQuietly(error)
  }

  /** Settles a pending `next`. */
  #settleWaiting(): void {
    const resolve = this.#resolve
    this.#resolve = undefined
    resolve?.({ done: true, value: undefined })
  }

  #close(reason: unknown): unknown {
    this.#end(false)
    return callBeside(this.#operation, () => this.#reader.close(reason))
  }

  /** Marks it as ended: no further item is delivered. */
  #end(complete: boolean): void {
    this.#closed = true
    this.#complete = complete
    this.#waiter.leave()
    if (this.#idle !== undefined) {
      this.#idle.stop()
      removeIdleWatch(this.#operation, this.#idle)
    }
    this.#onClosed?.(complete)
  }

  /** Closes the source without waiting for it, in the async context in which the stream was made. */
  #drop(reason: unknown): void {
    if (this.#closed) return
    try {
      const closing = this.#inContext(() => this.#close(reason))
      if (isThenable(closing)) closing.then(undefined, (error: unknown) => this.#closingFailed(error))
    } catch (error) {
      this.#closingFailed(error)
    }
  }

  #closingFailed(error: unknown): void {
    // A canceled source may well reject with the cancelation.
    if (error !== this.#ended && error !== this.#operation[kExtras]?.error) {
      reportError(error, 'stream', this.#operation[kName])
    }
  }
}
