/**
 * An entry point for hot paths of this package that start thousands of operations per second: nothing is parsed, and the
 * outcome is reported by callbacks instead of a promise.
 */
import { capture, capturedReject, capturedResolve } from '../base/capture.js'
import { now } from '../base/clock.js'
import { runBody } from './body.js'
import { Cancelable } from './cancelable.js'
import { endedAtOf, kFlags, kParent, kStartedAt, kStatus, kTimeout } from './operation.js'
import { keepPromise } from './settle.js'
import { ABANDONED, COMPLETED, NO_GRACE } from './state.js'

/**
 * Runs `body` in a new child of `parent`, without a grace period. Neither `resolve` nor `reject` may throw.
 *
 * @param timeout in milliseconds
 */
export function runChild(
  parent: Cancelable,
  timeout: number | undefined,
  body: (cancel: Cancelable) => unknown,
  resolve: (value: unknown) => void,
  reject: (error: unknown) => void,
): Cancelable {
  const child = new Cancelable()
  // No grace period: a beat must not wait for the body of one before it.
  child[kFlags] = NO_GRACE
  child[kParent] = parent
  child[kTimeout] = timeout
  runBody(child, body, resolve, reject)
  return child
}

/**
 * Runs an unused operation as its own `run()` does, and calls `settled` right before the promise settles. It must not throw.
 */
export function runSettling<T>(
  operation: Cancelable,
  body: (cancel: Cancelable) => T | PromiseLike<T>,
  settled: () => void,
): Promise<T> {
  const promise = new Promise<T>(capture)
  const [resolve, reject] = [capturedResolve, capturedReject]
  runBody(
    operation,
    body,
    (value) => {
      settled()
      resolve(value)
    },
    (error) => {
      settled()
      reject(error)
    },
  )
  if (operation[kParent] !== null) keepPromise(operation, promise)
  return promise
}

/** Whether its run has settled, but its body has not. */
export function isAbandoned(operation: Cancelable): boolean {
  return operation[kStatus] === ABANDONED
}

/** Whether its body has fulfilled, and with it its run. */
export function hasCompleted(operation: Cancelable): boolean {
  return operation[kStatus] === COMPLETED
}

/** How long the body of an operation has run, in milliseconds; up to now if it was abandoned, or its end was not recorded. */
export function elapsedOf(child: Cancelable): number {
  const endedAt = isAbandoned(child) ? undefined : endedAtOf(child)
  return (endedAt ?? now()) - child[kStartedAt]!
}
