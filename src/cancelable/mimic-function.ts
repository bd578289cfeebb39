/** Wrapped functions that look like the original. */
import { types } from 'node:util'
import { errorOf, type Operation } from './operation.js'
import { isCanceled, throwIfCanceled } from './poll.js'

/** Gives `wrapper` the name and length of `fn`, without the first `own` arguments, which the wrapper itself passes. */
export function mimicFunction<F extends (...args: never[]) => unknown>(
  wrapper: F,
  fn: (...args: never[]) => unknown,
  own: number,
): F {
  Object.defineProperty(wrapper, 'name', { value: fn.name, configurable: true })
  Object.defineProperty(wrapper, 'length', { value: Math.max(0, fn.length - own), configurable: true })
  return wrapper
}

/** `fn`, which first throws if the operation is canceled; an async function rejects instead. */
export function checkFirst<F extends (...args: never[]) => unknown>(operation: Operation, fn: F): F {
  const isAsync = types.isAsyncFunction(fn)
  function wrapped(this: unknown, ...args: never[]): unknown {
    if (isAsync && isCanceled(operation)) return Promise.reject(errorOf(operation))
    throwIfCanceled(operation)
    return fn.apply(this, args)
  }
  return mimicFunction(wrapped as F, fn, 0)
}
