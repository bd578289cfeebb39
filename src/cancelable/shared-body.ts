/**
 * Bodies that return a promise for which other runs wait, too. A promise never drops a reaction, so a long-lived one would
 * keep every canceled run that has returned it. Here all its runs but the first two share a single reaction.
 */
import { anyAbandoned, isAnnounced, settledLate } from './abandoned.js'
import type { Operation } from './operation.js'

type Outcome = PromiseSettledResult<unknown>
type Settle = (operation: Operation, outcome: Outcome) => void

/** How many shared promises are pending; while there are none, nothing is looked up. */
let pending = 0
const promises = new WeakMap<Promise<unknown>, SharedBody>()
const bodies = new WeakMap<Operation, SharedBody>()
/**
 * The promise of the latest body since one was abandoned. One that is returned twice is taken to be shared. Keeping each
 * promise, even before, would make every run a tenth slower.
 */
let latest: Promise<unknown> | undefined

/** The runs of one promise. */
class SharedBody {
  /** Those that wait for it. */
  readonly #waiting = new Set<Operation>()
  /** Those whose abandonment was published, and whose outcome is to follow. */
  readonly #announced: Operation[] = []
  /** How many others were abandoned. */
  #left = 0

  constructor(promise: Promise<unknown>, settle: Settle) {
    promises.set(promise, this)
    pending++
    const settled = (outcome: Outcome): void => {
      promises.delete(promise)
      pending--
      for (; this.#left > 0; this.#left--) settledLate(undefined, outcome)
      for (const operation of this.#announced) settledLate(operation, outcome)
      for (const operation of this.#waiting) settle(operation, outcome)
    }
    promise.then(
      (value) => settled({ status: 'fulfilled', value }),
      (reason: unknown) => settled({ status: 'rejected', reason }),
    )
  }

  add(operation: Operation): void {
    this.#waiting.add(operation)
    bodies.set(operation, this)
  }

  abandon(operation: Operation): void {
    this.#waiting.delete(operation)
    if (isAnnounced(operation)) this.#announced.push(operation)
    else this.#left++
  }
}

/** Whether another run is known to wait for the promise. */
export function isSharedPromise(promise: Promise<unknown>): boolean {
  if (!anyAbandoned()) return false
  if (promise === latest || (pending > 0 && promises.has(promise))) return true
  latest = promise
  return false
}

/** Settles the operation as the promise does. */
export function joinSharedBody(operation: Operation, promise: Promise<unknown>, settle: Settle): void {
  const shared = promises.get(promise) ?? new SharedBody(promise, settle)
  shared.add(operation)
}

/** The run no longer waits for its body. */
export function leaveSharedBody(operation: Operation): void {
  if (pending > 0) bodies.get(operation)?.abandon(operation)
}
