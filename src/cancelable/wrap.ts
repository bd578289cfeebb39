/** Functions and streams with an operation of their own. */
import { CancelationError } from '../base/cancelation-error.js'
import { invalidType, invalidValue } from '../base/errors.js'
import { readOptions } from '../base/options.js'
import { Cancelable, type CancelableOptions } from './cancelable.js'
import { mimicFunction } from './mimic-function.js'
import type { StreamSource } from './iterate.js'
import type { ListenerTypes } from './extras.js'
import { CANCELABLE_OPTIONS } from './options.js'
import { CancelableStream, STREAM_KEYS, type StreamOptions } from './stream.js'

/** The options of a function or method with an operation of its own. */
export interface WrapOptions extends CancelableOptions {
  /** Whether the operation comes first among the arguments of the function. @default true */
  inject?: boolean | undefined
}

/** Any function or method. */
type Method = (...args: never[]) => unknown

/** Makes a method run in an operation of its own; takes both standard and legacy (`experimentalDecorators`) decorations. */
export interface CancelableDecorator {
  /** A standard decorator of a method. */
  <This, A extends unknown[], R>(
    method: (this: This, ...args: A) => R,
    context: ClassMethodDecoratorContext<This, (this: This, ...args: A) => R>,
  ): (this: This, ...args: A) => R
  /** A legacy decorator of a method. */
  <F extends Method>(
    target: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<F>,
  ): TypedPropertyDescriptor<F>
}

/**
 * A function that runs `fn` in a new operation with these options on every call; the operation comes first among its
 * arguments, unless `inject` is false. The operation has the name of `fn` unless the options name it. Without `fn`, a
 * decorator of methods, whose operations are named after the class and the method: `Store.save`. A decorated method that gets
 * the operation is called with it left out; give it a default or mark it optional for the compiler.
 *
 * @throws TypeError, RangeError with Node's codes for bad options, here and not at the first call
 *
 * @example
 * const load = cancelable({ timeout: '5s' }, async (cancel, url: string) => fetch(url, { signal: cancel.signal }))
 * await load('https://example.org')
 *
 * class Store {
 *   @cancelable({ timeout: '5s', inject: false })
 *   async save(row: Row) { await insert(row) }
 * }
 */
export function cancelable<A extends unknown[], R>(
  options: WrapOptions & { inject: false },
  fn: (...args: A) => R | PromiseLike<R>,
): (...args: A) => Promise<R>
export function cancelable<A extends unknown[], R>(
  options: WrapOptions,
  fn: (cancel: Cancelable, ...args: A) => R | PromiseLike<R>,
): (...args: A) => Promise<R>
export function cancelable(options?: WrapOptions): CancelableDecorator
export function cancelable(options: WrapOptions = {}, ...rest: [fn?: Method]): unknown {
  if (rest.length === 0) return decorator(options)
  const [fn] = rest
  if (typeof fn !== 'function')
    throw invalidType('fn argument', 'a function (the decorator is written `@cancelable()`)', fn)
  const wrapper = wrapperOf(options)
  return wrapper(fn, () => fn.name)
}

function decorator(options: WrapOptions): (...args: [unknown, unknown, unknown?]) => unknown {
  const wrapper = wrapperOf(options)
  return (given, where, descriptor) => {
    if (isStandard(where)) {
      const { kind, name } = where
      if (kind !== 'method') throw invalidValue('cancelable()', 'on a method', kind)
      return wrapper(given as Method, (receiver) => nameIn(receiver, name))
    }
    const { value, ...others } = (descriptor ?? {}) as TypedPropertyDescriptor<Method>
    if (typeof value !== 'function') throw invalidType('cancelable()', 'on a method', value)
    return { ...others, value: wrapper(value, () => nameIn(given, where as string | symbol)) }
  }
}

function isStandard(where: unknown): where is ClassMethodDecoratorContext {
  return typeof where === 'object' && where !== null && 'kind' in where
}

/** `Store.save`; without the class if there is none. */
function nameIn(receiver: unknown, method: string | symbol): string {
  const owner = classOf(receiver)
  return owner === '' ? String(method) : `${owner}.${String(method)}`
}

/** The name of the class of an instance or prototype, or of the class itself. */
function classOf(receiver: unknown): string {
  if (typeof receiver === 'function') return receiver.name
  if (typeof receiver !== 'object' || receiver === null) return ''
  try {
    const { constructor } = receiver
    return typeof constructor === 'function' ? constructor.name : ''
  } catch {
    // A proxy or a getter: the method itself may do without it.
    return ''
  }
}

const WRAP_OPTIONS: readonly string[] = [...CANCELABLE_OPTIONS, 'inject']

/** Checks the options at once, and returns what wraps a function with them. */
function wrapperOf(options: WrapOptions): (fn: Method, nameOf: (receiver: unknown) => string) => Method {
  const { inject = true, ...rest } = readOptions(options, 'option', WRAP_OPTIONS)
  if (typeof inject !== 'boolean') throw invalidType('inject', 'true or false', inject)
  const { name } = new Cancelable(rest).context
  return (fn, nameOf) => {
    const run = fn as (this: unknown, ...args: unknown[]) => unknown
    function wrapped(this: unknown, ...args: unknown[]): Promise<unknown> {
      const operation = new Cancelable(name === undefined ? { ...rest, name: nameOf(this) } : rest)
      return operation.run((cancel) => (inject ? run.call(this, cancel, ...args) : run.apply(this, args)))
    }
    return mimicFunction(wrapped, fn, inject ? 1 : 0)
  }
}

const STREAM_OPTIONS: readonly string[] = [...CANCELABLE_OPTIONS, ...STREAM_KEYS, 'onProgress']

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
  const { reportEvery, keep, interruptible, idle, onProgress, ...rest } = readOptions(options, 'option', STREAM_OPTIONS)
  const operation = new Cancelable(rest)
  if (onProgress !== undefined) operation.onProgress(onProgress)
  const close = (complete: boolean): void => {
    if (complete) operation.complete()
    else operation[Symbol.dispose]()
  }
  const stream = new CancelableStream(
    operation,
    source,
    { reportEvery, keep, interruptible, idle },
    close,
    (reason) => {
      operation.cancel(reason)
    },
  )
  try {
    operation.enter()
  } catch (error) {
    // A stream that is canceled before it starts reports that where it is read.
    if (!CancelationError.is(error)) throw error
  }
  return stream
}
