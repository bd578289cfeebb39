/** Waiting inside an operation: whatever waits is released when the operation is canceled, and leaves nothing behind. */
import { cancelationError, type CancelationError } from '../base/cancelation-error.js'
import { isThenable } from '../base/diagnostics.js'
import { parentReason } from '../base/reason.js'
import { Timer } from '../engine/timers.js'
import type { Cancelable } from './cancelable.js'
import { ENDED } from './state.js'

/** A member of an operation's list of those to be released. */
export abstract class Waiter {
  previous: Waiter | null = null
  following: Waiter | null = null
  operation: Cancelable | null = null
  /** What the user waits for. */
  promise: Promise<unknown> | null = null

  /** The operation was canceled; the waiter is out of its list. Must not throw. */
  abstract canceled(error: CancelationError): void
  /** The operation ended in another way; the waiter is out of its list. Must not throw. */
  abstract dismissed(error: CancelationError): void

  join(operation: Cancelable): void {
    if ((operation._flags & ENDED) !== 0) return
    const extras = operation._more()
    this.operation = operation
    this.previous = extras.lastWaiter
    if (extras.lastWaiter === null) extras.firstWaiter = this
    else extras.lastWaiter.following = this
    extras.lastWaiter = this
  }

  leave(): void {
    const extras = this.operation?._extras
    if (extras === undefined || extras === null) return
    const { previous, following } = this
    if (previous === null) extras.firstWaiter = following
    else previous.following = following
    if (following === null) extras.lastWaiter = previous
    else following.previous = previous
    this.previous = null
    this.following = null
    this.operation = null
  }
}

/**
 * Ends all waiting inside an operation that has ended: as with children, what is left is canceled. Otherwise whatever lost
 * against something else would wait on, and pile up, on a promise that lives long.
 */
export function dismissWaiters(operation: Cancelable): void {
  const extras = operation._extras!
  if (extras.firstWaiter === null) return
  const error = cancelationError(parentReason(operation.context.id, null), operation)
  for (let waiter: Waiter | null = extras.firstWaiter; waiter !== null; waiter = extras.firstWaiter) {
    waiter.leave()
    waiter.dismissed(error)
  }
}

/** Releases all waiters of a canceled operation, in the order in which they came. */
export function releaseWaiters(operation: Cancelable): void {
  const extras = operation._extras!
  for (let waiter = extras.firstWaiter; waiter !== null; waiter = extras.firstWaiter) {
    waiter.leave()
    waiter.canceled(operation._toError())
  }
}

/** Mostly nobody waits any more: then it is no unhandled rejection. */
function rejectQuietly(promise: Promise<unknown> | null, reject: () => void): void {
  promise?.catch(() => undefined)
  reject()
}

type Resolve = (value: unknown) => void
type Reject = (error: unknown) => void
type Outcome = (waiter: { readonly resolve: Resolve; readonly reject: Reject }) => void

/**
 * All that wait for one foreign promise. A promise never forgets a reaction, so a long-lived one gets a single reaction
 * from us, whatever comes and goes behind it.
 */
class Awaited {
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

const awaited = new WeakMap<PromiseLike<unknown>, Awaited>()

class RaceWaiter extends Waiter {
  readonly #awaited: Awaited
  #before: RaceWaiter | null
  #after: RaceWaiter | null = null
  readonly resolve: Resolve
  readonly reject: Reject

  constructor(of: Awaited, resolve: Resolve, reject: Reject) {
    super()
    this.#awaited = of
    this.resolve = resolve
    this.reject = reject
    this.#before = of.last
    if (of.last === null) of.first = this
    else of.last.#after = this
    of.last = this
  }

  settle(): this {
    this.leave()
    this.#forget()
    return this
  }

  canceled(error: CancelationError): void {
    this.#forget()
    this.reject(error)
  }

  dismissed(error: CancelationError): void {
    rejectQuietly(this.promise, () => this.canceled(error))
  }

  #forget(): void {
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
export function race<T>(operation: Cancelable, promise: PromiseLike<T>): Promise<T> {
  if (operation.isCanceled) {
    if (isThenable(promise)) promise.then(undefined, () => undefined)
    return Promise.reject(operation._toError())
  }
  if (!isThenable(promise)) return Promise.resolve(promise)
  const all = awaited.get(promise) ?? new Awaited(promise)
  const { outcome } = all
  // A thenable that is no promise may have settled within its `then`.
  if (outcome !== undefined) return new Promise((resolve, reject) => outcome({ resolve: resolve as Resolve, reject }))
  return waiting(operation, (resolve, reject) => new RaceWaiter(all, resolve, reject)) as Promise<T>
}

/** The promise of a new waiter. */
function waiting(operation: Cancelable, make: (resolve: Resolve, reject: Reject) => Waiter): Promise<unknown> {
  let waiter!: Waiter
  const promise = new Promise<unknown>((resolve, reject) => {
    waiter = make(resolve, reject)
  })
  waiter.promise = promise
  waiter.join(operation)
  return promise
}

class Sleeper extends Waiter {
  readonly #timer: Timer
  readonly #reject: Reject

  constructor(duration: number, resolve: Resolve, reject: Reject) {
    super()
    this.#reject = reject
    this.#timer = new Timer(() => {
      this.leave()
      resolve(undefined)
    }, true)
    this.#timer.start(duration)
  }

  canceled(error: CancelationError): void {
    this.#timer.stop()
    this.#reject(error)
  }

  dismissed(error: CancelationError): void {
    rejectQuietly(this.promise, () => this.canceled(error))
  }
}

/** Keeps the process alive for `duration` ms; rejects when the operation is canceled. */
export function sleep(operation: Cancelable, duration: number): Promise<void> {
  if (operation.isCanceled) return Promise.reject(operation._toError())
  return waiting(operation, (resolve, reject) => new Sleeper(duration, resolve, reject)) as Promise<void>
}

/** Lets the event loop turn once, then rejects if the operation is canceled. */
export function yieldTurn(operation: Cancelable): Promise<void> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      if (operation.isCanceled) reject(operation._toError())
      else resolve()
    })
  })
}
