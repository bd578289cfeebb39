/** Functions and streams that bring their own operation. */
import { CancelationError } from '../base/cancelation-error.js'
import { checkOptions, invalidType } from '../base/errors.js'
import { Cancelable, type CancelableOptions } from './cancelable.js'
import { mimicFunction } from './mimic-function.js'
import type { StreamSource } from './iterate.js'
import type { ListenerTypes } from './extras.js'
import { CancelableStream, type StreamOptions } from './stream.js'

/**
 * A function that runs `fn` in a new operation with these options on every call.
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

export interface CancelableStreamOptions<T = unknown> extends CancelableOptions, StreamOptions<T> {
  /** Called as often as `reportEvery` says. */
  onProgress?: ListenerTypes['progress'] | undefined
}

/** The items of `source` in an operation of their own, which starts now and ends with the stream. */
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
    // A stream that is canceled before it starts says so where it is read.
    if (!CancelationError.is(error)) throw error
  }
  return stream
}
