/**
 * Looking, for code that never yields: no event can reach it, so a check compares the deadlines with the clock, and looks
 * at the guards when the word of shared memory has changed that changes with every edge.
 */
import { now } from '../base/clock.js'
import { WATCH_DEADLINE, WATCH_GUARD, WATCH_SHARED } from '../engine/link.js'
import { pollGuards } from '../sources/resource.js'
import { deliverLater } from '../engine/propagation.js'
import type { Cancelable } from './cancelable.js'
import { deadlineOf, timeOut } from './lifecycle.js'

/** Whether the operation turns out to be canceled. Marks what it finds; who listens is told later. */
export function poll(operation: Cancelable): boolean {
  const flags = operation._flags
  if ((flags & WATCH_GUARD) !== 0) pollGuards()
  const bits = flags & (WATCH_DEADLINE | WATCH_SHARED)
  if (bits === 0 || operation._reason !== null) return operation._reason !== null
  const time = (bits & WATCH_DEADLINE) === 0 ? 0 : now()
  if ((bits & WATCH_DEADLINE) !== 0) pollDeadlines(operation, time)
  for (let each: Cancelable | null = operation; each !== null; each = each._parent) {
    if (operation._reason !== null || (each._flags & bits) === 0) break
    for (let link = each._links; link !== null; link = link.sibling) {
      if ((link.watch & bits) !== 0) link.poll(time)
    }
  }
  deliverLater()
  return operation._reason !== null
}

/** The earliest of those that have passed counts: it is the one whose timer would have been first. */
function pollDeadlines(operation: Cancelable, time: number): void {
  let earliest: Cancelable | null = null
  let due = time
  for (let each: Cancelable | null = operation; each !== null; each = each._parent) {
    if ((each._flags & WATCH_DEADLINE) === 0) break
    const eachDue = deadlineOf(each)
    if (eachDue <= due) {
      earliest = each
      due = eachDue
    }
  }
  if (earliest !== null) timeOut(earliest)
  deliverLater()
}
