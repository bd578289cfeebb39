/** The read-only view of an operation from outside. */
import type { CancelationReason } from './reason.js'

/** Where an operation has its {@link OperationContext}; a symbol, so that no subclass can hide it. */
export const kContext: unique symbol = Symbol('tripline.context')

/**
 * Where an operation stands.
 *
 * - `pending`: made, not started
 * - `running`: started, neither ended nor canceled
 * - `canceled`: canceled; while its body still unwinds this may yet become `completed` or `abandoned`
 * - `completed`: its body fulfilled, or `complete()` was called in its block
 * - `failed`: its body failed with an error of its own
 * - `disposed`: its `using` block was left, or it was disposed before it ran
 * - `abandoned`: canceled, but its body went on after the grace period, and its promise was rejected without it
 */
export type OperationStatus = 'pending' | 'running' | 'canceled' | 'completed' | 'failed' | 'disposed' | 'abandoned'

/** One report of progress. */
export interface Progress {
  /** The operation that reported; listeners of a parent are called for its descendants too. */
  readonly operation: OperationContext
  /** The message that was given. */
  readonly message: string
  /** The data that was given. */
  readonly data: unknown
  /** When, in milliseconds on the clock of `performance.now()`. */
  readonly at: number
}

/** A live, read-only view of an operation. All times are milliseconds on the clock of `performance.now()`. */
export interface OperationContext {
  /** Unique in this thread; made when first read, unless it was given. */
  readonly id: string
  /** The option `name`. */
  readonly name: string | undefined
  /** Where it stands now. */
  readonly status: OperationStatus
  /** Id of the parent, where there is one. */
  readonly parentId: string | undefined
  /** When it was started; `undefined` before that. */
  readonly startedAt: number | undefined
  /**
   * When it ended; `undefined` before that. Recorded only where the context or another extra had been used by then, or the
   * operation was started by `run` of an instance.
   */
  readonly endedAt: number | undefined
  /** How long it has run, or ran, in milliseconds; `undefined` before its start, and where its end was not recorded. */
  readonly elapsed: number | undefined
  /** When its time runs out: its own or an ancestor's, whichever is earlier; `undefined` without either. */
  readonly deadline: number | undefined
  /** Why it was canceled; kept also where the body completed in spite of it. */
  readonly reason: CancelationReason | undefined
  /** The error that its body failed with. */
  readonly error: unknown
  /** What its body has set, or else how far its latest stream has got. */
  readonly partialResult: unknown
  /** Its latest report of progress. */
  readonly progress: Progress | undefined
  /** The option `metadata`. */
  readonly metadata: Readonly<Record<string, unknown>> | undefined
}
