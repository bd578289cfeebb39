/** Messages published on `diagnostics_channel`; no cost without subscribers. docs/diagnostics.md lists them all. */
import { channel, type Channel } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import type { OperationContext } from './operation-context.js'
import type { CancelationReason } from './reason.js'

/** Everything whose failure no caller can catch; docs/diagnostics.md lists when each one fails. */
export type ErrorSource =
  | 'start listener'
  | 'complete listener'
  | 'cancel listener'
  | 'error listener'
  | 'progress listener'
  | 'settled listener'
  | 'breach listener'
  | 'clear listener'
  | 'unavailable listener'
  | 'evidence listener'
  | 'evidence'
  | 'change listener'
  | 'driven queue'
  | 'onError callback'
  | 'onState callback'
  | 'onCanceled callback'
  | 'cleanup'
  | 'task'
  | 'stream'
  | 'ticker body'
  | 'condition'
  | 'guard'
  | 'source'
  | 'sink'
  | 'abort signal'
  | 'shared operation'
  | 'cancelation'
  | 'request'
  | 'registry'
  | 'job queue'

/**
 * What failed, followed by the name of the operation, guard, ticker or limiter that it belongs to, if that has a name. The name is
 * in double quotes and escaped as in JSON: `'cleanup'`, `'condition "drained"'`, `'breach listener "memory"'`.
 */
export type ErrorOrigin = ErrorSource | `${ErrorSource} "${string}"`

/** Published on `tripline:error`: a user's callback or a source failed where no caller could catch the error. */
export interface ErrorMessage {
  /** The value that was thrown, or that a promise rejected with. */
  readonly error: unknown
  /** What failed. */
  readonly origin: ErrorOrigin
}

/** Published on `tripline:cancel`: an operation was canceled. */
export interface CancelMessage {
  /** The canceled operation. */
  readonly operation: OperationContext
  /** Why it was canceled. */
  readonly reason: CancelationReason
}

/** A limit was crossed. */
export const breachChannel: Channel = channel('tripline:breach')
/** Something has blocked the event loop. */
export const blockedChannel: Channel = channel('tripline:blocked')
/** A crossed limit has recovered. */
export const clearChannel: Channel = channel('tripline:clear')
/** A ticker could not deliver some of its beats. */
export const missedChannel: Channel = channel('tripline:missed')
/** An operation was canceled. */
export const cancelChannel: Channel = channel('tripline:cancel')
/** The body of a canceled operation went on after its grace period. */
export const abandonedChannel: Channel = channel('tripline:abandoned')

const errorChannel: Channel = channel('tripline:error')

/**
 * Reports an error that no caller can catch: to `tripline:error`, or as a process warning where that has no subscribers.
 * Never throws.
 *
 * @param name the name of the operation, guard or ticker that the source belongs to; empty or undefined if it has none
 */
export function reportError(error: unknown, source: ErrorSource, name?: string): void {
  const origin: ErrorOrigin =
    name === undefined || name === '' ? source : `${source} "${JSON.stringify(name).slice(1, -1)}"`
  if (errorChannel.hasSubscribers) {
    errorChannel.publish({ error, origin } satisfies ErrorMessage)
    return
  }
  process.emitWarning(`${origin} failed: ${brief(error)}`, {
    type: 'TriplineWarning',
    detail: stackOf(error),
  })
}

function stackOf(error: unknown): string {
  try {
    return error instanceof Error ? (error.stack ?? '') : ''
  } catch {
    return ''
  }
}

/** Calls a user's callback and reports its error, whether thrown or rejected, so that no other callback is affected. */
export function callIsolated<A extends unknown[]>(
  source: ErrorSource,
  name: string | undefined,
  callback: (...args: A) => unknown,
  ...args: A
): void {
  try {
    const result = callback(...args)
    if (isThenable(result)) result.then(undefined, (error: unknown) => reportError(error, source, name))
  } catch (error) {
    reportError(error, source, name)
  }
}

/** Whether `await` would wait for the value. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}

function brief(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : inspect(error, { depth: 1 })
  } catch {
    return 'an error that cannot be printed'
  }
}
