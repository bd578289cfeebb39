/** Wrapped functions that look like the original. */
import { throwIfCanceled } from './poll.js'
import type { Operation } from './operation.js'

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

/** `fn`, which first throws if the operation is canceled. */
export function checkFirst<F extends (...args: never[]) => unknown>(operation: Operation, fn: F): F {
  function wrapped(this: unknown, ...args: never[]): unknown {
    throwIfCanceled(operation)
    return fn.apply(this, args)
  }
  return mimicFunction(wrapped as F, fn, 0)
}
