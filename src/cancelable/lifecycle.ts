/** How an operation starts, is linked to what can cancel it, and lets go of all of it. */
import { now } from '../base/clock.js'
import { ReusedError } from '../base/errors.js'
import { parentReason, timeoutReason, type CancelationReason } from '../base/reason.js'
import { WATCH_DEADLINE, type Link } from '../engine/link.js'
import { addTimer, releaseLoop, removeTimer } from '../engine/timers.js'
import { deliver } from '../engine/propagation.js'
import type { Cancelable } from './cancelable.js'
import { callAll } from './listeners.js'
import * as S from './state.js'
import { dismissWaiters } from './waiters.js'

/** The wall clock may be set, and the machine may sleep: a deadline on it is looked at this often. */
const WALL_CLOCK_CHECK = 30_000

/** @throws ReusedError */
export function checkUnused(operation: Cancelable): void {
  if ((operation._flags & (S.STARTED | S.ENDED)) !== 0) throw new ReusedError(operation.context.status)
}

/**
 * Starts the clock and links the operation to all that can cancel it. It may be canceled afterwards.
 *
 * @throws whatever a source that cannot be armed throws; then nothing is linked, and it can be started again
 */
export function start(operation: Cancelable): void {
  operation._flags |= S.STARTED
  operation._startedAt = now()
  if (operation._status !== S.PENDING) return
  operation._status = S.RUNNING
  const parent = operation._parent
  if (parent !== null) {
    if (parent._status > S.RUNNING) {
      cancelNow(operation, parentReason(parent.context.id, parent._reason))
      return
    }
    addChild(parent, operation)
    operation._flags |= parent._flags & S.WATCH
  }
  if (operation._timeout !== undefined || operation._extras !== null) startTimer(operation, operation._startedAt)
  if (operation._links !== null && operation._status === S.RUNNING) connectAll(operation)
  if (operation._firstChild !== null) raiseWatch(operation, operation._flags & S.WATCH)
  const listeners = operation._extras?.listeners?.start
  if (listeners !== undefined && operation._status === S.RUNNING)
    callAll(listeners, 'start listener', operation.context)
}

/** What the start of an operation that was canceled, or even disposed of, before or during its start fails with. */
export function notStarted(operation: Cancelable): Error {
  return operation._reason === null ? new ReusedError(operation.context.status) : operation._toError()
}

function cancelNow(operation: Cancelable, reason: CancelationReason): void {
  if (operation._mark(reason)) deliver()
}

function connectAll(operation: Cancelable): void {
  try {
    for (let link = operation._links; link !== null; link = link.sibling) {
      const reason = connect(operation, link)
      if (reason !== null) cancelNow(operation, reason)
      if (operation._status !== S.RUNNING) return
      operation._flags |= link.watch
    }
  } catch (error) {
    release(operation)
    for (let link = operation._links; link !== null; link = link.sibling) link.close()
    // Canceled meanwhile: that came first, and it stays so.
    if (operation._reason !== null) {
      end(operation, S.CANCELED)
      throw error
    }
    operation._status = S.PENDING
    operation._flags &= ~(S.STARTED | S.WATCH)
    operation._startedAt = undefined
    throw error
  }
}

/** Connects one link; where its own code has canceled the operation meanwhile, it is cut again. */
export function connect(operation: Cancelable, link: Link): CancelationReason | null {
  const reason = link.connect()
  if (operation._status !== S.RUNNING) {
    link.disconnect()
    link.close()
    return null
  }
  return reason
}

/** Lets go of everything that could cancel it. Runs nobody's code. */
export function release(operation: Cancelable): void {
  removeTimer(operation)
  for (let link = operation._links; link !== null; link = link.sibling) link.disconnect()
  // While it unwinds, the parent waits for it.
  if ((operation._flags & (S.BODY | S.FINISHING)) === 0) leaveParent(operation)
}

/** The status is final from here on. */
export function end(operation: Cancelable, status: number): void {
  const flags = operation._flags
  operation._flags = (flags & ~(S.WATCH | S.BODY | S.FINISHING)) | S.ENDED
  operation._status = status
  // Where nobody has looked, and nobody is likely to, a second reading of the clock would be a third of the cost.
  if (operation._extras !== null || (operation._resolve !== null && (flags & S.UNHELD) === 0)) {
    operation._endedAt = now()
  }
  operation._resolve = null
  operation._reject = null
  if ((flags & S.IN_GRACE) !== 0) releaseLoop()
  release(operation)
  let link = operation._links
  operation._links = null
  for (; link !== null; link = link.sibling) link.close()
  if (operation._extras !== null) dismissWaiters(operation)
}

// Time

function startTimer(operation: Cancelable, time: number): void {
  const extras = operation._extras
  if (extras !== null && extras.deadline !== Infinity) {
    const left = Math.max(0, extras.deadline - Date.now())
    const first = operation._timeout === undefined || left < operation._timeout
    extras.wallDeadline = first ? extras.deadline : Infinity
    if (first) {
      operation._timeout = left
      waitForWallClock(operation, time, left)
    }
  }
  const timeout = operation._timeout
  if (timeout === undefined) return
  if (timeout === 0) {
    cancelNow(operation, timeoutReason(0, time))
    return
  }
  operation._flags |= WATCH_DEADLINE
  if (operation._timerList === null) addTimer(operation, timeout)
}

function waitForWallClock(operation: Cancelable, time: number, left: number): void {
  const wait = Math.min(left, WALL_CLOCK_CHECK)
  operation._extras!.due = time + wait
  if (wait > 0) addTimer(operation, wait)
}

/** The timeout has been changed, and counts from now. */
export function restartTimer(operation: Cancelable): void {
  removeTimer(operation)
  const time = now()
  const extras = operation._more()
  extras.due = operation._timeout === undefined ? Number.NaN : time + operation._timeout
  startTimer(operation, time)
  raiseWatch(operation, WATCH_DEADLINE)
}

/** Whether its time is really over, when its timer is due. */
function isOver(operation: Cancelable): boolean {
  const wallDeadline = operation._extras?.wallDeadline ?? Infinity
  return wallDeadline === Infinity || Date.now() >= wallDeadline
}

/** The timer of its timeout is due. */
export function timeOut(operation: Cancelable): void {
  removeTimer(operation)
  if (isOver(operation)) {
    const deadline = operation._dueAt()
    operation._mark(timeoutReason(operation._timeout!, deadline))
  } else {
    waitForWallClock(operation, now(), operation._extras!.wallDeadline - Date.now())
  }
}

/** On the clock of `performance.now()`; `Infinity` where there is none. */
export function deadlineOf(operation: Cancelable): number {
  if (operation._status !== S.RUNNING || operation._timeout === undefined) return Infinity
  const extras = operation._extras
  if (extras !== null && extras.wallDeadline !== Infinity) return now() + extras.wallDeadline - Date.now()
  return operation._dueAt()
}

// The family

function addChild(parent: Cancelable, child: Cancelable): void {
  const first = parent._firstChild
  if (first === null) {
    parent._firstChild = child
    child._previousSibling = child
    return
  }
  const last = first._previousSibling!
  last._nextSibling = child
  child._previousSibling = last
  first._previousSibling = child
}

function leaveParent(child: Cancelable): void {
  const previous = child._previousSibling
  if (previous === null) return
  const parent = child._parent!
  const next = child._nextSibling
  const first = parent._firstChild!
  if (first === child) parent._firstChild = next
  else previous._nextSibling = next
  if (next !== null) next._previousSibling = previous
  else if (first !== child) first._previousSibling = previous
  child._previousSibling = null
  child._nextSibling = null
  if (parent._firstChild === null && (parent._flags & S.FINISHING) !== 0) parent._extras?.childless?.()
}

/** Marks all that depend on a canceled operation. */
export function spreadFrom(operation: Cancelable): void {
  const reason = operation._reason!
  const followers = operation._extras?.followers
  if (followers !== undefined) {
    followers.reason = reason
    followers.markAll(reason)
  }
  let child = operation._firstChild
  if (child === null || (operation._flags & S.KEEP_CHILDREN) !== 0) return
  const inherited = parentReason(operation.context.id, reason)
  while (child !== null) {
    // Marking takes it out of the list.
    const next: Cancelable | null = child._nextSibling
    child._mark(inherited)
    child = next
  }
}

/** An operation that runs already has got something to watch: so have its descendants. */
export function raiseWatch(operation: Cancelable, bits: number): void {
  operation._flags |= bits
  let each = operation._firstChild
  while (each !== null) {
    if ((each._flags & bits) !== bits) {
      each._flags |= bits
      if (each._firstChild !== null) {
        each = each._firstChild
        continue
      }
    }
    while (each !== operation && each!._nextSibling === null) each = each!._parent
    if (each === operation) break
    each = each!._nextSibling
  }
}
