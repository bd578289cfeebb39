/** One interface to read all kinds of sources, item by item. */
import type { Readable } from 'node:stream'
import type { ReadableStream, ReadableStreamDefaultReader } from 'node:stream/web'
import { invalidType } from '../base/errors.js'

/** A source for a stream: an async or sync iterable, a Node `Readable`, a web `ReadableStream`. */
export type StreamSource<T> = AsyncIterable<T> | Iterable<T | PromiseLike<T>> | ReadableStream<T> | Readable

export interface Reader<T> {
  /** Whether `next` returns its result, and not a promise of it. */
  readonly sync: boolean
  next(): IteratorResult<T | PromiseLike<T>> | PromiseLike<IteratorResult<T>>
  /** Closes the source, also while a `next` is pending. The promise that it returns may never settle. */
  close(reason: unknown): unknown
  /** Lets others read the source, after it has ended by itself. */
  release?(): void
}

/** @throws TypeError `ERR_INVALID_ARG_TYPE` */
export function readerOf<T>(source: StreamSource<T>): Reader<T> {
  if (typeof source === 'string') return new SyncReader(source as Iterable<T>)
  if (typeof source === 'object' && source !== null) {
    if (typeof (source as Partial<ReadableStream>).getReader === 'function') {
      return new WebReader(source as ReadableStream<T>)
    }
    if (Symbol.asyncIterator in source) {
      return typeof (source as Partial<Readable>).destroy === 'function'
        ? new NodeReader(source as Readable)
        : new AsyncReader(source as AsyncIterable<T>)
    }
    if (Symbol.iterator in source) return new SyncReader(source as Iterable<T>)
  }
  throw invalidType('source argument', 'an async or sync iterable, a Readable or a ReadableStream', source)
}

class AsyncReader<T> implements Reader<T> {
  readonly sync = false
  readonly #iterator: AsyncIterator<T>

  constructor(source: AsyncIterable<T>) {
    this.#iterator = source[Symbol.asyncIterator]()
  }
  next(): PromiseLike<IteratorResult<T>> {
    return this.#iterator.next()
  }
  close(): unknown {
    return this.#iterator.return?.()
  }
}

class SyncReader<T> implements Reader<T> {
  readonly sync = true
  readonly #iterator: Iterator<T | PromiseLike<T>>

  constructor(source: Iterable<T | PromiseLike<T>>) {
    this.#iterator = source[Symbol.iterator]()
  }
  next(): IteratorResult<T | PromiseLike<T>> {
    return this.#iterator.next()
  }
  close(): unknown {
    return this.#iterator.return?.()
  }
}

/** `return()` of its iterator would wait for the pending read; `destroy()` does not. */
class NodeReader<T> implements Reader<T> {
  readonly sync = false
  readonly #source: Readable
  readonly #iterator: AsyncIterator<T>

  constructor(source: Readable) {
    this.#source = source
    this.#iterator = source[Symbol.asyncIterator]() as AsyncIterator<T>
  }
  next(): PromiseLike<IteratorResult<T>> {
    return this.#iterator.next()
  }
  close(): unknown {
    this.#source.destroy()
    return this.#iterator.return?.()
  }
}

class WebReader<T> implements Reader<T> {
  readonly sync = false
  readonly #reader: ReadableStreamDefaultReader<T>

  constructor(source: ReadableStream<T>) {
    this.#reader = source.getReader()
  }
  next(): PromiseLike<IteratorResult<T>> {
    return this.#reader.read() as Promise<IteratorResult<T>>
  }
  close(reason: unknown): unknown {
    const canceled = this.#reader.cancel(reason)
    this.release()
    return canceled
  }
  release(): void {
    this.#reader.releaseLock()
  }
}
