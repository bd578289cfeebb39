/** Waiting inside an operation: it ends when the operation is canceled, and leaves nothing behind. */
import type { CancelationError } from '../base/cancelation-error.js'
import { isThenable } from '../base/diagnostics.js'
import { nextTurn } from '../base/real-timers.js'
import { Timer } from '../engine/timers.js'
import { quiet, rejectedQuietly } from '../base/quiet.js'
import type { Operation } from './operation.js'
import { isCanceled, refusalOf } from './poll.js'
import { Waiter } from './waiter.js'

type Resolve = (value: unknown) => void
type Reject = (error: unknown) => void
type Outcome = (waiter: { readonly resolve: Resolve; readonly reject: Reject }) => void

/**
 * All waiters for one foreign promise. A promise never drops a reaction, so a long-lived promise gets a single
 * reaction, however many waiters come and go.
 */
class AwaitedPromise {
  first: RaceWaiter | null = null
  last: RaceWaiter | null = null
  /** Once it has settled. */
  outcome: Outcome | undefined = undefined

  constructor(promise: PromiseLike<unknown>) {
    awaited.set(promise, this)
    try {
      promise.then(
        (value) => this.#settle(promise, (waiter) => waiter.resolve(value)),
        (error: unknown) => this.#settle(promise, (waiter) => waiter.reject(error)),
      )
    } catch (error) {
      this.#settle(promise, (waiter) => waiter.reject(error))
    }
  }

  #settle(promise: PromiseLike<unknown>, how: Outcome): void {
    if (this.outcome !== undefined) return
    this.outcome = how
    awaited.delete(promise)
    for (let waiter = this.first; waiter !== null; waiter = this.first) how(waiter.settle())
  }
}

const awaited = new WeakMap<PromiseLike<unknown>, AwaitedPromise>()

/** A wait that rejects when the operation is canceled or ends, whether or not it is awaited then. */
abstract class Wait extends Waiter {
  readonly reject: Reject
  /** The promise that was returned to the user. */
  promise: Promise<unknown> | null = null

  constructor(reject: Reject) {
    super()
    this.reject = reject
  }

  /** The operation is what ended the wait. */
  protected abstract stop(): void

  canceled(error: CancelationError): true {
    this.stop()
    quiet(this.promise!)
    this.reject(error)
    return true
  }

  dismissed(error: CancelationError): void {
    this.canceled(error)
  }
}

class RaceWaiter extends Wait {
  readonly #awaited: AwaitedPromise
  #before: RaceWaiter | null
  #after: RaceWaiter | null = null
  readonly resolve: Resolve

  constructor(of: AwaitedPromise, resolve: Resolve, reject: Reject) {
    super(reject)
    this.#awaited = of
    this.resolve = resolve
    this.#before = of.last
    if (of.last === null) of.first = this
    else of.last.#after = this
    of.last = this
  }

  settle(): this {
    this.leave()
    this.stop()
    return this
  }

  protected stop(): void {
    const all = this.#awaited
    const before = this.#before
    const after = this.#after
    if (before === null) all.first = after
    else before.#after = after
    if (after === null) all.last = before
    else after.#before = before
  }
}

/** Settles as `promise` does, or rejects when the operation is canceled, whichever is first. */
export function race<T>(operation: Operation, promise: PromiseLike<T>): Promise<T> {
  const refusal = refusalOf(operation)
  if (refusal !== undefined) {
    if (isThenable(promise)) promise.then(undefined, () => undefined)
    return rejectedQuietly(refusal)
  }
  if (!isThenable(promise)) return Promise.resolve(promise)
  const all = awaited.get(promise) ?? new AwaitedPromise(promise)
  const { outcome } = all
  // A thenable that is not a promise may have settled within its `then`.
  if (outcome !== undefined) return new Promise((resolve, reject) => outcome({ resolve: resolve as Resolve, reject }))
  return waiting(operation, (resolve, reject) => new RaceWaiter(all, resolve, reject)) as Promise<T>
}

/** Returns the promise of a new waiter. */
function waiting(operation: Operation, make: (resolve: Resolve, reject: Reject) => Wait): Promise<unknown> {
  let waiter!: Wait
  const promise = new Promise<unknown>((resolve, reject) => {
    waiter = make(resolve, reject)
  })
  waiter.promise = promise
  waiter.join(operation)
  return promise
}

class Sleeper extends Wait {
  readonly #timer: Timer

  constructor(duration: number, resolve: Resolve, reject: Reject) {
    super(reject)
    this.#timer = new Timer(() => {
      this.leave()
      resolve(undefined)
    }, true)
    this.#timer.start(duration)
  }

  protected stop(): void {
    this.#timer.stop()
  }
}

/** Keeps the process alive for `duration` ms; rejects when the operation is canceled. */
export function sleep(operation: Operation, duration: number): Promise<void> {
  const refusal = refusalOf(operation)
  if (refusal !== undefined) return rejectedQuietly(refusal)
  return waiting(operation, (resolve, reject) => new Sleeper(duration, resolve, reject)) as Promise<void>
}

/** Lets the event loop turn once, then rejects if the operation is canceled or has ended. */
export function yieldTurn(operation: Operation): Promise<void> {
  // A body that yields after the cancelation learns of it only after its turn, so it is recorded here.
  isCanceled(operation)
  const promise = new Promise<void>((resolve, reject) => {
    nextTurn(() => {
      const refusal = refusalOf(operation)
      if (refusal === undefined) {
        resolve()
        return
      }
      quiet(promise)
      reject(refusal)
    })
  })
  return promise
}
