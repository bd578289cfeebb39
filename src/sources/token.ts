/** A cancelation token: cancels every operation that holds it. */
import { setMaxListeners } from 'node:events'
import { inThisContext, outsideContexts } from '../base/async-context.js'
import { callIsolated } from '../base/diagnostics.js'
import { cancelationError, type CancelationError } from '../base/cancelation-error.js'
import { markInstances, ofThisCopy } from '../base/copies.js'
import { invalidType, invalidValue } from '../base/errors.js'
import { readOptions } from '../base/options.js'
import { inspectAs, kInspect, type Inspect, type InspectOptions } from '../base/printing.js'
import { eventReason, fromOrigin, type CancelationReason, type Origin } from '../base/reason.js'
import { Hub, HubLink, WATCH_SHARED, type Link } from '../engine/link.js'
import { openShared, sharedFlag, type SharedFlag, type SharedToken } from './shared-token.js'
import { BuiltInSource, kLink } from './source.js'
import { deliver, join, kMark, kNext, kNotify, kSpread, type Target } from '../engine/propagation.js'
import { waitForEnd } from '../base/safe-point.js'
import { NO_TERMS, type Term } from '../engine/watching.js'

export const kHub: unique symbol = Symbol('tripline.hub')

const NONE: readonly TokenHub[] = []

class TokenHub extends Hub {
  reason: CancelationReason | null = null
  readonly #token: CancelationToken
  /** The flag that other threads see; undefined if the token is not shared. */
  flag: SharedFlag | undefined = undefined
  /** The shared hubs among the tokens that its token is linked to, at any depth: one list, as chains may be deep. */
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

  override terms(): readonly Term[] {
    if (this.flag === undefined && this.above === NONE) return NO_TERMS
    return [this, ...this.above].flatMap(({ flag }) => (flag === undefined ? [] : [[flag.test]]))
  }
}

/** The options of a token. */
export interface TokenOptions {
  /** Its name, which reasons have as their `source`. @default none */
  name?: string | undefined
}

/**
 * Cancels every operation that holds it, once. Operations release it when they end, so one token may live as long as the
 * process. It may be shared with other threads; see {@link share}.
 *
 * @example
 * const token = new CancelationToken()
 * const work = Cancelable.run(job, { token })
 * token.cancel('not needed any more')
 * await work.catch((error) => console.log(error.message)) // not needed any more
 */
export class CancelationToken {
  static {
    markInstances(this)
  }

  /** @internal */
  [kNext]: Target | null = null
  /** @internal */
  readonly [kHub]: TokenHub = new TokenHub(this)
  readonly #name: string | undefined
  #controller: AbortController | undefined
  #error: CancelationError | undefined
  #whenCanceled: Promise<CancelationReason> | undefined

  /**
   * Makes a token.
   *
   * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`
   */
  constructor(options: TokenOptions = {}) {
    waitForEnd()
    const { name } = readOptions(options, 'option', ['name'])
    if (name !== undefined && typeof name !== 'string') throw invalidType('name', 'a string', name)
    this.#name = name
  }

  /** The option `name`. */
  get name(): string | undefined {
    return this.#name
  }

  /**
   * A token that is canceled as soon as one of these is, with its reason. Disposing of it unlinks it from them.
   *
   * @throws TypeError `ERR_INVALID_ARG_VALUE` without any token, `ERR_INVALID_ARG_TYPE` for a value that is not one
   */
  static any(...tokens: CancelationToken[]): CancelationToken & Disposable {
    if (tokens.length === 0) throw invalidValue('tokens', 'at least one CancelationToken', 'none')
    for (const token of tokens) checkToken(token, 'tokens')
    return new LinkedToken(tokens)
  }

  /**
   * Cancels; the first call counts. It may be used as the listener of any event: `socket.once('close', token.cancel.bind(token))`.
   *
   * @param reason a message, an error, or a whole reason; for anything else the message is `'Canceled'`
   * @param origin `by` names what is behind it, such as a user or a rule; anything else is ignored
   * @returns whether it was the first
   * @throws TypeError `ERR_INVALID_ARG_VALUE` for an object that has a `kind` but is not a reason
   */
  cancel(reason?: string | Error | CancelationReason, origin?: Pick<Origin, 'by'>): boolean
  cancel(...event: readonly unknown[]): boolean
  cancel(reason?: unknown, origin?: unknown): boolean {
    waitForEnd()
    // Also where another thread was first.
    if (this[kHub].current() !== null) return false
    const by: unknown = typeof origin === 'object' && origin !== null ? (origin as Origin).by : undefined
    const checked = fromOrigin(eventReason(reason), { by: typeof by === 'string' ? by : undefined, source: this.#name })
    if (!this[kMark](checked)) return false
    deliver()
    return true
  }

  /** Whether it is canceled; true at once, also for a shared token inside code that never yields. */
  get isCanceled(): boolean {
    return this[kHub].current() !== null
  }

  /** Why it was canceled; `undefined` while it is not. */
  get reason(): CancelationReason | undefined {
    return this[kHub].current() ?? undefined
  }

  /** A standard signal; made when first read. Its `reason` is the error that {@link throwIfCanceled} throws. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      // A token is meant to be shared, so many listeners are no leak.
      setMaxListeners(0, this.#controller.signal)
      if (this[kHub].current() !== null) this.#controller.abort(this.#toError())
    }
    return this.#controller.signal
  }

  /** @throws CancelationError if it is canceled */
  throwIfCanceled(): void {
    if (this[kHub].current() !== null) throw this.#toError()
  }

  /**
   * Calls `listener` when it is canceled, or at once if it is already, in the current async context. Disposing of the result
   * removes it.
   *
   * @throws TypeError `ERR_INVALID_ARG_TYPE`
   */
  onCancel(listener: (reason: CancelationReason) => unknown): Disposable {
    waitForEnd()
    if (typeof listener !== 'function') throw invalidType('listener argument', 'a function', listener)
    const subscription = new Subscription(this[kHub], inThisContext(listener))
    subscription.start()
    return subscription
  }

  /**
   * Resolves with the reason when it is canceled; never rejects. Every call returns the same promise, and a promise keeps every
   * `then` until it settles: where many calls wait for a long-lived token, use `onCancel`, or `race` of an operation.
   */
  whenCanceled(): Promise<CancelationReason> {
    return (this.#whenCanceled ??= new Promise((resolve) => {
      outsideContexts(() => this.onCancel(resolve))
    }))
  }

  /**
   * The token for other threads: post it to a worker. Canceling it in one thread cancels it in all, even in code there that
   * never yields, for operations started after `share()`.
   *
   * @example
   * const worker = new Worker('./job.js', { workerData: token.share() })
   * // In the worker:
   * const received = CancelationToken.from(workerData)
   */
  share(): SharedToken {
    const hub = this[kHub]
    if (hub.flag === undefined) {
      hub.flag = sharedFlag(this)
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
    token[kHub].flag = openShared(token, shared)
    return token
  }

  /** `CancelationToken "user" (canceled: The user left)`. */
  toString(): string {
    const { name, reason } = this
    const label = name === undefined ? 'CancelationToken' : `CancelationToken ${JSON.stringify(name)}`
    return reason === undefined ? label : `${label} (canceled: ${reason.message})`
  }

  /** For logs. */
  toJSON(): Record<string, unknown> {
    const { name, isCanceled, reason } = this
    return { name, isCanceled, reason }
  }

  /** @internal */
  [kInspect](depth: number, options: InspectOptions, inspect: Inspect): string {
    return inspectAs('CancelationToken', this.toJSON(), depth, options, inspect)
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

/** A token that is linked to others. */
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
      // Nothing depends on it yet that would be notified.
      this[kHub].reason = reason
      this[Symbol.dispose]()
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
    // It may have been removed since the mark.
    if (listener === undefined) return
    // A subscription that is kept does not keep what the listener holds.
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
  /** The token. */
  readonly token: CancelationToken

  /**
   * Makes a source of a token.
   *
   * @throws TypeError `ERR_INVALID_ARG_TYPE`
   */
  constructor(token: CancelationToken) {
    super()
    this.token = checkToken(token, 'token')
  }

  /** The name of the token, or `'token'`. */
  get name(): string {
    return this.token.name ?? 'token'
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
  // An object with only the prototype of a token has no hub.
  if (value instanceof CancelationToken && (value[kHub] as Hub | undefined) !== undefined) return value
  throw invalidType(name, `a CancelationToken${ofThisCopy(value)}`, value)
}
