/** Telling an operation's listeners that it was canceled. */
import { now } from '../base/clock.js'
import { cancelChannel } from '../base/diagnostics.js'
import { addTimer, holdLoop, releaseLoop } from '../engine/timers.js'
import type { Cancelable } from './cancelable.js'
import type { Extras } from './extras.js'
import { callAll } from './listeners.js'
import { BODY, FINISHING, GRACE_OVER, IN_GRACE, IN_TURN, TOLD } from './state.js'
import { queueTurn } from './turn.js'
import { releaseWaiters } from './waiters.js'

/**
 * The second phase of a cancelation, for one operation; a second call does nothing. Its ancestors that are canceled and
 * wait to be told go first: a source that it shares with one of them has marked it before those between. Never throws.
 */
export function tellCanceled(operation: Cancelable): void {
  if ((operation._flags & TOLD) !== 0) return
  let above = operation._parent
  if (above !== null && waits(above)) {
    const chain: Cancelable[] = []
    for (; above !== null && waits(above); above = above._parent) chain.push(above)
    for (let each = chain.pop(); each !== undefined; each = chain.pop()) tellOne(each)
  }
  tellOne(operation)
}

function waits(operation: Cancelable): boolean {
  return operation._reason !== null && (operation._flags & TOLD) === 0
}

function tellOne(operation: Cancelable): void {
  let link = operation._links
  operation._links = null
  for (; link !== null; link = link.sibling) link.close()
  const extras = operation._extras
  if (extras === null) operation._flags |= TOLD
  else tell(operation, extras)
  if (cancelChannel.hasSubscribers) cancelChannel.publish({ operation: operation.context, reason: operation._reason! })
  if ((operation._flags & (BODY | FINISHING)) !== 0) startGrace(operation)
}

function tell(operation: Cancelable, extras: Extras): void {
  extras.controller?.abort(operation._toError())
  releaseWaiters(operation)
  if (extras.shields !== undefined) for (const shield of extras.shields) shield.limit()
  // Who registers from here on is told at once, and whoever did before is among those.
  operation._flags |= TOLD
  if (extras.listeners !== undefined) {
    callAll(extras.listeners.cancel, 'cancel listener', operation._reason!, operation.context)
  }
}

/** From here on the body has its grace, and at least one turn of the event loop. It has them once. */
export function startGrace(operation: Cancelable): void {
  if ((operation._flags & (IN_GRACE | IN_TURN | GRACE_OVER)) !== 0) return
  const extras = operation._extras
  if (extras === null || extras.grace === 0) {
    queueTurn(operation)
    return
  }
  extras.due = now() + extras.grace
  addTimer(operation, extras.grace)
  operation._flags |= IN_GRACE
  // Short, and bounded: unlike a timeout it keeps the process alive, so that what follows it can be done.
  holdLoop()
}

/** The grace is over; the turn is not, where the loop was blocked for as long. */
export function graceExpired(operation: Cancelable): void {
  operation._flags &= ~IN_GRACE
  releaseLoop()
  queueTurn(operation)
}
