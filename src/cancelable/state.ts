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

/** Something of the operation or an ancestor can only be seen by looking; see `look.ts`. */
export const WATCH: number = WATCH_DEADLINE | WATCH_GUARD | WATCH_SHARED
/** `run` or `enter` was called. */
export const STARTED = 8
/** `run` is waiting for the body. */
export const BODY = 16
/** The status is final, and nothing is linked any more. */
export const ENDED = 32
/** The body has settled, or was given up; what must end before the operation does is being waited for. */
export const FINISHING = 64
/** What a canceled operation may still take has been taken. */
export const GRACE_OVER = 128
/** It has let its children go first once. */
export const POSTPONED = 256
/** One of its children came to the end of its turn before it. */
export const CHILD_HAD_TURN = 4096
/** Canceled without its children. */
export const KEEP_CHILDREN = 512
/** It waits in the queue of `turn.ts`. */
export const IN_TURN = 1024
/** The grace timer runs; it keeps the process alive. */
export const IN_GRACE = 2048
/** Only its body ever sees it. */
export const UNHELD = 16_384
/** Its listeners have been told of the cancelation, or are being told. */
export const TOLD = 8192
