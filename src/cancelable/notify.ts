/** Notifies an operation's listeners of its cancelation, and starts its grace period. */
import { kContext } from '../base/operation-context.js'
import { cancelChannel, type CancelMessage } from '../base/diagnostics.js'
import { errorOf, kFlags, kReason, kParent, kLinks, kExtras, type Operation } from './operation.js'
import type { Extras } from './extras.js'
import { learn } from './learned.js'
import { callListeners } from './listeners.js'
import { BODY, FINISHING, GRACE_OVER, IN_GRACE, IN_TURN, LEARNED, NOTIFIED, PARENT } from './state.js'
import { giveGrace, mixTurns, queueTurn } from './turn.js'
import { releaseWaiters } from './waiter.js'

/**
 * The second phase of a cancelation, for one operation; a second call does nothing. Canceled ancestors that have not been
 * notified go first: a source that is shared with one of them may have marked this operation before those in between.
 * Never throws.
 */
export function notifyCanceled(operation: Operation): void {
  if ((operation[kFlags] & NOTIFIED) !== 0) {
    // It was notified before its place in the list, and could not be queued then, unlike those below it.
    if ((operation[kFlags] & (BODY | FINISHING)) !== 0) {
      mixTurns()
      startGrace(operation)
    }
    return
  }
  let above = operation[kParent]
  if (above !== null && waits(above)) {
    const chain: Operation[] = []
    for (; above !== null && waits(above); above = above[kParent]) chain.push(above)
    for (let each = chain.pop(); each !== undefined; each = chain.pop()) notifyOne(each)
  }
  notifyOne(operation)
}

function waits(operation: Operation): boolean {
  return operation[kReason] !== null && (operation[kFlags] & NOTIFIED) === 0
}

function notifyOne(operation: Operation): void {
  let link = operation[kLinks]
  operation[kLinks] = null
  for (; link !== null; link = link.sibling) link.close()
  const extras = operation[kExtras]
  if (extras === null) operation[kFlags] |= NOTIFIED
  else notifyListeners(operation, extras)
  if (cancelChannel.hasSubscribers) {
    cancelChannel.publish({ operation: operation[kContext], reason: operation[kReason]! } satisfies CancelMessage)
  }
  if ((operation[kFlags] & (BODY | FINISHING)) !== 0) startGrace(operation)
  else if ((operation[kFlags] & LEARNED) !== 0) learn(operation)
}

function notifyListeners(operation: Operation, extras: Extras): void {
  // A canceled block may stay open for long. A body is waited for.
  if ((operation[kFlags] & BODY) === 0) extras.alive?.release()
  const { aborter } = extras
  if (aborter !== undefined) {
    if (aborter.isObserved()) operation[kFlags] |= LEARNED
    aborter.abort(errorOf(operation), operation)
  }
  releaseWaiters(operation)
  extras.tasksOver?.()
  if (extras.shields !== undefined) for (const shield of extras.shields) shield.limit()
  // A listener that is registered from here on is called at once; those registered before are called below.
  operation[kFlags] |= NOTIFIED
  if (extras.listeners !== undefined) callListeners(operation, 'cancel', operation[kReason]!, operation[kContext])
}

/**
 * Starts the grace period that the options name, for any body. The default one follows after one turn of the event loop, for
 * bodies that have learned of the cancelation by then.
 */
export function startGrace(operation: Operation): void {
  if ((operation[kFlags] & (IN_GRACE | IN_TURN | GRACE_OVER)) !== 0) return
  const grace = operation[kExtras]?.grace
  // While a shield holds it, no time counts: that begins at the end of the last one.
  const isShielded = (operation[kExtras]?.shields?.size ?? 0) > 0
  if (grace === undefined || grace === 0 || isShielded) queueTurn(operation)
  else giveGrace(operation, grace)
}

/** The grace period is over, but if the loop was blocked for that long, the turn is still to come. */
export function graceExpired(operation: Operation): void {
  operation[kFlags] &= ~IN_GRACE
  // Something below it may be queued already, whose shorter grace period is over as well.
  if ((operation[kFlags] & PARENT) !== 0) mixTurns()
  queueTurn(operation)
}
