/**
 * The time that a canceled operation gets to unwind: a turn of the event loop for every body, so that one callback serves all
 * that were canceled in the meantime and the list is threaded through them; then a grace period for those that need it.
 */
import { now } from '../base/clock.js'
import { nextTurn } from '../base/real-timers.js'
import { extrasOf, kExtras, kFirstChild, kFlags, kNextSibling, kParent, type Operation } from './operation.js'
import { isJoined, kNext } from '../engine/propagation.js'
import { addTimer } from '../engine/timers.js'
import { abandon, givenGrace, graceOf, graceOver, shieldsGone } from './settle.js'
import * as S from './state.js'

let queue: Operation | null = null
/** Whether an operation may have been queued after one that is below it. */
let mixed = false

/**
 * Queues a canceled operation for its turn. For one that the propagation has not come to, it is left to that: a list is threaded
 * through the operation until then.
 */
export function queueTurn(operation: Operation): void {
  if ((operation[kFlags] & (S.IN_TURN | S.ENDED)) !== 0 || isJoined(operation)) return
  operation[kFlags] = (operation[kFlags] & ~S.CHILD_HAD_TURN) | S.IN_TURN
  if (queue === null) nextTurn(turn)
  operation[kNext] = queue
  queue = operation
}

/** The operations that are queued from here on may be above some that are queued already. */
export function mixTurns(): void {
  mixed = true
}

/** The one canceled last goes first, because the body of a parent usually waits for those of its children. */
function turn(): void {
  let operation = mixed ? sorted(queue) : queue
  queue = null
  mixed = false
  while (operation !== null) {
    const next = operation[kNext] as Operation | null
    operation[kNext] = null
    operation[kFlags] &= ~S.IN_TURN
    takeTurn(operation)
    operation = next
  }
}

/** The same list, but whatever is below an operation goes before it. */
function sorted(first: Operation | null): Operation | null {
  const queued = new Set<Operation>()
  for (let each = first; each !== null; each = each[kNext] as Operation | null) queued.add(each)
  const seen = new Set<Operation>()
  let head: Operation | null = null
  for (const operation of [...queued].toReversed()) {
    const chain: Operation[] = []
    for (let each: Operation | null = operation; each !== null && !seen.has(each); each = each[kParent]) {
      seen.add(each)
      if (queued.has(each)) chain.push(each)
    }
    for (const each of chain.toReversed()) {
      each[kNext] = head
      head = each
    }
  }
  return head
}

/** Decides what a canceled operation that has not ended still waits for. */
function takeTurn(operation: Operation): void {
  if ((operation[kFlags] & S.ENDED) !== 0) return
  const parent = operation[kParent]
  if (parent !== null) parent[kFlags] |= S.CHILD_HAD_TURN
  if ((operation[kExtras]?.shields?.size ?? 0) > 0) {
    void waitForShields(operation)
    return
  }
  const grace = (operation[kFlags] & S.GRACE_GIVEN) === 0 ? graceOf(operation) : 0
  // The time that the options name is given to any body; usually before this turn, but not while there were shields.
  if (grace > 0 && (givenGrace(operation) !== undefined || isUnwinding(operation))) {
    giveGrace(operation, grace)
    return
  }
  // Its body may be waiting for a child that was just abandoned or is about to be, so it gets one more turn, once.
  if ((operation[kFlags] & (S.CHILD_HAD_TURN | S.POSTPONED | S.FINISHING)) === S.CHILD_HAD_TURN) {
    operation[kFlags] |= S.POSTPONED
    queueTurn(operation)
    return
  }
  if (grace > 0 && operation[kExtras]?.cleanups !== undefined) {
    // The body has not learned of it, so only the cleanups are waited for.
    giveGrace(operation, grace)
    abandon(operation)
    return
  }
  graceOver(operation)
}

/** Whether its body has learned of the cancelation, or something else that must end before it is under way. */
function isUnwinding(operation: Operation): boolean {
  if ((operation[kFlags] & (S.LEARNED | S.FINISHING)) !== 0) return true
  for (let child = operation[kFirstChild]; child !== null; child = child[kNextSibling]) {
    if ((child[kFlags] & (S.IN_GRACE | S.FINISHING)) !== 0) return true
  }
  return false
}

/** Starts the grace period, in milliseconds. */
export function giveGrace(operation: Operation, grace: number): void {
  extrasOf(operation).due = now() + grace
  // Short and bounded: unlike a timeout it keeps the process alive, so that the cleanup after it can run.
  addTimer(operation, grace, true)
  operation[kFlags] |= S.IN_GRACE | S.GRACE_GIVEN
}

/** Shields delay the end; a body that was waiting for the last one learns of the cancelation only then. */
async function waitForShields(operation: Operation): Promise<void> {
  // Its turn is still to come: a body that ends before the last shield must not begin a grace period for the children.
  operation[kFlags] |= S.IN_TURN
  await shieldsGone(operation)
  await new Promise<void>(nextTurn)
  operation[kFlags] &= ~(S.IN_TURN | S.GRACE_GIVEN)
  takeTurn(operation)
}
