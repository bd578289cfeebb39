/** Functions and streams with an operation of their own. */
import { CancelationError } from '../base/cancelation-error.js'
import { checkOptions, invalidType } from '../base/errors.js'
import { Cancelable, type CancelableOptions } from './cancelable.js'
import { mimicFunction } from './mimic-function.js'
import type { StreamSource } from './iterate.js'
import type { ListenerTypes } from './extras.js'
import { CancelableStream, type StreamOptions } from './stream.js'

/**
 * A function that runs `fn` in a new operation with these options on every call; the operation comes first among its
 * arguments. The operation has the name of `fn` unless the options name it.
 *
 * @throws TypeError, RangeError with Node's codes for bad options, here and not at the first call
 *
 * @example
 * const load = cancelable({ timeout: '5s' }, async (cancel, url: string) => fetch(url, { signal: cancel.signal }))
 * await load('https://example.org')
 */
export function cancelable<A extends unknown[], R>(
  options: CancelableOptions,
  fn: (cancel: Cancelable, ...args: A) => R | PromiseLike<R>,
): (...args: A) => Promise<R> {
  if (typeof fn !== 'function') throw invalidType('fn', 'a function', fn)
  // Bad options are found here, not at the first call.
  const checked = new Cancelable({ name: fn.name, ...checkOptions(options) }).context.name
  const named: CancelableOptions = checked === '' ? options : { name: fn.name, ...options }
  function wrapped(this: unknown, ...args: A): Promise<R> {
    return new Cancelable(named).run((cancel) => fn.call(this, cancel, ...args))
  }
  return mimicFunction(wrapped, fn, 1)
}

/** The options of an operation and of its stream. */
export interface CancelableStreamOptions<T = unknown> extends CancelableOptions, StreamOptions<T> {
  /** Called after every `reportEvery` items. */
  onProgress?: ListenerTypes['progress'] | undefined
}

/**
 * The items of `source` in an operation of their own, which starts now and ends with the stream. If it is canceled before,
 * the first `next()` rejects.
 *
 * @example
 * for await (const row of cancelableStream(readRows(), { timeout: '1m', reportEvery: 1000, onProgress })) await save(row)
 * @throws TypeError, RangeError with Node's codes for bad options; whatever a source that cannot be armed throws
 */
export function cancelableStream<T>(
  source: StreamSource<T>,
  options: CancelableStreamOptions<T> = {},
): CancelableStream<T> {
  const { reportEvery, keep, interruptible, onProgress, ...rest } = checkOptions(options)
  const operation = new Cancelable(rest)
  if (onProgress !== undefined) operation.onProgress(onProgress)
  const stream = new CancelableStream(operation, source, { reportEvery, keep, interruptible }, (complete) => {
    if (complete) operation.complete()
    else operation[Symbol.dispose]()
  })
  try {
    operation.enter()
  } catch (error) {
    // A stream that is canceled before it starts reports that where it is read.
    if (!CancelationError.is(error)) throw error
  }
  return stream
}
