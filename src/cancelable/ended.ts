/** Notifies the rest of the package that an operation has ended, in whichever way. */
import type { CancelationError } from '../base/cancelation-error.js'
import type { OperationStatus } from '../base/operation-context.js'
import type { Cancelable } from './cancelable.js'
import { listen } from './listeners.js'
import { errorOf, kReason, kStatus } from './operation.js'
import { STATUS } from './state.js'
import { Waiter } from './waiter.js'

/** A member of the list of waiters that outlasts a cancelation. */
class EndWatcher extends Waiter {
  readonly #ended: () => void

  constructor(ended: () => void) {
    super()
    this.#ended = ended
  }

  // The list is being released now, so the waiter joins it again in the cancel listener, which is called next.
  canceled(): void {}

  dismissed(): void {
    this.#ended()
  }
}

/**
 * Calls `ended` when the status is final: before the listeners of completion and failure, and before the promise
 * settles. Not called for an operation that has already ended. `ended` must not throw.
 *
 * @param ended its second argument is the error of an operation that was canceled
 */
export function whenEnded(
  operation: Cancelable,
  ended: (status: OperationStatus, error: CancelationError | undefined) => void,
): void {
  const watcher = new EndWatcher(() => {
    ended(STATUS[operation[kStatus]]!, operation[kReason] === null ? undefined : errorOf(operation))
  })
  watcher.join(operation)
  listen(operation, 'cancel', () => watcher.operation === null && watcher.join(operation))
}
