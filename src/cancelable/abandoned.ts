/** Counts the bodies that went on after their operation had been abandoned. */
import { abandonedChannel } from '../base/diagnostics.js'
import { kContext, type OperationContext } from '../base/operation-context.js'
import type { CancelationReason } from '../base/reason.js'
import { kReason, type Operation } from './operation.js'

/** How many bodies of this thread went on after their operation had been abandoned. */
export interface AbandonedCounts {
  /** Bodies that are still running. */
  readonly running: number
  /** All so far. */
  readonly total: number
  /** How many of them fulfilled in the end; their results were discarded. */
  readonly fulfilled: number
  /** How many of them rejected in the end; their errors were discarded. */
  readonly rejected: number
}

/** Published on `tripline:abandoned`, once, when the operation is abandoned. */
export interface AbandonedMessage {
  /** The abandoned operation. */
  readonly operation: OperationContext
  /** Why it had been canceled. */
  readonly reason: CancelationReason
  /** How the body settled; `undefined` until it has. */
  outcome: PromiseSettledResult<unknown> | undefined
}

const counts = { running: 0, total: 0, fulfilled: 0, rejected: 0 }
const messages = new WeakMap<Operation, AbandonedMessage>()

export function abandonedCounts(): AbandonedCounts {
  return { ...counts }
}

/** Whether a body goes on after its operation was abandoned. */
export function anyAbandoned(): boolean {
  return counts.running > 0
}

/** The body goes on, and its result will be discarded. */
export function countAbandoned(operation: Operation): void {
  counts.running++
  counts.total++
  if (!abandonedChannel.hasSubscribers) return
  const message: AbandonedMessage = { operation: operation[kContext], reason: operation[kReason]!, outcome: undefined }
  messages.set(operation, message)
  abandonedChannel.publish(message)
}

/** Whether its abandonment was published. */
export function isAnnounced(operation: Operation): boolean {
  return messages.has(operation)
}

/** An abandoned body has settled. The operation may be left out if that was not published. */
export function settledLate(operation: Operation | undefined, outcome: NonNullable<AbandonedMessage['outcome']>): void {
  counts.running--
  counts[outcome.status]++
  const message = operation && messages.get(operation)
  if (message !== undefined) message.outcome = outcome
}
