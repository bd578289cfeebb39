/** How an operation starts, is linked to its sources, and is released from all of them. */
import { kContext } from '../base/operation-context.js'
import { now, wallTime } from '../base/clock.js'
import { ReusedError } from '../base/errors.js'
import { parentReason, timeoutReason, type CancelationReason } from '../base/reason.js'
import { WATCH_DEADLINE, type Link } from '../engine/link.js'
import { addTimer, kDueAt, kTimerList, removeTimer, timeOf } from '../engine/timers.js'
import { deliver, kMark } from '../engine/propagation.js'
import { regions } from '../engine/watching.js'
import {
  errorOf,
  extrasOf,
  kStatus,
  kFlags,
  kReason,
  kParent,
  kFirstChild,
  kPreviousSibling,
  kNextSibling,
  kLinks,
  kTimeout,
  kStartedAt,
  kEndedAt,
  kResolve,
  kReject,
  kExtras,
  kName,
  type Operation,
} from './operation.js'
import { tracker } from './current.js'
import { callListeners } from './listeners.js'
import * as S from './state.js'
import { dismissWaiters } from './waiter.js'

/** The wall clock may be set, and the machine may sleep, so a deadline on it is checked this often, in milliseconds. */
const WALL_CLOCK_CHECK_MS = 30_000

type StartObserver = (operation: Operation) => void
const startObservers = new Set<StartObserver>()
/** One function that calls all observers, so that a start makes one call; null without observers. */
let startObserver: StartObserver | null = null

/** Calls `observer` with each operation that starts; it may add links. Returns a function that ends that. */
export function observeStarts(observer: StartObserver): () => void {
  startObservers.add(observer)
  combineObservers()
  return () => {
    startObservers.delete(observer)
    combineObservers()
  }
}

function combineObservers(): void {
  const [first, second] = startObservers
  startObserver =
    second === undefined ? (first ?? null) : (operation) => startObservers.forEach((each) => each(operation))
}

/** @throws ReusedError */
export function checkUnused(operation: Operation): void {
  if ((operation[kFlags] & (S.STARTED | S.ENDED)) !== 0) throw new ReusedError(operation[kContext].status)
}

/**
 * Starts the clock and links the operation to everything that can cancel it. It may already be canceled afterwards.
 *
 * @throws whatever a source that cannot be armed throws; then nothing is linked, and it can be started again
 */
export function start(operation: Operation): void {
  operation[kFlags] |= S.STARTED
  operation[kStartedAt] = now()
  if (operation[kStatus] !== S.PENDING) return
  operation[kStatus] = S.RUNNING
  if (startObserver !== null) startObserver(operation)
  const parent = operation[kParent] ?? (tracker === null ? null : currentParent(operation))
  if (parent !== null) {
    if (parent[kStatus] > S.RUNNING) {
      cancelWith(operation, parentReason(parent[kContext].id, parent[kReason]))
      return
    }
    addChild(parent, operation)
    operation[kFlags] |= parent[kFlags] & S.WATCH
  }
  if (operation[kTimeout] !== undefined || operation[kExtras] !== null) startTimer(operation, operation[kStartedAt])
  if (operation[kLinks] !== null && operation[kStatus] === S.RUNNING) connectAll(operation)
  if (operation[kFirstChild] !== null) raiseWatch(operation, operation[kFlags] & S.WATCH)
  if (operation[kExtras]?.listeners !== undefined && operation[kStatus] === S.RUNNING) {
    callListeners(operation, 'start', operation[kContext])
  }
}

/** The error of a start that came after, or was interrupted by, the cancelation or disposal of the operation. */
export function notStarted(operation: Operation): Error {
  return operation[kReason] === null ? new ReusedError(operation[kContext].status) : errorOf(operation)
}

/** Cancels it; false if it was canceled, or had ended, before. */
export function cancelWith(operation: Operation, reason: CancelationReason): boolean {
  if (!operation[kMark](reason)) return false
  deliver()
  return true
}

function connectAll(operation: Operation): void {
  try {
    for (let link = operation[kLinks]; link !== null; link = link.sibling) {
      const reason = connect(operation, link)
      if (reason !== null) cancelWith(operation, reason)
      if (operation[kStatus] !== S.RUNNING) return
      operation[kFlags] |= link.watch
    }
  } catch (error) {
    release(operation)
    operation[kExtras]?.alive?.release()
    for (let link = operation[kLinks]; link !== null; link = link.sibling) link.close()
    // The cancelation came first, so it counts.
    if (operation[kReason] !== null) {
      end(operation, S.CANCELED)
      notifySettled(operation)
      throw error
    }
    operation[kStatus] = S.PENDING
    operation[kFlags] &= ~(S.STARTED | S.WATCH)
    operation[kStartedAt] = undefined
    throw error
  }
}

/** Connects one link, and disconnects it again if the source's own code has canceled the operation meanwhile. */
export function connect(operation: Operation, link: Link): CancelationReason | null {
  const reason = link.connect()
  if (operation[kStatus] !== S.RUNNING) {
    link.disconnect()
    link.close()
    return null
  }
  return reason
}

/** Releases it from everything that could cancel it. Runs no user code. */
export function release(operation: Operation): void {
  removeTimer(operation)
  for (let link = operation[kLinks]; link !== null; link = link.sibling) link.disconnect()
  // While its body unwinds, the parent waits for it.
  if ((operation[kFlags] & (S.BODY | S.FINISHING)) === 0) leaveParent(operation)
}

/** The status is final from here on. */
export function end(operation: Operation, status: number): void {
  const flags = operation[kFlags]
  operation[kFlags] = (flags & ~(S.WATCH | S.BODY | S.FINISHING)) | S.ENDED
  operation[kStatus] = status
  // Only if the context is used, or may be: reading the clock a second time would be a third of the whole cost.
  if (
    operation[kExtras] !== null ||
    operation[kName] !== undefined ||
    (operation[kResolve] !== null && (flags & S.UNHELD) === 0)
  ) {
    operation[kEndedAt] = now()
  }
  operation[kResolve] = null
  operation[kReject] = null
  release(operation)
  let link = operation[kLinks]
  operation[kLinks] = null
  for (; link !== null; link = link.sibling) link.close()
  const extras = operation[kExtras]
  if (extras === null) return
  extras.alive?.release()
  dismissWaiters(operation)
  let node = extras.ends
  extras.ends = null
  for (; node !== null; node = node.nextEnd) node.ended()
}

/** Calls the listeners of an operation that has ended, after those of its completion or failure. */
export function notifySettled(operation: Operation): void {
  if (operation[kExtras]?.listeners !== undefined) callListeners(operation, 'settled', operation[kContext])
}

// Time

function startTimer(operation: Operation, time: number): void {
  const extras = operation[kExtras]
  extras?.alive?.hold()
  if (extras !== null && extras.deadline !== Infinity) {
    const left = Math.max(0, extras.deadline - wallTime())
    const first = operation[kTimeout] === undefined || left < operation[kTimeout]
    extras.wallDeadline = first ? extras.deadline : Infinity
    if (first) {
      operation[kTimeout] = left
      waitForWallClock(operation, time, left)
    }
  }
  const timeout = operation[kTimeout]
  if (timeout === undefined) return
  if (timeout === 0) {
    cancelWith(operation, timeoutReason(0, time))
    return
  }
  operation[kFlags] |= WATCH_DEADLINE
  if (operation[kTimerList] === null) addTimer(operation, timeout)
}

function waitForWallClock(operation: Operation, time: number, left: number): void {
  const wait = Math.min(left, WALL_CLOCK_CHECK_MS)
  operation[kExtras]!.due = time + wait
  if (wait > 0) addTimer(operation, wait)
}

/** The timeout has been changed, and counts from now. */
export function restartTimer(operation: Operation): void {
  removeTimer(operation)
  const time = now()
  const extras = extrasOf(operation)
  extras.due = operation[kTimeout] === undefined ? Number.NaN : time + operation[kTimeout]
  startTimer(operation, time)
  raiseWatch(operation, WATCH_DEADLINE)
}

/** Whether its time is really over when its timer fires: a deadline is one of the wall clock. */
function isTimeOver(operation: Operation): boolean {
  const wallDeadline = operation[kExtras]?.wallDeadline ?? Infinity
  return wallDeadline === Infinity || wallTime() >= wallDeadline
}

/** The timer of its timeout is due. */
export function timeOut(operation: Operation): void {
  removeTimer(operation)
  if (isTimeOver(operation)) {
    const deadline = operation[kDueAt]()
    operation[kMark](timeoutReason(operation[kTimeout]!, deadline))
  } else {
    waitForWallClock(operation, now(), operation[kExtras]!.wallDeadline - wallTime())
  }
}

/** When its time is over, on the clock of `performance.now()`; `Infinity` without a timeout. */
export function deadlineOf(operation: Operation): number {
  if (operation[kStatus] !== S.RUNNING || operation[kTimeout] === undefined) return Infinity
  const extras = operation[kExtras]
  if (extras !== null && extras.wallDeadline !== Infinity) return now() + extras.wallDeadline - wallTime()
  return operation[kDueAt]()
}

/** How long its time has been over, in milliseconds; negative or NaN if it is not. `time` is the real time. */
export function overdueOf(operation: Operation, time: number): number {
  if (operation[kStatus] !== S.RUNNING || operation[kTimeout] === undefined) return -Infinity
  const extras = operation[kExtras]
  if (extras !== null && extras.wallDeadline !== Infinity) return wallTime() - extras.wallDeadline
  return timeOf(operation, time) - operation[kDueAt]()
}

// Parents and children

/** The current operation becomes the parent of one that starts in its body, unless the options say otherwise. */
function currentParent(operation: Operation): Operation | null {
  if ((operation[kFlags] & S.PARENTLESS) !== 0) return null
  const parent = (tracker!.parent() ?? null) as Operation | null
  // A body may start an operation that it is itself below, also when it has been abandoned.
  for (let each = (operation[kFlags] & S.PARENT) === 0 ? null : parent; each !== null; each = each[kParent]) {
    if (each === operation) return null
  }
  operation[kParent] = parent
  return parent
}

function addChild(parent: Operation, child: Operation): void {
  parent[kFlags] |= S.PARENT
  const first = parent[kFirstChild]
  if (first === null) {
    parent[kFirstChild] = child
    child[kPreviousSibling] = child
    return
  }
  const last = first[kPreviousSibling]!
  last[kNextSibling] = child
  child[kPreviousSibling] = last
  first[kPreviousSibling] = child
}

function leaveParent(child: Operation): void {
  const previous = child[kPreviousSibling]
  if (previous === null) return
  const parent = child[kParent]!
  const next = child[kNextSibling]
  const first = parent[kFirstChild]!
  if (first === child) parent[kFirstChild] = next
  else previous[kNextSibling] = next
  if (next !== null) next[kPreviousSibling] = previous
  else if (first !== child) first[kPreviousSibling] = previous
  child[kPreviousSibling] = null
  child[kNextSibling] = null
  if (parent[kFirstChild] === null && (parent[kFlags] & S.FINISHING) !== 0) parent[kExtras]?.childless?.()
}

/** Marks all that depend on a canceled operation. */
export function spreadFrom(operation: Operation): void {
  const reason = operation[kReason]!
  const followers = operation[kExtras]?.followers
  if (followers !== undefined) {
    followers.reason = reason
    // The body may wait for what follows, here or in another thread.
    if (followers.head !== null) operation[kFlags] |= S.LEARNED
    followers.markAll(reason)
  }
  let child = operation[kFirstChild]
  if (child === null || (operation[kFlags] & S.KEEP_CHILDREN) !== 0) return
  const inherited = parentReason(operation[kContext].id, reason)
  while (child !== null) {
    // Marking removes it from the list.
    const next: Operation | null = child[kNextSibling]
    child[kMark](inherited)
    child = next
  }
}

/** A running operation has something new to poll, and so have its descendants. */
export function raiseWatch(operation: Operation, bits: number): void {
  if (regions !== null) regions.changed()
  operation[kFlags] |= bits
  let each = operation[kFirstChild]
  while (each !== null) {
    if ((each[kFlags] & bits) !== bits) {
      each[kFlags] |= bits
      if (each[kFirstChild] !== null) {
        each = each[kFirstChild]
        continue
      }
    }
    while (each !== operation && each![kNextSibling] === null) each = each![kParent]
    if (each === operation) break
    each = each![kNextSibling]
  }
}
