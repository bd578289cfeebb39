/** The read-only face of an operation. */
import { now } from '../base/clock.js'
import type { OperationContext, OperationStatus, Progress } from '../base/operation-context.js'
import type { CancelationReason } from '../base/reason.js'
import type { Cancelable } from './cancelable.js'
import { deadlineOf } from './lifecycle.js'
import { ENDED, PENDING, STATUS } from './state.js'

let ids = 0

export class Context implements OperationContext {
  readonly #operation: Cancelable

  constructor(operation: Cancelable) {
    this.#operation = operation
  }

  get id(): string {
    const extras = this.#operation._more()
    return (extras.id ??= `operation-${++ids}`)
  }
  get name(): string | undefined {
    return this.#operation._extras?.name
  }
  get status(): OperationStatus {
    return STATUS[this.#operation._status]!
  }
  get parentId(): string | undefined {
    return this.#operation._parent?.context.id
  }
  get startedAt(): number | undefined {
    return this.#operation._startedAt
  }
  get endedAt(): number | undefined {
    return this.#operation._endedAt
  }
  get elapsed(): number | undefined {
    const { startedAt } = this
    const until = (this.#operation._flags & ENDED) === 0 ? now() : this.endedAt
    return startedAt === undefined || until === undefined ? undefined : until - startedAt
  }
  get deadline(): number | undefined {
    let deadline = Infinity
    for (let each: Cancelable | null = this.#operation; each !== null; each = each._parent) {
      if (each._status !== PENDING) deadline = Math.min(deadline, deadlineOf(each))
    }
    return deadline === Infinity ? undefined : deadline
  }
  get reason(): CancelationReason | undefined {
    return this.#operation._reason ?? undefined
  }
  get error(): unknown {
    return this.#operation._extras?.failure
  }
  get partialResult(): unknown {
    return this.#operation.partialResult
  }
  get progress(): Progress | undefined {
    return this.#operation._extras?.progress
  }
  get metadata(): Readonly<Record<string, unknown>> | undefined {
    return this.#operation._extras?.metadata
  }

  /** For logs: what is known, without what is not, and without the partial result, which may be anything. */
  toJSON(): Record<string, unknown> {
    const { id, name, status, parentId, startedAt, endedAt, elapsed, reason, metadata } = this
    return {
      id,
      name,
      status,
      parentId,
      startedAt,
      endedAt,
      elapsed,
      reason: reason?.message,
      kind: reason?.kind,
      metadata,
    }
  }
}
