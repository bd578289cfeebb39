/**
 * Async context (`AsyncLocalStorage`): a callback runs in the context in which it was registered, whichever timer, thread
 * or caller triggers it. Shared timers and guards run outside of all contexts, because they would otherwise retain the
 * context of their first user.
 */
import { AsyncResource } from 'node:async_hooks'

const kOutside = Symbol.for('tripline.outside')

const outside = outermost()

/**
 * The async context in which the package was loaded. A test runner may load the package into one vm context after another:
 * all of them then use the first such context of the process, so that no later one is retained.
 */
function outermost(): AsyncResource {
  const holder = AsyncResource as { [kOutside]?: AsyncResource }
  const isOwnRealm = Object.getPrototypeOf(AsyncResource) !== Function.prototype
  return isOwnRealm ? (holder[kOutside] ??= new AsyncResource('tripline')) : new AsyncResource('tripline')
}

/** The callback, bound to the current context. It is called without `this`. */
export function inThisContext<F extends (...args: never[]) => unknown>(callback: F): F {
  const context = new AsyncResource('tripline')
  const call = callback as unknown as (...args: unknown[]) => unknown
  return ((...args: unknown[]) => context.runInAsyncScope(call, undefined, ...args)) as unknown as F
}

/** Returns a function that calls others in the context that is current now. */
export function thisContext(): <R>(fn: () => R) => R {
  const context = new AsyncResource('tripline')
  return (fn) => context.runInAsyncScope(fn)
}

/** Calls `fn` outside of all contexts but the one in which the package was loaded. */
export function outsideContexts<R>(fn: () => R): R {
  return outside.runInAsyncScope(fn)
}
