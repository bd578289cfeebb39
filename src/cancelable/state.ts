/** An operation's state, as small integers: its status, and flags. */
import { WATCH_DEADLINE, WATCH_GUARD, WATCH_SHARED } from '../engine/link.js'
import type { OperationStatus } from '../base/operation-context.js'

export const PENDING = 0
export const RUNNING = 1
export const CANCELED = 2
export const COMPLETED = 3
export const FAILED = 4
export const DISPOSED = 5
export const ABANDONED = 6

/** By number. */
export const STATUS: readonly OperationStatus[] = [
  'pending',
  'running',
  'canceled',
  'completed',
  'failed',
  'disposed',
  'abandoned',
]

// Flags. The lowest bits are the `WATCH_*` of engine/link.ts.

/** Parts of the operation or an ancestor can only be seen by polling; see `poll.ts`. */
export const WATCH: number = WATCH_DEADLINE | WATCH_GUARD | WATCH_SHARED
/** `run` or `enter` was called. */
export const STARTED: number = 1 << 3
/** `run` is waiting for the body. */
export const BODY: number = 1 << 4
/** The status is final, and nothing is linked any more. */
export const ENDED: number = 1 << 5
/** The body has settled, or was abandoned; the operation waits for everything that must end before it. */
export const FINISHING: number = 1 << 6
/** The grace period and the turn are over: a canceled operation settles now. */
export const GRACE_OVER: number = 1 << 7
/** Its end was postponed once so that its children end first. */
export const POSTPONED: number = 1 << 8
/** Canceled without its children. */
export const KEEP_CHILDREN: number = 1 << 9
/** It waits for its turn, in the queue of `turn.ts` or for the end of its last shield. */
export const IN_TURN: number = 1 << 10
/** The grace timer runs; it keeps the process alive. */
export const IN_GRACE: number = 1 << 11
/** A child already finished its turn in this propagation. */
export const CHILD_HAD_TURN: number = 1 << 12
/** Its listeners have been notified of the cancelation, or are being notified. */
export const NOTIFIED: number = 1 << 13
/** Only its body has a reference to it. */
export const UNHELD: number = 1 << 14
/** Its body knows of the cancelation, or will when the current propagation reaches it; see `learned.ts`. */
export const LEARNED: number = 1 << 15
/** The grace period was granted, and is over or runs. */
export const GRACE_GIVEN: number = 1 << 16
/** Its grace period is 0; spares operations of hot paths the extras. */
export const NO_GRACE: number = 1 << 17
/** Its options say that it has no parent, not even the current operation. */
export const PARENTLESS: number = 1 << 18
/** It has a child, or had one. */
export const PARENT: number = 1 << 19
