/**
 * The turn of the event loop that a canceled operation always gets, so that a body which cooperates can unwind. One
 * callback serves all that were canceled in the meantime; the list is threaded through them.
 */
import { nextTurn } from '../base/real-timers.js'
import { kFlags, kParent, type Operation } from './operation.js'
import { kNext } from '../engine/propagation.js'
import { graceOver } from './settle.js'
import { CHILD_HAD_TURN, ENDED, FINISHING, IN_TURN, POSTPONED } from './state.js'

let queue: Operation | null = null

/** Queues an operation, canceled and notified, for its turn. */
export function queueTurn(operation: Operation): void {
  if ((operation[kFlags] & (IN_TURN | ENDED)) !== 0) return
  operation[kFlags] = (operation[kFlags] & ~CHILD_HAD_TURN) | IN_TURN
  if (queue === null) nextTurn(turn)
  operation[kNext] = queue
  queue = operation
}

/** The one canceled last goes first, because the body of a parent usually waits for those of its children. */
function turn(): void {
  let operation = queue
  queue = null
  while (operation !== null) {
    const next = operation[kNext] as Operation | null
    operation[kNext] = null
    operation[kFlags] &= ~IN_TURN
    takeTurn(operation)
    operation = next
  }
}

function takeTurn(operation: Operation): void {
  if ((operation[kFlags] & ENDED) !== 0) return
  const parent = operation[kParent]
  if (parent !== null) parent[kFlags] |= CHILD_HAD_TURN
  // Its body may be waiting for a child that was just abandoned or is about to be, so it gets one more turn, once.
  if ((operation[kFlags] & (CHILD_HAD_TURN | POSTPONED | FINISHING)) === CHILD_HAD_TURN) {
    operation[kFlags] |= POSTPONED
    queueTurn(operation)
    return
  }
  graceOver(operation)
}
