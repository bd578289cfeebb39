/**
 * Async context (`AsyncLocalStorage`): a callback runs in the context in which it was registered, whichever timer, thread or
 * caller sets it off. What serves many callers stays outside of all contexts, or it would retain that of the first.
 */
import { AsyncResource } from 'node:async_hooks'

const kOutside = Symbol.for('tripline.outside')

const outside = outermost()

/**
 * That of the moment at which the package is loaded. Test runners load it into one vm context after the other, within
 * contexts of theirs: there it is the first of the process, so that none of the others is retained.
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

/** What calls functions in the current context later. */
export function thisContext(): <R>(fn: () => R) => R {
  const context = new AsyncResource('tripline')
  return (fn) => context.runInAsyncScope(fn)
}

/** Calls `fn` outside of all contexts but the one in which the package was loaded. */
export function outsideContexts<R>(fn: () => R): R {
  return outside.runInAsyncScope(fn)
}
