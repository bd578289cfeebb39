/**
 * An entry point for hot paths of this package that start thousands of operations per second: nothing is parsed, and the
 * outcome is reported by callbacks instead of a promise.
 */
import { now } from '../base/clock.js'
import { runBody } from './body.js'
import { Cancelable } from './cancelable.js'
import { endedAtOf, kFlags, kParent, kStartedAt, kTimeout } from './operation.js'
import { NO_GRACE } from './state.js'

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

/** How long a child has run, in milliseconds; up to now if its end was not recorded. */
export function elapsedOf(child: Cancelable): number {
  return (endedAtOf(child) ?? now()) - child[kStartedAt]!
}
