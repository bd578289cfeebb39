/** How a job in another thread has ended, as a message between the threads. */
import { CancelationError, cancelationError } from '../base/cancelation-error.js'
import { packReason, unpackReason } from '../sources/shared-reason.js'

/** The most bytes of a reason. */
const REASON = 1 << 20

/** What the thread posts last. */
export type Outcome =
  | { readonly kind: 'value'; readonly value: unknown }
  /** It was canceled, for the reason that its operation has. */
  | { readonly kind: 'canceled' }
  /** It passed on the cancelation of another operation. */
  | { readonly kind: 'reason'; readonly reason: Uint8Array }
  | { readonly kind: 'error'; readonly error: unknown; readonly name: string; readonly code: unknown }

/** The outcome of a job that has rejected. */
export function failure(error: unknown, canceled: boolean): Outcome {
  if (CancelationError.is(error)) {
    if (canceled) return { kind: 'canceled' }
    return { kind: 'reason', reason: packReason(error.reason, REASON) }
  }
  const { name, code } = Object(error) as { name?: unknown; code?: unknown }
  return { kind: 'error', error, name: String(name), code: typeof code === 'string' ? code : undefined }
}

/** The same in values that can always be sent. */
export function plainFailure(error: unknown): Outcome {
  const { name, message, stack, code } = Object(error) as Record<string, unknown>
  const plain = new Error(typeof message === 'string' ? message : String(error))
  if (typeof stack === 'string') plain.stack = stack
  return { kind: 'error', error: plain, name: String(name), code: typeof code === 'string' ? code : undefined }
}

/** The error that a failed job has rejected with. */
export function errorOfFailure(outcome: Exclude<Outcome, { kind: 'value' | 'canceled' }>): unknown {
  if (outcome.kind === 'reason') {
    const reason = unpackReason(outcome.reason)
    return reason === null ? new Error('Canceled in a worker, without a readable reason') : cancelationError(reason)
  }
  const { error, name, code } = outcome
  if (error instanceof Error) {
    // Cloning an error loses them.
    if (error.name !== name) Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true })
    if (code !== undefined) Object.assign(error, { code })
  }
  return error
}
