/**
 * The turn of the event loop that a canceled operation always gets, so that a body which cooperates can unwind. One
 * `setImmediate` serves all that were canceled in the meantime; the list is threaded through them.
 */
import type { Cancelable } from './cancelable.js'
import { graceOver } from './settle.js'
import { CHILD_HAD_TURN, ENDED, FINISHING, IN_TURN, POSTPONED } from './state.js'

let queue: Cancelable | null = null

/** The operation, which must be canceled and told, gets its turn. */
export function queueTurn(operation: Cancelable): void {
  if ((operation._flags & (IN_TURN | ENDED)) !== 0) return
  operation._flags = (operation._flags & ~CHILD_HAD_TURN) | IN_TURN
  if (queue === null) setImmediate(turn)
  operation._next = queue
  queue = operation
}

/** The last canceled first: a parent's body is mostly waiting for its children's. */
function turn(): void {
  let operation = queue
  queue = null
  while (operation !== null) {
    const next = operation._next as Cancelable | null
    operation._next = null
    operation._flags &= ~IN_TURN
    takeTurn(operation)
    operation = next
  }
}

function takeTurn(operation: Cancelable): void {
  if ((operation._flags & ENDED) !== 0) return
  const parent = operation._parent
  if (parent !== null) parent._flags |= CHILD_HAD_TURN
  // Its body may be waiting for a child that has just been given up, or is about to be: one turn more, once.
  if ((operation._flags & (CHILD_HAD_TURN | POSTPONED | FINISHING)) === CHILD_HAD_TURN) {
    operation._flags |= POSTPONED
    queueTurn(operation)
    return
  }
  graceOver(operation)
}
