/** For the rest of the package: notification that an operation has ended, however it did. */
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

  // The cancel listener, which is called next, has it join again: all that is in the list now is being released.
  canceled(): void {}

  dismissed(): void {
    this.#ended()
  }
}

/**
 * Calls `ended` when the status is final: ahead of the listeners of completion and failure, and of the promise. Not for an
 * operation that has ended already. It must not throw.
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
