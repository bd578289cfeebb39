/** The operation of a request. */
import { invalidType } from '../../base/errors.js'
import { realTimers } from '../../base/real-timers.js'
import { Cancelable, type CancelableOptions } from '../../cancelable/cancelable.js'
import { kNotify } from '../../engine/propagation.js'
import { exchangeIn, type Ending, type Exchange, type HttpRequest } from './exchange.js'
import { clientGone, shutDown } from './reasons.js'

/** What an operation of a request reports to. */
export interface Owner {
  /** How long an operation that was canceled may last before `unanswered` is called, in milliseconds. */
  readonly grace: number
  /** It was canceled, and the response is still open. */
  unanswered(operation: RequestOperation): void
  /** It is over. */
  ended(operation: RequestOperation, delivered: boolean): void
}

/** Ends with the response, or when the client goes away. */
export class RequestOperation extends Cancelable implements Ending {
  readonly exchange: Exchange
  readonly #owner: Owner
  #open = false
  #timer: NodeJS.Timeout | undefined

  constructor(options: CancelableOptions, exchange: Exchange, owner: Owner) {
    super(options)
    this.exchange = exchange
    this.#owner = owner
  }

  /** Starts it. @throws as `enter()` */
  begin(): void {
    this.enter()
    this.#open = true
  }

  /** The response was sent, or the client is gone. */
  over(delivered: boolean): void {
    this.#open = false
    realTimers.clearTimeout(this.#timer)
    if (delivered) this.complete()
    else this.cancel(clientGone())
    this[Symbol.dispose]()
    this.#owner.ended(this, delivered)
  }

  /** The server shuts down and cannot wait any longer. */
  shutDown(message: string): void {
    this.cancel(shutDown(message))
  }

  // Not a listener of `onCancel`, for which every request would pay.
  /** @internal */
  override [kNotify](): void {
    super[kNotify]()
    if (!this.#open) return
    this.#timer = realTimers.setTimeout(() => this.#owner.unanswered(this), this.#owner.grace).unref()
  }
}

/**
 * The operation of a request, or of a framework's request around it; `undefined` before a protection has admitted it.
 *
 * @throws TypeError `ERR_INVALID_ARG_TYPE`
 */
export function operationOf(request: HttpRequest | { readonly raw: HttpRequest }): Cancelable | undefined {
  if (typeof request !== 'object' || request === null) throw invalidType('request argument', 'a request', request)
  const operation = exchangeIn('raw' in request ? request.raw : request)?.operation
  return operation instanceof RequestOperation ? operation : undefined
}
