/** The list of waiters in an operation: released when it is canceled, dismissed when it ends in another way. */
import { cancelationError, type CancelationError } from '../base/cancelation-error.js'
import { kContext } from '../base/operation-context.js'
import { parentReason } from '../base/reason.js'
import type { WaiterNode } from './extras.js'
import { learn } from './learned.js'
import { errorOf, extrasOf, kExtras, kFlags, type Operation } from './operation.js'
import { ENDED } from './state.js'

/** A member of an operation's list of waiters. */
export abstract class Waiter implements WaiterNode {
  previous: WaiterNode | null = null
  following: WaiterNode | null = null
  operation: Operation | null = null

  abstract canceled(error: CancelationError): boolean
  abstract dismissed(error: CancelationError): void

  join(operation: Operation): void {
    if ((operation[kFlags] & ENDED) !== 0) return
    const extras = extrasOf(operation)
    this.operation = operation
    this.previous = extras.lastWaiter
    if (extras.lastWaiter === null) extras.firstWaiter = this
    else extras.lastWaiter.following = this
    extras.lastWaiter = this
  }

  leave(): void {
    const extras = this.operation?.[kExtras]
    if (extras === undefined || extras === null) return
    const { previous, following } = this
    if (previous === null) extras.firstWaiter = following
    else previous.following = following
    if (following === null) extras.lastWaiter = previous
    else following.previous = previous
    this.previous = null
    this.following = null
    this.operation = null
  }
}

/**
 * Ends all waiting inside an operation that has ended: like children, the remaining waiters are canceled. Otherwise the
 * losers of races would accumulate on a long-lived promise.
 */
export function dismissWaiters(operation: Operation): void {
  const extras = operation[kExtras]!
  if (extras.firstWaiter === null) return
  const error = endedError(operation)
  for (let waiter: WaiterNode | null = extras.firstWaiter; waiter !== null; waiter = extras.firstWaiter) {
    waiter.leave()
    waiter.dismissed(error)
  }
}

/** The error of whatever still waits, or wants to wait, in an operation that has ended without being canceled. */
export function endedError(operation: Operation): CancelationError {
  return cancelationError(parentReason(operation[kContext].id, null), operation)
}

/** Releases all waiters of a canceled operation, in the order in which they came. */
export function releaseWaiters(operation: Operation): void {
  const extras = operation[kExtras]!
  for (let waiter = extras.firstWaiter; waiter !== null; waiter = extras.firstWaiter) {
    waiter.leave()
    if (waiter.canceled(errorOf(operation))) learn(operation)
  }
}
