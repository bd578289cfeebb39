/** The account of bodies that went on after their operation had been given up. */
import { abandonedChannel } from '../base/diagnostics.js'
import { kContext, type OperationContext } from '../base/operation-context.js'
import type { CancelationReason } from '../base/reason.js'
import { kReason, type Operation } from './operation.js'

export interface AbandonedCounts {
  /** Bodies that are still going on. */
  readonly running: number
  /** All so far. */
  readonly total: number
  /** How many of them fulfilled in the end, to nobody. */
  readonly fulfilled: number
  /** How many of them rejected in the end, to nobody. */
  readonly rejected: number
}

/** `tripline:abandoned`: published once, when the operation is given up. */
export interface AbandonedMessage {
  readonly operation: OperationContext
  readonly reason: CancelationReason
  /** What the body came to; `undefined` until it has settled. */
  outcome: { status: 'fulfilled'; value: unknown } | { status: 'rejected'; reason: unknown } | undefined
}

const counts = { running: 0, total: 0, fulfilled: 0, rejected: 0 }
const messages = new WeakMap<Operation, AbandonedMessage>()

export function abandonedCounts(): AbandonedCounts {
  return { ...counts }
}

/** The body goes on, and nobody waits for it. */
export function abandoned(operation: Operation): void {
  counts.running++
  counts.total++
  if (!abandonedChannel.hasSubscribers) return
  const message: AbandonedMessage = { operation: operation[kContext], reason: operation[kReason]!, outcome: undefined }
  messages.set(operation, message)
  abandonedChannel.publish(message)
}

/** It has settled at last. */
export function settledLate(operation: Operation, outcome: NonNullable<AbandonedMessage['outcome']>): void {
  counts.running--
  counts[outcome.status]++
  const message = messages.get(operation)
  if (message !== undefined) message.outcome = outcome
}
