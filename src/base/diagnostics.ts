/** What the library tells whoever listens on `diagnostics_channel`; free when nobody does. */
import { channel, type Channel } from 'node:diagnostics_channel'
import { inspect } from 'node:util'

/** `tripline:error`: a callback of the user's, or a source, failed where nobody could catch it. */
export interface ErrorMessage {
  readonly error: unknown
  /** What failed: `'cancel listener'`, `'condition "drained"'`. */
  readonly origin: string
}

/** A limit was crossed. */
export const breachChannel: Channel = channel('tripline:breach')
/** A crossed limit recovered. */
export const clearChannel: Channel = channel('tripline:clear')
/** A ticker could not deliver some of its beats. */
export const missedChannel: Channel = channel('tripline:missed')
/** An operation was canceled. */
export const cancelChannel: Channel = channel('tripline:cancel')
/** The body of a canceled operation went on after its grace. */
export const abandonedChannel: Channel = channel('tripline:abandoned')

const errorChannel: Channel = channel('tripline:error')

/**
 * Reports an error that nobody can catch: to `tripline:error`, or as a process warning where nobody listens there. Never
 * throws.
 */
export function reportError(error: unknown, origin: string): void {
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

/** Calls a user's callback so that nothing it does, now or in its promise, can hurt anyone else. */
export function callIsolated<A extends unknown[]>(origin: string, callback: (...args: A) => unknown, ...args: A): void {
  try {
    const result = callback(...args)
    if (isThenable(result)) result.then(undefined, (error: unknown) => reportError(error, origin))
  } catch (error) {
    reportError(error, origin)
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
