/**
 * Polling, for code that never yields: no event can reach it, so a check compares the deadlines with the clock, and polls
 * the guards if a word of shared memory has changed, which counts the edges of all guards.
 */
import type { CancelationError } from '../base/cancelation-error.js'
import { realNow } from '../base/clock.js'
import { pollGuards, WATCH_DEADLINE, WATCH_GUARD, WATCH_SHARED } from '../engine/link.js'
import { deliverLater } from '../engine/propagation.js'
import { learn } from './learned.js'
import { overdueOf, timeOut } from './lifecycle.js'
import { errorOf, kFlags, kReason, kParent, kLinks, kStatus, type Operation } from './operation.js'
import { ENDED, RUNNING, WATCH } from './state.js'
import { endedError } from './waiter.js'

/**
 * Whether it is canceled; also true inside code that never yields. Runs no user code. A body that finds it canceled is given
 * time to unwind.
 */
export function isCanceled(operation: Operation): boolean {
  return (operation[kReason] !== null || ((operation[kFlags] & WATCH) !== 0 && poll(operation))) && learn(operation)
}

/** @throws CancelationError if it is canceled; see {@link isCanceled} */
export function throwIfCanceled(operation: Operation): void {
  if (isCanceled(operation)) throw errorOf(operation)
}

/** Why nothing may wait in the operation: it is canceled, or has ended. Undefined while it may. */
export function refusalOf(operation: Operation): CancelationError | undefined {
  if (isCanceled(operation)) return errorOf(operation)
  return (operation[kFlags] & ENDED) === 0 ? undefined : endedError(operation)
}

/** Whether it is canceled or has ended. */
export function isOver(operation: Operation): boolean {
  return operation[kStatus] > RUNNING
}

/** Whether the operation turns out to be canceled. Marks what it finds; listeners are notified later. */
function poll(operation: Operation): boolean {
  const flags = operation[kFlags]
  if ((flags & WATCH_GUARD) !== 0) pollGuards()
  const bits = flags & (WATCH_DEADLINE | WATCH_SHARED)
  if (bits === 0 || operation[kReason] !== null) return operation[kReason] !== null
  if ((bits & WATCH_DEADLINE) !== 0) pollDeadlines(operation)
  for (let each: Operation | null = operation; each !== null; each = each[kParent]) {
    if (operation[kReason] !== null || (each[kFlags] & bits) === 0) break
    for (let link = each[kLinks]; link !== null; link = link.sibling) {
      if ((link.watch & bits) !== 0) link.poll()
    }
  }
  deliverLater()
  return operation[kReason] !== null
}

/** The earliest deadline that has passed counts: its timer would have been the first. */
function pollDeadlines(operation: Operation): void {
  let earliest: Operation | null = null
  let longest = 0
  const time = realNow()
  for (let each: Operation | null = operation; each !== null; each = each[kParent]) {
    if ((each[kFlags] & WATCH_DEADLINE) === 0) break
    const overdue = overdueOf(each, time)
    if (overdue >= longest) {
      earliest = each
      longest = overdue
    }
  }
  if (earliest !== null) timeOut(earliest)
  deliverLater()
}
