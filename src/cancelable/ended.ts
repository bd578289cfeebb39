/** Notifies the rest of the package that an operation has ended, however it did. */
import type { CancelationError } from '../base/cancelation-error.js'
import type { OperationStatus } from '../base/operation-context.js'
import type { EndNode } from './extras.js'
import { errorOf, extrasOf, kReason, kStatus, type Operation } from './operation.js'
import { STATUS } from './state.js'

/** Appends a node to the list of what happens when the operation has ended. */
export function addEndNode(operation: Operation, node: EndNode): void {
  const extras = extrasOf(operation)
  let last = extras.ends
  if (last === null) {
    extras.ends = node
    return
  }
  while (last.nextEnd !== null) last = last.nextEnd
  last.nextEnd = node
}

/**
 * Calls `ended` when the status is final: before the listeners of completion and failure, and before the promise
 * settles. Not called for an operation that has already ended. `ended` must not throw.
 *
 * @param ended its second argument is the error of an operation that was canceled
 */
export function whenEnded(
  operation: Operation,
  ended: (status: OperationStatus, error: CancelationError | undefined) => void,
): void {
  addEndNode(operation, {
    nextEnd: null,
    ended: () => ended(STATUS[operation[kStatus]]!, operation[kReason] === null ? undefined : errorOf(operation)),
  })
}
