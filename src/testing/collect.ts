/** Records the events of an operation, in order. */
import { ofThisCopy } from '../base/copies.js'
import { now } from '../base/clock.js'
import { invalidType, invalidValue } from '../base/errors.js'
import type { OperationContext, OperationStatus } from '../base/operation-context.js'
import type { CancelationReason } from '../base/reason.js'
import { Cancelable } from '../cancelable/cancelable.js'
import { whenEnded } from '../cancelable/ended.js'
import { onPartialResult } from '../cancelable/partial.js'

/** The properties that all events have. */
interface EventBase<T extends string> {
  /** The kind of event; it narrows the type. */
  readonly type: T
  /** When it happened, in milliseconds on the clock in force: that of `performance.now()`, or a test clock. */
  readonly at: number
}

/** The operation was started. */
export type OperationStarted = EventBase<'started'>
/** The operation or a descendant has reported progress. */
export interface OperationProgress extends EventBase<'progress'> {
  /** The message that was given. */
  readonly message: string
  /** The data that was given. */
  readonly data: unknown
  /** The operation that reported. */
  readonly operation: OperationContext
}
/** The body has set a partial result. */
export interface OperationPartial extends EventBase<'partial'> {
  /** The result so far. */
  readonly value: unknown
}
/** The operation was canceled. */
export interface OperationCanceled extends EventBase<'canceled'> {
  /** Why it was canceled. */
  readonly reason: CancelationReason
}
/** The operation has ended: the last event. */
export interface OperationSettled extends EventBase<'settled'> {
  /** How it ended. */
  readonly status: OperationStatus
  /** Its result; `undefined` unless it completed. */
  readonly value: unknown
  /** The error that it rejected with: that of its body, or its `CancelationError`; `undefined` if it did not reject. */
  readonly error: unknown
  /** The partial result at the end, which may be that of a stream. */
  readonly partialResult: unknown
}

/** One event of an operation. Narrow it by `type`. */
export type OperationEvent =
  | OperationStarted
  | OperationProgress
  | OperationPartial
  | OperationCanceled
  | OperationSettled

/** The events of an operation so far; see {@link collect}. */
export interface Collection {
  /** The events so far, in order. The array grows. */
  readonly events: readonly OperationEvent[]
  /** Only the types of the events: `['started', 'progress', 'canceled', 'settled']`. */
  readonly types: readonly OperationEvent['type'][]
  /** Resolves with the last event. Never rejects. */
  readonly settled: Promise<OperationSettled>
}

class Collector implements Collection {
  readonly events: OperationEvent[] = []
  readonly settled: Promise<OperationSettled>
  #settle!: (event: OperationSettled) => void

  constructor(operation: Cancelable) {
    this.settled = new Promise((resolve) => {
      this.#settle = resolve
    })
    const { startedAt } = operation.context
    if (startedAt !== undefined) this.events.push({ type: 'started', at: startedAt })
    operation
      .onStart(() => this.events.push({ type: 'started', at: now() }))
      .onProgress((progress) => this.events.push({ type: 'progress', ...progress }))
      .onCancel((reason) => this.events.push({ type: 'canceled', at: now(), reason }))
      .onComplete((value) => this.#end(operation, value, undefined))
      .onError((error) => this.#end(operation, undefined, error))
    whenEnded(operation, (status, error) => {
      // The listeners above record these two; they are called next.
      if (status === 'completed' || status === 'failed') return
      this.#end(operation, undefined, error)
    })
    onPartialResult(operation, (value) => this.events.push({ type: 'partial', at: now(), value }))
  }

  get types(): readonly OperationEvent['type'][] {
    return this.events.map(({ type }) => type)
  }

  #end({ context }: Cancelable, value: unknown, error: unknown): void {
    const { status, partialResult } = context
    const event: OperationSettled = { type: 'settled', at: now(), status, value, error, partialResult }
    this.events.push(event)
    this.#settle(event)
  }
}

/**
 * Records what happens to an operation from now on: its start, reports of progress (including those of descendants), partial
 * results that its body sets, its cancelation with the reason, and how it ended. If it is running already, the start is still
 * the first event.
 *
 * @example
 * const operation = new Cancelable({ timeout: '5s' })
 * const log = collect(operation)
 * await operation.run(importRows)
 * assert.deepEqual(log.types, ['started', 'progress', 'settled'])
 * @throws TypeError `ERR_INVALID_ARG_TYPE`; TypeError `ERR_INVALID_ARG_VALUE` for an operation that has ended
 */
export function collect(operation: Cancelable): Collection {
  if (!(operation instanceof Cancelable)) {
    throw invalidType('operation argument', `a Cancelable${ofThisCopy(operation)}`, operation)
  }
  const { status } = operation.context
  const hasEnded = status !== 'pending' && status !== 'running' && status !== 'canceled'
  if (hasEnded) throw invalidValue('operation argument', 'one that has not ended', `${status} operation`)
  return new Collector(operation)
}
