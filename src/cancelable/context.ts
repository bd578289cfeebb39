/** The read-only view of an operation. */
import { now, wallTime } from '../base/clock.js'
import { plainFields } from '../base/plain.js'
import { kInspect, type Inspect, type InspectOptions } from '../base/printing.js'
import { kContext, type OperationContext, type OperationStatus, type Progress } from '../base/operation-context.js'
import type { CancelationReason } from '../base/reason.js'
import {
  endedAtOf,
  extrasOf,
  kStatus,
  kFlags,
  kReason,
  kParent,
  kStartedAt,
  kExtras,
  kName,
  type Operation,
} from './operation.js'
import { deadlineOf } from './lifecycle.js'
import { inspectOperation } from './print.js'
import { ENDED, STATUS } from './state.js'

const ID_PREFIX = 'operation_'
let generatedIds = 0

/** Whether the id looks like a generated one, which an operation without the option `id` has. */
export function isGeneratedId(id: string): boolean {
  return id.startsWith(ID_PREFIX)
}

/** The wall-clock time of a moment on the clock of `performance.now()`. */
function dateOf(at: number | undefined): Date | undefined {
  return at === undefined ? undefined : new Date(wallTime() - (now() - at))
}

/** The result so far: the value that the body has set, or else the progress of its latest stream. */
export function partialResultOf(operation: Operation): unknown {
  const extras = operation[kExtras]
  return extras?.stream === undefined ? extras?.partial : extras.stream.partial()
}

export class Context implements OperationContext {
  readonly #operation: Operation

  constructor(operation: Operation) {
    this.#operation = operation
  }

  get id(): string {
    const extras = extrasOf(this.#operation)
    return (extras.id ??= `${ID_PREFIX}${++generatedIds}`)
  }
  get name(): string | undefined {
    return this.#operation[kName]
  }
  get status(): OperationStatus {
    return STATUS[this.#operation[kStatus]]!
  }
  get parent(): OperationContext | undefined {
    return this.#operation[kParent]?.[kContext]
  }
  get parentId(): string | undefined {
    return this.#operation[kParent]?.[kContext].id
  }
  get startedAt(): number | undefined {
    return this.#operation[kStartedAt]
  }
  get endedAt(): number | undefined {
    return endedAtOf(this.#operation)
  }
  get elapsed(): number | undefined {
    const { startedAt } = this
    const until = (this.#operation[kFlags] & ENDED) === 0 ? now() : this.endedAt
    return startedAt === undefined || until === undefined ? undefined : until - startedAt
  }
  get startDate(): Date | undefined {
    return dateOf(this.startedAt)
  }
  get endDate(): Date | undefined {
    return dateOf(this.endedAt)
  }
  get deadline(): number | undefined {
    let deadline = Infinity
    for (let each: Operation | null = this.#operation; each !== null; each = each[kParent]) {
      deadline = Math.min(deadline, deadlineOf(each))
    }
    return deadline === Infinity ? undefined : deadline
  }
  get reason(): CancelationReason | undefined {
    return this.#operation[kReason] ?? undefined
  }
  get error(): unknown {
    return this.#operation[kExtras]?.failure
  }
  get partialResult(): unknown {
    return partialResultOf(this.#operation)
  }
  get progress(): Progress | undefined {
    return this.#operation[kExtras]?.progress
  }
  get metadata(): Readonly<Record<string, unknown>> | undefined {
    return this.#operation[kExtras]?.metadata
  }

  toJSON(): Record<string, unknown> {
    const { id, name, status, parentId, startedAt, startDate, endedAt, elapsed, reason, progress, metadata } = this
    return {
      id,
      name,
      status,
      parentId,
      startedAt,
      startDate,
      endedAt,
      elapsed,
      reason: reason?.message,
      kind: reason?.kind,
      progress: progress?.message,
      metadata: metadata && plainFields(metadata),
    }
  }

  /** @internal */
  [kInspect](depth: number, options: InspectOptions, inspect: Inspect): string {
    return inspectOperation(this.#operation, 'OperationContext', depth, options, inspect)
  }
}
