/** Why the operation of a request was canceled, and the HTTP status that says so. */
import { STATUS_CODES } from 'node:http'
import { CancelationError } from '../../base/cancelation-error.js'
import { customReason, isReason, rootCause, type CancelationReason, type CustomReason } from '../../base/reason.js'
import { invalidType, type TriplineErrorCode } from '../../base/errors.js'

/** What the reasons of this entry point say in their `data`. */
export interface RequestReason {
  /** `client-gone`: the client closed the connection or reset the stream; `shutdown`: the server could wait no longer. */
  readonly request: 'client-gone' | 'shutdown'
}

/** Each request has its own, with its own time. */
export function clientGone(): CustomReason<RequestReason> {
  return customReason('The client has gone away', { request: 'client-gone' }, { source: 'client' })
}

export function shutDown(message: string): CustomReason<RequestReason> {
  return customReason(message, { request: 'shutdown' }, { source: 'shutdown' })
}

/**
 * Whether an operation was canceled because the client closed the connection, reset the stream, or stopped an upload.
 *
 * @throws TypeError `ERR_INVALID_ARG_TYPE` for anything but a reason, such as the error that has it
 */
export function isClientGone(reason: CancelationReason): boolean {
  checkReason(reason)
  return requestReason(reason) === 'client-gone'
}

function checkReason(reason: unknown): void {
  if (!isReason(reason))
    throw invalidType('reason argument', 'the reason of a cancelation, such as `error.reason`', reason)
}

function requestReason(reason: CancelationReason): RequestReason['request'] | undefined {
  const root = rootCause(reason)
  return root.kind === 'custom' ? (root.data as Partial<RequestReason> | null | undefined)?.request : undefined
}

/**
 * The HTTP status for a reason: 499 if the client is gone, which only logs will show; 504 for a time limit; 500 for an error;
 * 503 for everything else, such as a resource limit, a shutdown, or a cancelation by the program.
 *
 * @throws TypeError `ERR_INVALID_ARG_TYPE` for anything but a reason, such as the error that has it
 */
export function statusOf(reason: CancelationReason): 499 | 500 | 503 | 504 {
  checkReason(reason)
  const root = rootCause(reason)
  switch (root.kind) {
    case 'timeout':
    case 'idle':
      return 504
    case 'abort':
      return (root.cause as { readonly name?: unknown } | null | undefined)?.name === 'TimeoutError' ? 504 : 503
    case 'error':
      return 500
    case 'custom':
      return isClientGone(root) ? 499 : 503
    case 'manual':
    case 'signal':
    case 'condition':
    case 'resource':
    case 'parent':
    case 'all':
    case 'oom':
      return 503
  }
}

/**
 * An error for the error handler of a framework: its message, code and status are safe to show to a client. What happened is in
 * its `cause`.
 */
export class RequestRefusedError extends Error {
  /** `'ERR_TRIPLINE_OVERLOADED'` for a request that was refused, `'ERR_TRIPLINE_CANCELED'` for one whose operation was canceled; none for other errors. */
  readonly code: TriplineErrorCode | undefined
  /** The HTTP status. */
  readonly statusCode: number
  /** Headers for the response: `Retry-After` with the status 503. */
  readonly headers: Readonly<Record<string, string>>

  /** For the library; its users catch this error. */
  constructor(
    status: number,
    code: TriplineErrorCode | undefined,
    headers: Readonly<Record<string, string>>,
    options?: ErrorOptions,
  ) {
    super(textOf(status), options)
    this.code = code
    this.statusCode = status
    this.headers = headers
  }

  /** The same as `statusCode`, which is the name that Express uses. */
  get status(): number {
    return this.statusCode
  }
  static {
    this.prototype.name = 'RequestRefusedError'
  }
}

/** The name of a status. */
export function textOf(status: number): string {
  return status === 499 ? 'Client Closed Request' : (STATUS_CODES[status] ?? 'Error')
}

/**
 * The cancelation in an error, if it is one. Its `cause` counts as well, because libraries wrap the errors of signals.
 */
export function cancelationIn(error: unknown): CancelationError | undefined {
  if (CancelationError.is(error)) return error
  const cause: unknown = error instanceof Error ? error.cause : undefined
  return CancelationError.is(cause) ? cause : undefined
}
