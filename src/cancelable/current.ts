/**
 * The current operation, for `tripline/context`: without it, `tracker` stays null, and each function here costs no more than
 * reading that variable.
 */

/** An operation; its type is above this file. */
type Operation = object

/** Keeps the current operation of every async context. */
export interface Tracker {
  /** The operation whose body, listener or cleanup runs now. */
  current(): Operation | undefined
  /** The parent of an operation that starts now. */
  parent(): Operation | undefined
  /** Calls a body of the operation, or a part of it. */
  run<A extends unknown[], R>(operation: Operation, fn: (...args: A) => R, ...args: A): R
  /**
   * Calls a listener or a cleanup: the operation is current there, too, but once it is canceled or has ended, operations that
   * start there have no parent, because they would be refused otherwise.
   */
  runBeside<A extends unknown[], R>(operation: Operation, fn: (...args: A) => R, ...args: A): R
}

export let tracker: Tracker | null = null

/** Switches tracking on, for good. */
export function track(by: Tracker): void {
  tracker ??= by
}

/** Calls a part of the operation's body. */
export function callAs<A extends unknown[], R>(operation: Operation, fn: (...args: A) => R, ...args: A): R {
  return tracker === null ? fn(...args) : tracker.run(operation, fn, ...args)
}

/** Calls a listener or a cleanup of the operation. */
export function callBeside<A extends unknown[], R>(operation: Operation, fn: (...args: A) => R, ...args: A): R {
  return tracker === null ? fn(...args) : tracker.runBeside(operation, fn, ...args)
}

/**
 * A listener or a cleanup that belongs to the operation in whose body it is registered, or else to its own one.
 */
export function besideCurrent<A extends unknown[], R>(operation: Operation, fn: (...args: A) => R): (...args: A) => R {
  if (tracker === null) return fn
  const owner = tracker.current() ?? operation
  return (...args) => callBeside(owner, fn, ...args)
}
