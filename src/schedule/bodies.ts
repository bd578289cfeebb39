/** The bodies of one ticker: each an operation under the ticker's own. */
import { CancelationError } from '../base/cancelation-error.js'
import { isReason } from '../base/reason.js'
import { isThenable } from '../base/diagnostics.js'
import type { Cancelable } from '../cancelable/cancelable.js'
import { elapsedOf, runChild } from '../cancelable/child-run.js'
import type { Tick, TickBody } from './tick.js'

/** Notified of how bodies end. */
export interface BodyListener {
  /** @param elapsed how long it took, in milliseconds */
  bodyOver(elapsed: number): void
  /** An operation has settled: with its body, or without it if the body was abandoned. */
  operationOver(): void
  bodyFailed(error: unknown): void
  /** A canceled body failed with an error of its own. */
  cancelFailed(error: unknown): void
  bodyTimedOut(): void
}

export class Bodies {
  /** Bodies that run, including abandoned ones. */
  running = 0
  /** Operations that have not settled. */
  operations = 0
  readonly #body: TickBody
  readonly #parent: Cancelable
  readonly #timeout: number | undefined
  readonly #listener: BodyListener
  // The tick of the body that is being called, and what the body returned if that is a promise.
  #tick: Tick | undefined
  #promise: PromiseLike<unknown> | undefined

  /** @param timeout of each, in milliseconds */
  constructor(body: TickBody, parent: Cancelable, timeout: number | undefined, listener: BodyListener) {
    this.#body = body
    this.#parent = parent
    this.#timeout = timeout
    this.#listener = listener
  }

  start(tick: Tick): void {
    this.#tick = tick
    this.running++
    this.operations++
    const operation = runChild(this.#parent, this.#timeout, this.#call, this.#resolved, this.#rejected)
    const promise = this.#promise
    this.#promise = undefined
    if (promise === undefined) {
      this.#over(operation)
    } else {
      const over = (): void => this.#over(operation)
      promise.then(over, over)
    }
  }

  // One function for all bodies, instead of closures and a promise for each, so that a tick allocates little.
  readonly #call = (cancel: Cancelable): unknown => {
    const result = this.#body(cancel, this.#tick!)
    if (isThenable(result)) this.#promise = result
    return result
  }

  readonly #resolved = (): void => {
    this.operations--
    this.#listener.operationOver()
  }

  readonly #rejected = (error: unknown): void => {
    this.operations--
    if (CancelationError.is(error)) {
      if (error.reason.kind === 'timeout') this.#listener.bodyTimedOut()
      // What failed while a canceled body unwound is reported here, because no caller awaits a tick.
      if (error.cause !== undefined && !endsLikeCancelation(error.cause)) this.#listener.cancelFailed(error.cause)
    } else {
      this.#listener.bodyFailed(error)
    }
    this.#listener.operationOver()
  }

  #over(operation: Cancelable): void {
    this.running--
    this.#listener.bodyOver(elapsedOf(operation))
  }
}

/**
 * Whether a body that failed with this error only obeyed the cancelation: functions of Node fail with an AbortError. Without
 * an error of the body, the cause is the reason itself.
 */
function endsLikeCancelation(cause: unknown): boolean {
  return isReason(cause) || CancelationError.is(cause) || (cause instanceof Error && cause.name === 'AbortError')
}
