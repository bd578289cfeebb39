/**
 * A recorded operation: a link that reports to a recording when the operation starts, is canceled and ends. It needs no
 * extras, so that a recorded operation costs little more than a bare one.
 */
import type { CancelationReason } from '../base/reason.js'
import { Link } from '../engine/link.js'
import { addEndNode } from './ended.js'
import type { EndNode } from './extras.js'
import { observeStarts } from './lifecycle.js'
import { prependLink } from './links.js'
import { kName, kFlags, kLinks, kReason, kStartedAt, type Operation } from './operation.js'
import { ENDED } from './state.js'

/** Where operations are recorded. */
export interface OperationSink {
  /** Returns a slot of the operation; its start is on the clock of `performance.now()`. */
  enter(name: string | undefined, startedAt: number): number
  progress(slot: number, fraction: number): void
  cancel(slot: number, name: string | undefined, reason: CancelationReason): void
  leave(slot: number): void
}

const OUT = -2

class RecordedLink extends Link implements EndNode {
  declare readonly sink: OperationSink
  declare slot: number
  declare canceled: boolean
  declare nextEnd: EndNode | null

  constructor(sink: OperationSink, operation: Operation) {
    super(operation)
    this.sink = sink
    this.slot = OUT
    this.canceled = false
    this.nextEnd = null
  }

  connect(): null {
    const operation = this.target as Operation
    this.slot = this.sink.enter(operation[kName], operation[kStartedAt]!)
    return null
  }

  /** Also called when it is canceled, long before it ends. */
  disconnect(): void {
    const operation = this.target as Operation
    const reason = operation[kReason]
    if (reason === null || this.canceled || this.slot === OUT || (operation[kFlags] & ENDED) !== 0) return
    this.canceled = true
    // Its body may go on for long after it was closed.
    addEndNode(operation, this)
    this.sink.cancel(this.slot, operation[kName], reason)
  }

  override close(): void {
    if (!this.canceled) this.ended()
  }

  ended(): void {
    if (this.slot === OUT) return
    this.sink.leave(this.slot)
    this.slot = OUT
  }

  override progressed(fraction: number | undefined): void {
    if (this.slot !== OUT) this.sink.progress(this.slot, fraction ?? Number.NaN)
  }

  copy(): null {
    return null
  }
}

/** Records every operation that starts from now on; returns a function that ends that. */
export function recordStarts(sink: OperationSink): () => void {
  return observeStarts((operation) => {
    // It is there already if an earlier start has failed.
    for (let each = operation[kLinks]; each !== null; each = each.sibling) if (each instanceof RecordedLink) return
    prependLink(operation, new RecordedLink(sink, operation))
  })
}
