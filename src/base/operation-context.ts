/** The read-only view of an operation from outside. */
import type { CancelationReason } from './reason.js'

/** The key of an operation's {@link OperationContext}; a symbol, so that no subclass can shadow it. */
export const kContext: unique symbol = Symbol('tripline.context')

/** The key of an operation's name, which is read without making its context. */
export const kName: unique symbol = Symbol('tripline.name')

/**
 * The state of an operation.
 *
 * - `pending`: made, but not started
 * - `running`: started, neither ended nor canceled
 * - `canceled`: canceled; while its body is still running, this may become `completed` or `abandoned`
 * - `completed`: its body fulfilled, or `complete()` was called in its block
 * - `failed`: its body failed with an error of its own
 * - `disposed`: its `using` block was left without `complete()`, or it was disposed before it ran
 * - `abandoned`: canceled, but its body went on after the grace period, and its promise was rejected without it
 */
export type OperationStatus = 'pending' | 'running' | 'canceled' | 'completed' | 'failed' | 'disposed' | 'abandoned'

/** Progress as numbers. */
export interface Amount {
  /** How much is done, in the unit of the report. */
  readonly done: number
  /** How much there is in all; `undefined` if that is not known. */
  readonly total: number | undefined
  /** The part that is done, from 0 to 1; `undefined` without a total. */
  readonly fraction: number | undefined
  /** How much is done per second, smoothed over about 5 s; `undefined` before the second report. */
  readonly rate: number | undefined
  /** How long the rest will take at this rate, in milliseconds; `undefined` if that is not known. */
  readonly eta: number | undefined
}

/** One report of progress. */
export interface Progress extends Partial<Amount> {
  /** The operation that reported; listeners of a parent are called for its descendants too. */
  readonly operation: OperationContext
  /** The message that was given. */
  readonly message: string
  /** The data that was given. */
  readonly data: unknown
  /** When it was reported, in milliseconds on the clock of `performance.now()`. */
  readonly at: number
}

/** A live, read-only view of an operation. All times are milliseconds on the clock of `performance.now()`. */
export interface OperationContext {
  /** The option `id`, or else an id that is unique in this thread and generated when first read. */
  readonly id: string
  /** The option `name`. */
  readonly name: string | undefined
  /** Its current state. */
  readonly status: OperationStatus
  /** The view of the parent, if it has one. */
  readonly parent: OperationContext | undefined
  /** The id of the parent, if it has one. */
  readonly parentId: string | undefined
  /** When it was started; `undefined` before that. */
  readonly startedAt: number | undefined
  /**
   * When it ended; `undefined` before that. Recorded only if the context, a listener or the like had been used by then, or
   * if the operation was started by `run` of an instance.
   */
  readonly endedAt: number | undefined
  /** How long it has run so far, or ran in all, in milliseconds; `undefined` before its start, or if `endedAt` is missing. */
  readonly elapsed: number | undefined
  /** When it was started, on the wall clock as it is now set; `undefined` before that. */
  readonly startDate: Date | undefined
  /** When it ended, on the wall clock as it is now set; `undefined` if `endedAt` is. */
  readonly endDate: Date | undefined
  /** When its own time or an ancestor's runs out, whichever is earlier; `undefined` if neither has a timeout. */
  readonly deadline: number | undefined
  /** Why it was canceled; kept even if the body completed in spite of the cancelation. */
  readonly reason: CancelationReason | undefined
  /** The error that its body failed with. */
  readonly error: unknown
  /** The partial result that its body has set, or else the progress of its latest stream. */
  readonly partialResult: unknown
  /** Its latest report of progress. */
  readonly progress: Progress | undefined
  /** The option `metadata`. */
  readonly metadata: Readonly<Record<string, unknown>> | undefined
  /** For logs: short and safe, without the partial result, which may be any value. */
  toJSON(): Record<string, unknown>
}
