/** Messages published on `diagnostics_channel`; no cost without subscribers. docs/diagnostics.md lists them all. */
import { channel, type Channel } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import type { OperationContext } from './operation-context.js'
import type { CancelationReason } from './reason.js'

/** What can fail where no caller can catch it; docs/diagnostics.md says when. */
export type ErrorSource =
  | 'start listener'
  | 'complete listener'
  | 'cancel listener'
  | 'error listener'
  | 'progress listener'
  | 'breach listener'
  | 'clear listener'
  | 'unavailable listener'
  | 'onError callback'
  | 'onState callback'
  | 'cleanup'
  | 'stream'
  | 'ticker body'
  | 'condition'
  | 'guard'
  | 'source'
  | 'sink'
  | 'abort signal'
  | 'cancelation'

/**
 * What failed, and in double quotes, as JSON has them, the name of what it belongs to, where that has one:
 * `'cleanup'`, `'condition "drained"'`, `'breach listener "memory"'`.
 */
export type ErrorOrigin = ErrorSource | `${ErrorSource} "${string}"`

/** Published on `tripline:error`: a callback of the user's, or a source, failed where no caller could catch it. */
export interface ErrorMessage {
  /** What was thrown, or what a promise rejected with. */
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
/** A crossed limit recovered. */
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
 * @param name of what it belongs to; empty or undefined where that has none
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

/** Calls a user's callback; what it throws, or its promise rejects with, is reported and affects no other. */
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
