/** A token: a hand on the brake that can be passed around. */
import { callIsolated } from '../base/diagnostics.js'
import { cancelationError, type CancelationError } from '../base/cancelation-error.js'
import { invalidType, invalidValue, ofThisCopy } from '../base/errors.js'
import { toReason, type CancelationReason } from '../base/reason.js'
import { Hub, HubLink, WATCH_SHARED, type Link } from '../engine/link.js'
import { SharedFlag, type SharedToken } from './shared-token.js'
import { BuiltInSource, kLink } from './source.js'
import { deliver, join, kMark, kNext, kNotify, kSpread, type Target } from '../engine/propagation.js'

export const kHub: unique symbol = Symbol('tripline.hub')

const NONE: readonly TokenHub[] = []

class TokenHub extends Hub {
  reason: CancelationReason | null = null
  readonly #token: CancelationToken
  /** Where other threads see it. */
  flag: SharedFlag | undefined = undefined
  /** The shared ones that its token hangs on, however far above: one list, as a chain of tokens may be deep. */
  above: readonly TokenHub[] = NONE

  constructor(token: CancelationToken) {
    super()
    this.#token = token
  }

  current(): CancelationReason | null {
    if (this.reason === null && (this.flag !== undefined || this.above !== NONE)) this.poll()
    return this.reason
  }

  override get watch(): number {
    return this.flag === undefined && this.above === NONE ? 0 : WATCH_SHARED
  }

  override poll(): void {
    if (this.reason !== null) return
    this.flag?.poll(this.#token)
    for (const hub of this.above) hub.flag!.poll(hub.#token)
  }
}

/**
 * Cancels everything that holds it, once. Operations let go of it when they end, so one token may live as long as the
 * process.
 *
 * @example
 * const token = new CancelationToken()
 * const work = Cancelable.run(job, { token })
 * token.cancel('not needed any more')
 */
export class CancelationToken {
  /** @internal */
  [kNext]: Target | null = null
  /** @internal */
  readonly [kHub]: TokenHub = new TokenHub(this)
  #controller: AbortController | undefined
  #error: CancelationError | undefined

  /** A token that is canceled as soon as one of these is, with its reason. Disposing of it unlinks it from them. */
  static any(...tokens: CancelationToken[]): CancelationToken & Disposable {
    if (tokens.length === 0) throw invalidValue('tokens', 'at least one CancelationToken', 'none')
    for (const token of tokens) checkToken(token, 'tokens')
    return new LinkedToken(tokens)
  }

  /**
   * Cancels; the first call counts.
   *
   * @returns whether it was the first
   * @throws TypeError `ERR_INVALID_ARG_TYPE` if the reason is none of these
   */
  cancel(reason?: string | Error | CancelationReason): boolean {
    const checked = toReason(reason)
    if (!this[kMark](checked)) return false
    deliver()
    return true
  }

  get isCanceled(): boolean {
    return this[kHub].current() !== null
  }

  get reason(): CancelationReason | undefined {
    return this[kHub].current() ?? undefined
  }

  /** A standard signal; made when first read. Its `reason` is the error that {@link throwIfCanceled} throws. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this[kHub].current() !== null) this.#controller.abort(this.#toError())
    }
    return this.#controller.signal
  }

  throwIfCanceled(): void {
    if (this[kHub].current() !== null) throw this.#toError()
  }

  /** Calls `listener` when it is canceled, or at once if it is already. Disposing of the result takes it off again. */
  onCancel(listener: (reason: CancelationReason) => unknown): Disposable {
    if (typeof listener !== 'function') throw invalidType('listener', 'a function', listener)
    const subscription = new Subscription(this[kHub], listener)
    subscription.start()
    return subscription
  }

  /** Resolves, never rejects, when it is canceled. */
  whenCanceled(): Promise<CancelationReason> {
    return new Promise((resolve) => {
      this.onCancel(resolve)
    })
  }

  /**
   * What this token is in other threads: post it to a worker. A cancelation in any of them is one in all of them, also in
   * code that never yields there, if the operation was started after the sharing.
   */
  share(): SharedToken {
    const hub = this[kHub]
    if (hub.flag === undefined) {
      hub.flag = new SharedFlag(this)
      if (hub.reason !== null) hub.flag.write(hub.reason)
    }
    return { buffer: hub.flag.buffer }
  }

  /**
   * The token that another thread shared.
   *
   * @throws TypeError `ERR_INVALID_ARG_TYPE`
   */
  static from(shared: SharedToken): CancelationToken {
    const token = new CancelationToken()
    token[kHub].flag = new SharedFlag(token, (shared as SharedToken | undefined)?.buffer ?? (null as never))
    token[kHub].poll()
    return token
  }

  #toError(): CancelationError {
    return (this.#error ??= cancelationError(this[kHub].reason!))
  }

  /** @internal */
  [kMark](reason: CancelationReason): boolean {
    if (this[kHub].reason !== null) return false
    this[kHub].reason = reason
    this[kHub].flag?.write(reason)
    join(this)
    return true
  }

  /** @internal */
  [kSpread](): void {
    this[kHub].markAll(this[kHub].reason!)
  }

  /** @internal */
  [kNotify](): void {
    this.#controller?.abort(this.#toError())
  }
}

/** A token that hangs on others. */
class LinkedToken extends CancelationToken implements Disposable {
  readonly #links: readonly Link[]

  constructor(tokens: readonly CancelationToken[]) {
    super()
    this.#links = tokens.map((token) => new HubLink(token[kHub], this))
    const shared = tokens.flatMap(({ [kHub]: hub }) => (hub.flag === undefined ? hub.above : [hub, ...hub.above]))
    if (shared.length > 0) this[kHub].above = shared
    for (const link of this.#links) {
      const reason = link.connect()
      if (reason === null) continue
      this[kMark](reason)
      deliver()
      return
    }
  }

  /** @internal */
  override [kMark](reason: CancelationReason): boolean {
    if (!super[kMark](reason)) return false
    this[Symbol.dispose]()
    return true
  }

  [Symbol.dispose](): void {
    this[kHub].above = NONE
    for (const link of this.#links) link.disconnect()
  }
}

/** One listener of a token. */
class Subscription implements Target, Disposable {
  [kNext]: Target | null = null
  #listener: ((reason: CancelationReason) => unknown) | undefined
  #reason: CancelationReason | undefined
  readonly #link: HubLink

  constructor(hub: TokenHub, listener: (reason: CancelationReason) => unknown) {
    this.#listener = listener
    this.#link = new HubLink(hub, this)
  }

  start(): void {
    const reason = this.#link.connect()
    if (reason === null) return
    this[kMark](reason)
    deliver()
  }

  [kMark](reason: CancelationReason): boolean {
    this.#reason = reason
    join(this)
    return true
  }
  [kSpread](): void {}
  [kNotify](): void {
    const listener = this.#listener
    if (listener === undefined) return
    this.#listener = undefined
    callIsolated('cancel listener', undefined, listener, this.#reason!)
  }

  [Symbol.dispose](): void {
    this.#listener = undefined
    this.#link.disconnect()
  }
}

/** A token as a source, for `anyOf`, `allOf` and `sources`. */
export class TokenSource extends BuiltInSource {
  readonly token: CancelationToken

  /** @throws TypeError `ERR_INVALID_ARG_TYPE` */
  constructor(token: CancelationToken) {
    super()
    this.token = checkToken(token, 'token')
  }

  get name(): string {
    return 'token'
  }

  /** @internal */
  [kLink](target: Target): Link {
    return tokenLink(this.token, target)
  }
}

/** @internal */
export function tokenLink(token: CancelationToken, target: Target): HubLink {
  return new HubLink(token[kHub], target)
}

/** @internal */
export function checkToken(value: unknown, name: string): CancelationToken {
  if (value instanceof CancelationToken) return value
  throw invalidType(name, `a CancelationToken${ofThisCopy('CancelationToken', value)}`, value)
}
