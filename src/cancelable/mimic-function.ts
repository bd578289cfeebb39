/** Functions around functions. */
import { throwIfCanceled } from './poll.js'
import type { Operation } from './operation.js'

/** Makes `wrapper` look like `fn`, but for the arguments that it brings itself. */
export function mimicFunction<F extends (...args: never[]) => unknown>(
  wrapper: F,
  fn: (...args: never[]) => unknown,
  own: number,
): F {
  Object.defineProperty(wrapper, 'name', { value: fn.name, configurable: true })
  Object.defineProperty(wrapper, 'length', { value: Math.max(0, fn.length - own), configurable: true })
  return wrapper
}

/** `fn`, with a look at the operation before each call. */
export function checkFirst<F extends (...args: never[]) => unknown>(operation: Operation, fn: F): F {
  function wrapped(this: unknown, ...args: never[]): unknown {
    throwIfCanceled(operation)
    return fn.apply(this, args)
  }
  return mimicFunction(wrapped as F, fn, 0)
}
