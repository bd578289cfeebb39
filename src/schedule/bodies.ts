/** The bodies of one ticker: each an operation under the ticker's own. */
import { Cancelable } from '../cancelable/cancelable.js'
import type { CancelableOptions } from '../cancelable/options.js'
import { COMPLETED, FAILED } from '../cancelable/state.js'
import { now } from '../clock.js'
import { isThenable } from '../diagnostics.js'
import type { Tick, TickBody } from './ticker.js'

/** Who is told how bodies end. */
export interface BodyListener {
  /** @param elapsed how long it took, in milliseconds */
  bodyOver(elapsed: number): void
  /** The last promise that somebody may wait for has settled; told after {@link bodyOver}, unless the body was given up. */
  operationOver(): void
  bodyFailed(error: unknown): void
  bodyTimedOut(): void
}

export class Bodies {
  /** Bodies that run, also those that were given up. */
  running = 0
  /** Operations that have not settled. */
  operations = 0
  readonly #body: TickBody
  readonly #options: CancelableOptions
  readonly #listener: BodyListener
  // What the body that is being called is told, and what it returned if that is a promise.
  #tick: Tick | undefined
  #promise: PromiseLike<unknown> | undefined

  /** @param timeout of each, in milliseconds */
  constructor(body: TickBody, parent: Cancelable, timeout: number | undefined, listener: BodyListener) {
    this.#body = body
    this.#options = { parent, timeout }
    this.#listener = listener
  }

  /** False where the body has failed already; its error is told later, as that of a promise would be. */
  start(tick: Tick): boolean {
    const operation = new Cancelable(this.#options)
    this.#tick = tick
    this.running++
    const run = operation.run(this.#call)
    const promise = this.#promise
    this.#promise = undefined
    // The usual end of a body that awaits nothing: there is no promise to look at.
    if (operation._status !== COMPLETED) this.#watch(operation, run)
    if (promise === undefined) {
      this.#over(operation)
    } else {
      const over = (): void => this.#over(operation)
      promise.then(over, over)
    }
    return operation._status !== FAILED
  }

  // One function for all bodies instead of a closure for each.
  readonly #call = (cancel: Cancelable): unknown => {
    const result = this.#body(cancel, this.#tick!)
    if (isThenable(result)) this.#promise = result
    return result
  }

  #over(operation: Cancelable): void {
    this.running--
    this.#listener.bodyOver((operation._endedAt ?? now()) - operation._startedAt!)
  }

  #watch(operation: Cancelable, run: Promise<unknown>): void {
    this.operations++
    run.then(
      () => this.#settled(),
      (error: unknown) => {
        if (operation._status === FAILED) this.#listener.bodyFailed(error)
        else if (operation.reason?.kind === 'timeout') this.#listener.bodyTimedOut()
        this.#settled()
      },
    )
  }

  #settled(): void {
    this.operations--
    this.#listener.operationOver()
  }
}
