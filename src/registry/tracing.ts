/** Registered operations on a `TracingChannel`, as Node's own modules publish their calls. */
import { tracingChannel, type TracingChannel } from 'node:diagnostics_channel'
import type { OperationContext } from '../base/operation-context.js'
import type { Registration } from '../cancelable/registration.js'

/** The message of all events of one operation; subscribers may add properties of their own. */
export interface OperationTrace {
  /** The operation. */
  readonly operation: OperationContext
  /** What its run rejects with; set before `error`. */
  error?: unknown
}

/**
 * `tripline:operation`: `start` and `end` around the synchronous part of a body (or at the start of a block), `asyncStart`
 * and `asyncEnd` when the operation has ended, and `error` before them if it failed or was canceled. Stores that are bound to
 * `start` are in force inside the body. Published for registered operations.
 */
export const operationChannel: TracingChannel<unknown, OperationTrace> = tracingChannel('tripline:operation')

/** Whether there are subscribers. Node 20 can only be asked channel by channel. */
function hasSubscribers(): boolean {
  const { start, end, asyncStart, asyncEnd, error } = operationChannel
  return (
    start.hasSubscribers ||
    end.hasSubscribers ||
    asyncStart.hasSubscribers ||
    asyncEnd.hasSubscribers ||
    error.hasSubscribers
  )
}

/** The operation is about to start. */
export function traceStart(registration: Registration): void {
  if (!hasSubscribers()) return
  const trace: OperationTrace = { operation: registration.context }
  registration.surround((body) => {
    registration.trace = trace
    try {
      return operationChannel.start.runStores(trace, body)
    } finally {
      operationChannel.end.publish(trace)
    }
  })
}

/** The operation has ended. */
export function traceEnd(registration: Registration): void {
  if (registration.trace === null) return
  const trace = registration.trace as OperationTrace
  const { status, error } = registration.context
  if (status === 'failed') trace.error = error
  else if (status === 'canceled' || status === 'abandoned') trace.error = registration.error
  if (status === 'failed' || status === 'canceled' || status === 'abandoned') operationChannel.error.publish(trace)
  operationChannel.asyncStart.publish(trace)
  operationChannel.asyncEnd.publish(trace)
}
