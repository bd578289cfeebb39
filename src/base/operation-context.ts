/** What is known of one operation, for whoever looks at it from outside. */
import type { CancelationReason } from './reason.js'

/** Where an operation has its {@link OperationContext}; a symbol, so that no subclass can hide it. */
export const kContext: unique symbol = Symbol('tripline.context')

/**
 * Where an operation stands.
 *
 * - `pending`: made, not started
 * - `running`: started, neither ended nor canceled
 * - `canceled`: canceled; while its body still unwinds this may yet become `completed` or `abandoned`
 * - `completed`: its body fulfilled, or the block said `complete()`
 * - `failed`: its body failed with an error of its own
 * - `disposed`: its `using` block was left, or it was disposed before it ran
 * - `abandoned`: canceled, but its body went on after the grace, and its promise was rejected without it
 */
export type OperationStatus = 'pending' | 'running' | 'canceled' | 'completed' | 'failed' | 'disposed' | 'abandoned'

/** One report of progress. */
export interface Progress {
  /** The operation that reported; a parent's listeners hear of its descendants. */
  readonly operation: OperationContext
  readonly message: string
  readonly data: unknown
  /** When, in milliseconds on the clock of `performance.now()`. */
  readonly at: number
}

/** A live, read-only view of an operation. All times are milliseconds on the clock of `performance.now()`. */
export interface OperationContext {
  /** Unique in this thread; made when first read, unless it was given. */
  readonly id: string
  readonly name: string | undefined
  readonly status: OperationStatus
  /** Id of the parent, where there is one. */
  readonly parentId: string | undefined
  readonly startedAt: number | undefined
  /** Not recorded for a block, or for a body of `Cancelable.run`, whose context nobody had read by then. */
  readonly endedAt: number | undefined
  /** How long it has run, or ran; `undefined` before its start, and where its end was not recorded. */
  readonly elapsed: number | undefined
  /** When its time runs out, its own or an ancestor's, whichever is earlier; `undefined` where there is no limit. */
  readonly deadline: number | undefined
  /** Why it was canceled; kept also where the body completed in spite of it. */
  readonly reason: CancelationReason | undefined
  /** What its body failed with. */
  readonly error: unknown
  readonly partialResult: unknown
  /** Its latest report of progress. */
  readonly progress: Progress | undefined
  readonly metadata: Readonly<Record<string, unknown>> | undefined
}
