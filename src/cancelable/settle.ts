/** How a run settles: its outcome, what it waits for first, and when it is abandoned. */
import { kContext } from '../base/operation-context.js'
import { cancelationError, CancelationError, replaceCause } from '../base/cancelation-error.js'
import { isThenable, reportError } from '../base/diagnostics.js'
import { quiet } from '../base/quiet.js'
import { nextTurn } from '../base/real-timers.js'
import { isReason, parentReason, type CancelationReason } from '../base/reason.js'
import { Timer } from '../engine/timers.js'
import { deliver, kMark } from '../engine/propagation.js'
import { countAbandoned, settledLate } from './abandoned.js'
import {
  errorOf,
  extrasOf,
  kEndedAt,
  kFlags,
  kReason,
  kFirstChild,
  kNextSibling,
  kParent,
  kResolve,
  kReject,
  kExtras,
  kName,
  type Operation,
} from './operation.js'
import { leaveSharedBody } from './shared-body.js'
import { end, notifySettled } from './lifecycle.js'
import { callListeners } from './listeners.js'
import {
  ABANDONED,
  BODY,
  CANCELED,
  COMPLETED,
  DISPOSED,
  ENDED,
  FAILED,
  FINISHING,
  GRACE_OVER,
  IN_GRACE,
  IN_TURN,
  LEARNED,
  NO_GRACE,
} from './state.js'

/** How long a canceled operation waits for what is unwinding in it, in milliseconds, unless the option `grace` says so. */
const DEFAULT_GRACE_MS = 1000

/** In milliseconds. */
export function graceOf(operation: Operation): number {
  return givenGrace(operation) ?? DEFAULT_GRACE_MS
}

/** In milliseconds; undefined for the default. */
export function givenGrace(operation: Operation): number | undefined {
  return (operation[kFlags] & NO_GRACE) !== 0 ? 0 : operation[kExtras]?.grace
}

/** The body fulfilled, so the run fulfills too, even after a cancelation. */
export function fulfilled(operation: Operation, value: unknown): void {
  if ((operation[kFlags] & BODY) === 0) return settledLate(operation, { status: 'fulfilled', value })
  operation[kFlags] &= ~BODY
  if (operation[kExtras] !== null || operation[kFirstChild] !== null) {
    settle(operation, COMPLETED, value)
    return
  }
  // The usual case, kept short.
  const resolve = operation[kResolve]!
  end(operation, COMPLETED)
  resolve(value)
}

/** The body failed. */
export function rejected(operation: Operation, error: unknown): void {
  if ((operation[kFlags] & BODY) === 0) return settledLate(operation, { status: 'rejected', reason: error })
  operation[kFlags] &= ~BODY
  if (operation[kReason] !== null) {
    const own = errorOf(operation)
    if (!leadsTo(error, own)) replaceCause(own, error)
    settle(operation, CANCELED, own)
    return
  }
  const reason = reasonOf(error)
  if (reason === null) {
    settle(operation, FAILED, error)
    return
  }
  // The body passed on the cancelation of another operation, so this one is canceled too, with the same error.
  extrasOf(operation).error = error as CancelationError
  // Before it is marked: the parent waits for children that are finishing.
  operation[kFlags] |= FINISHING
  operation[kMark](reason)
  deliver()
  settle(operation, CANCELED, error)
}

/** The reason, if the error is a cancelation. An error may be any value, and reading it may throw. */
function reasonOf(error: unknown): CancelationReason | null {
  try {
    return CancelationError.is(error) && isReason(error.reason) ? error.reason : null
  } catch {
    return null
  }
}

/** It was canceled before its body could start: deferred cleanups run nevertheless. */
export function neverRun(
  operation: Operation,
  resolve: (value: unknown) => void,
  reject: (error: unknown) => void,
  error: unknown,
): void {
  operation[kResolve] = resolve
  operation[kReject] = reject
  settle(operation, CANCELED, error)
}

/** The grace period and the turn of a canceled operation are over: its run settles now, with or without its body. */
export function graceOver(operation: Operation): void {
  operation[kFlags] |= GRACE_OVER
  if ((operation[kFlags] & FINISHING) !== 0) {
    operation[kExtras]?.childless?.()
    operation[kExtras]?.cleanedUp?.()
  } else abandon(operation)
}

/** Its run settles now, without its body. */
export function abandon(operation: Operation): void {
  if ((operation[kFlags] & BODY) === 0) return
  operation[kFlags] &= ~BODY
  countAbandoned(operation)
  leaveSharedBody(operation)
  if (operation[kExtras] === null) rejectBare(operation)
  else settle(operation, ABANDONED, errorOf(operation))
}

/** The same for an operation without extras, which are not made just to keep the error: there may be a million of them. */
function rejectBare(operation: Operation): void {
  if (operation[kFirstChild] !== null) {
    settle(operation, ABANDONED, errorOf(operation))
    return
  }
  const reject = operation[kReject] as (error: unknown) => void
  const error = cancelationError(operation[kReason]!, operation)
  hush(operation)
  end(operation, ABANDONED)
  operation[kReject] = error
  reject(error)
}

function settle(operation: Operation, status: number, value: unknown): void {
  const extras = operation[kExtras]
  if (
    operation[kFirstChild] === null &&
    (extras === null || (extras.cleanups === undefined && (extras.shields?.size ?? 0) === 0 && extras.tasks === 0))
  ) {
    conclude(operation, status, value)
  } else {
    void finish(operation, status, value)
  }
}

/**
 * Waits for children, shields and cleanups, which all end before the operation does. The caller has marked it as finishing.
 * Returns the errors of cleanups.
 */
export async function finishUp(operation: Operation): Promise<unknown[]> {
  const haveEnded = await endChildren(operation)
  await shieldsGone(operation)
  const errors = await cleanUp(operation)
  // A cleanup may have started some. Children that were abandoned are not waited for a second time.
  if (haveEnded) await endChildren(operation)
  else disband(operation)
  return errors
}

/**
 * Waits until no task runs any more, or the operation is canceled; returns whether it was canceled meanwhile.
 */
export async function tasksGone(operation: Operation): Promise<boolean> {
  const extras = operation[kExtras]
  if (extras === null || extras.tasks === 0 || operation[kReason] !== null) return false
  while (extras.tasks > 0 && operation[kReason] === null) {
    await new Promise<void>((resolve) => {
      extras.tasksOver = resolve
    })
  }
  return operation[kReason] !== null
}

/** Ends the children, and waits for them within the grace period. False if some have not ended by then. */
async function endChildren(operation: Operation): Promise<boolean> {
  disband(operation)
  if (operation[kFirstChild] !== null) await childrenGone(operation)
  return operation[kFirstChild] === null
}

/** Never rejects. */
async function finish(operation: Operation, status: number, value: unknown): Promise<void> {
  // At once: a parent that ends in the next microtask waits only for children that have a body or are finishing.
  operation[kFlags] |= FINISHING
  if (status !== COMPLETED && operation[kExtras] !== null) operation[kExtras].endsTasks = true
  if (status === COMPLETED && (await tasksGone(operation))) {
    // The cancelation has cut off tasks, without which the operation is not complete.
    status = CANCELED
    value = errorOf(operation)
  }
  const errors = await finishUp(operation)
  if (errors.length > 0 && status === COMPLETED) {
    conclude(operation, FAILED, errors.length === 1 ? errors[0] : new AggregateError(errors, 'Several cleanups failed'))
    return
  }
  for (const error of errors) reportError(error, 'cleanup', operation[kName])
  conclude(operation, status, value)
}

function conclude(operation: Operation, status: number, value: unknown): void {
  const resolve = operation[kResolve]!
  const reject = operation[kReject] as (error: unknown) => void
  const extras = operation[kExtras]
  if (extras?.taskFailure !== undefined) {
    value = extras.taskFailure.error
    if (status !== ABANDONED) status = FAILED
  }
  if (status === FAILED) extrasOf(operation).failure = value
  if (status !== COMPLETED) hush(operation)
  end(operation, status)
  if (extras?.listeners !== undefined) {
    if (status === COMPLETED) callListeners(operation, 'complete', value, operation[kContext])
    if (status === FAILED) callListeners(operation, 'error', value, operation[kContext])
    notifySettled(operation)
  }
  if (status === COMPLETED) resolve(value)
  else reject(value)
}

/** Ends an entered operation, which does not wait for its cleanups. */
export function leave(operation: Operation, complete: boolean): void {
  disband(operation)
  const extras = operation[kExtras]
  if (extras?.cleanups !== undefined) {
    extras.leaving = cleanUp(operation).then((errors) =>
      errors.forEach((error) => reportError(error, 'cleanup', operation[kName])),
    )
    // A cleanup may have started some.
    disband(operation)
  }
  end(operation, complete ? COMPLETED : operation[kReason] === null ? DISPOSED : CANCELED)
  if (operation[kExtras]?.listeners === undefined) return
  if (complete) callListeners(operation, 'complete', undefined, operation[kContext])
  notifySettled(operation)
}

/** Keeps the promise of a run inside a parent until the end, so that it can be marked as handled. */
export function keepPromise(operation: Operation, promise: Promise<unknown>): void {
  if ((operation[kFlags] & ENDED) === 0) operation[kEndedAt] = promise
  else if (endsWithParent(operation)) quiet(promise)
}

/**
 * The run rejects. If its parent ends as well, the rejection is never unhandled, because the end of the parent says the same,
 * and the parent's body, which usually waits for the run, learns of the cancelation.
 */
function hush(operation: Operation): void {
  if (!endsWithParent(operation)) return
  const promise = operation[kEndedAt]
  if (typeof promise === 'object') quiet(promise)
  if (operation[kParent] !== null) operation[kParent][kFlags] |= LEARNED
}

/** Whether it is canceled because of its parent, or together with it. */
function endsWithParent(operation: Operation): boolean {
  const reason = operation[kReason]
  return reason !== null && (reason.kind === 'parent' || (operation[kParent]?.[kReason] ?? null) !== null)
}

/** Cancels the children that still run. */
function disband(operation: Operation): void {
  let child = operation[kFirstChild]
  if (child === null) return
  const reason = parentReason(operation[kContext].id, operation[kReason])
  while (child !== null) {
    const next: Operation | null = child[kNextSibling]
    child[kMark](reason)
    child = next
  }
  deliver()
}

/** Waits for the bodies of the canceled children, within the grace period. */
function childrenGone(operation: Operation): Promise<void> {
  if ((operation[kFlags] & GRACE_OVER) !== 0) return Promise.resolve()
  const extras = extrasOf(operation)
  return new Promise((resolve) => {
    extras.childless = resolve
    // A canceled operation is woken when its grace period is over; for any other, the grace period begins here.
    if ((operation[kFlags] & (IN_TURN | IN_GRACE)) !== 0) return
    const grace = graceOf(operation)
    if (grace === 0) {
      nextTurn(resolve)
      return
    }
    const timer = new Timer(() => nextTurn(resolve), true)
    extras.childless = () => {
      timer.stop()
      resolve()
    }
    timer.start(grace)
  })
}

/** Waits for the shields, each of which is bounded by its own `max` once the operation is canceled. */
export async function shieldsGone(operation: Operation): Promise<void> {
  // One after the other, as each may start more.
  for (const each of operation[kExtras]?.shields ?? []) await each.over
}

/** Runs the cleanups, the last one first, and returns their errors. A canceled operation waits within its grace period. */
async function cleanUp(operation: Operation): Promise<unknown[]> {
  const errors: unknown[] = []
  const cleanups = operation[kExtras]?.cleanups
  for (let cleanup = cleanups?.pop(); cleanup !== undefined; cleanup = cleanups?.pop()) {
    try {
      const result = cleanup()
      if (isThenable(result)) await cleanupSettled(operation, result, errors)
    } catch (error) {
      errors.push(error)
    }
  }
  return errors
}

/** Waits for a cleanup, within the grace period; an error that comes later is only reported. */
function cleanupSettled(
  operation: Operation,
  promise: PromiseLike<unknown>,
  errors: unknown[],
): Promise<void> | undefined {
  let late = false
  const failed = (error: unknown): void => {
    if (late) reportError(error, 'cleanup', operation[kName])
    else errors.push(error)
  }
  if ((operation[kFlags] & GRACE_OVER) !== 0) {
    late = true
    promise.then(undefined, failed)
    return undefined
  }
  return new Promise((resolve) => {
    extrasOf(operation).cleanedUp = () => {
      late = true
      resolve()
    }
    promise.then(
      () => resolve(),
      (error: unknown) => {
        failed(error)
        resolve()
      },
    )
  })
}

/** Whether `cause` is already in the chain of causes of `error`, which must not become a ring. */
function leadsTo(error: unknown, cause: unknown): boolean {
  let each = error
  try {
    for (let depth = 0; depth < 100 && each instanceof Error; depth++) {
      if (each === cause) return true
      each = each.cause
    }
  } catch {
    return false
  }
  return each === cause
}
