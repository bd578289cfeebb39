/** Operations: work that ends when one of its sources says so. */
import { cancelationError, type CancelationError } from '../base/cancelation-error.js'
import { now } from '../base/clock.js'
import { callIsolated, isThenable, reportError } from '../base/diagnostics.js'
import { checkKeys, invalidType } from '../base/errors.js'
import type { Guard } from '../monitor/guard.js'
import type { Limits } from '../monitor/limits.js'
import type { OperationContext } from '../base/operation-context.js'
import { toReason, type CancelationReason } from '../base/reason.js'
import type { ConditionCheck, ConditionOptions } from '../sources/condition.js'
import type { Link } from '../engine/link.js'
import { checkSource, linkTo, type CancelationSource } from '../sources/source.js'
import type { Timed, TimerList } from '../engine/timers.js'
import type { CancelationToken } from '../sources/token.js'
import { deliver, join, type Target } from '../engine/propagation.js'
import { parseDuration, type Duration } from '../base/units.js'
import { abandonedCounts, type AbandonedCounts } from './abandoned.js'
import { ChunkedStream, type ChunkOptions } from './chunks.js'
import { combineInto, type Combinable } from './combine.js'
import { Context } from './context.js'
import { Extras, type Cleanup } from './extras.js'
import { checkFirst } from './mimic-function.js'
import type { StreamSource } from './iterate.js'
import { callAll, listen, tellProgress, type ListenerTypes } from './listeners.js'
import {
  checkUnused,
  connect,
  end,
  notStarted,
  raiseWatch,
  release,
  restartTimer,
  spreadFrom,
  start,
  timeOut,
} from './lifecycle.js'
import { poll } from './poll.js'
import { graceExpired, startGrace, tellCanceled } from './notify.js'
import { addLink, checkOptions, configure, type CancelableOptions } from './options.js'
import { cleanUp, disband, finishUp, fulfilled, neverRun, rejected } from './settle.js'
import { shield, type ShieldOptions } from './shield.js'
import * as S from './state.js'
import { CancelableStream, type StreamOptions } from './stream.js'
import { race, sleep, yieldTurn } from './waiters.js'

// What the executor of a promise was given: one function for all promises instead of a closure for each.
let capturedResolve: (value: unknown) => void
let capturedReject: (error: unknown) => void
function capture(resolve: (value: never) => void, reject: (error: unknown) => void): void {
  capturedResolve = resolve as (value: unknown) => void
  capturedReject = reject
}

/** What a shorthand is named after; left out, it would guard nothing. */
function given<T>(name: string, allowed: string, value: T): T {
  if (value === undefined) throw invalidType(name, allowed, value)
  return value
}

/**
 * One run of something that can be canceled. Single use: `run` it, or `enter` it and leave it with `using`.
 *
 * JavaScript cannot be interrupted while it awaits: the body learns of a cancelation where it looks or waits through
 * the operation (`signal`, `race`, `sleep`, `yield`, `stream`, `throwIfCanceled`). A body that does none of these is
 * given up after the grace, and goes on unheard.
 *
 * @example
 * const result = await Cancelable.run(async (cancel) => {
 *   const response = await fetch(url, { signal: cancel.signal })
 *   return response.json()
 * }, { timeout: '5s', token, resources: { memory: 90 } })
 */
export class Cancelable implements Disposable, AsyncDisposable, Target, Timed {
  // All of them here and in this order, so that every operation has one shape. What most operations do not need is in
  // the extras. Times are left undefined at first so that the field can hold any number without a box of its own.
  /** @internal */ _status: number = S.PENDING
  /** @internal */ _flags: number = 0
  /** @internal */ _reason: CancelationReason | null = null
  /** @internal */ _parent: Cancelable | null = null
  /** @internal */ _firstChild: Cancelable | null = null
  /** The first child's is the last child. @internal */
  _previousSibling: Cancelable | null = null
  /** @internal */ _nextSibling: Cancelable | null = null
  /** @internal */ _links: Link | null = null
  /** In milliseconds. @internal */
  _timeout: number | undefined = undefined
  /** @internal */ _timerList: TimerList | null = null
  /** @internal */ _timerPrev: Timed | null = null
  /** @internal */ _timerNext: Timed | null = null
  /** @internal */ _startedAt: number | undefined = undefined
  /** @internal */ _endedAt: number | undefined = undefined
  /** @internal */ _next: Target | null = null
  /** @internal */ _resolve: ((value: unknown) => void) | null = null
  /** Rejects the run; once it has, and there are no extras to keep it, the error. @internal */
  _reject: ((error: unknown) => void) | CancelationError | null = null
  /** @internal */ _extras: Extras | null = null

  /** @throws TypeError, RangeError with Node's codes for bad options; nothing is armed before the start */
  constructor(options?: CancelableOptions) {
    if (options !== undefined) configure(this, options)
  }

  /** `new Cancelable(options).run(operation)` */
  static run<T>(operation: (cancel: Cancelable) => T | PromiseLike<T>, options?: CancelableOptions): Promise<T> {
    const own = new Cancelable(options)
    own._flags = S.UNHELD
    return own.run(operation)
  }

  static withTimeout(timeout: Duration, options?: CancelableOptions): Cancelable {
    return new Cancelable({ ...options, timeout: given('timeout', 'a duration', timeout) })
  }
  static withDeadline(deadline: NonNullable<CancelableOptions['deadline']>, options?: CancelableOptions): Cancelable {
    return new Cancelable({ ...options, deadline: given('deadline', 'a Date or a Temporal.Instant', deadline) })
  }
  static withToken(token: CancelationToken, options?: CancelableOptions): Cancelable {
    return new Cancelable({ ...options, token: given('token', 'a CancelationToken', token) })
  }
  static withSignal(signals: NodeJS.Signals | readonly NodeJS.Signals[], options?: CancelableOptions): Cancelable {
    return new Cancelable({ ...options, signals: typeof signals === 'string' ? [signals] : signals })
  }
  static withAbortSignal(abortSignal: AbortSignal, options?: CancelableOptions): Cancelable {
    return new Cancelable({ ...options, abortSignal: given('abortSignal', 'an AbortSignal', abortSignal) })
  }
  static withResources(resources: Limits | Guard, options?: CancelableOptions): Cancelable {
    return new Cancelable({ ...options, resources: given('resources', 'limits or a guard', resources) })
  }
  /** `interval`, `name` and `onError` are the condition's. */
  static withCondition(
    check: ConditionCheck,
    options: CancelableOptions & Omit<ConditionOptions, 'check'> = {},
  ): Cancelable {
    const { interval, onError, ...rest } = checkOptions(options)
    const condition: ConditionOptions = { check }
    if (interval !== undefined) condition.interval = interval
    if (onError !== undefined) condition.onError = onError
    if (rest.name !== undefined) condition.name = rest.name
    return new Cancelable({ ...rest, condition })
  }

  /**
   * An operation that is canceled when one of the parts is, or for any of their sources, which it takes over as they were
   * configured; timeouts then count from its own start.
   */
  static combine(parts: Iterable<Combinable>, options?: CancelableOptions): Cancelable {
    return combineInto(new Cancelable(options), parts)
  }
  /** The same with this one as the first part. */
  combine(...parts: Combinable[]): Cancelable {
    return combineInto(new Cancelable(), [this, ...parts])
  }

  /** The account of bodies that went on after their operation had been given up. */
  static get abandoned(): AbandonedCounts {
    return abandonedCounts()
  }

  // Starting and ending

  /**
   * Starts, calls `operation` with this, and settles as it does; rejects with the {@link CancelationError} when canceled,
   * once the operation has settled, or at the later of `grace` and one turn of the event loop. An operation that is
   * canceled already is not called.
   *
   * @throws ReusedError `ERR_TRIPLINE_REUSED` on a second start; TypeError `ERR_INVALID_ARG_TYPE`
   */
  run<T>(operation: (cancel: Cancelable) => T | PromiseLike<T>): Promise<T> {
    if (typeof operation !== 'function') throw invalidType('operation', 'a function', operation)
    checkUnused(this)
    const promise = new Promise<T>(capture)
    this._run(operation, capturedResolve, capturedReject)
    return promise
  }

  /**
   * The same without a promise, for who starts thousands a second. Neither callback may throw.
   *
   * @internal
   */
  _run<T>(
    operation: (cancel: Cancelable) => T | PromiseLike<T>,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
  ): void {
    try {
      start(this)
    } catch (error) {
      reject(error)
      return
    }
    if (this._status !== S.RUNNING) {
      const error = notStarted(this)
      if ((this._flags & S.ENDED) !== 0) {
        reject(error)
        return
      }
      // A cleanup that takes its time has the grace for it.
      if (this._extras?.cleanups !== undefined) startGrace(this)
      neverRun(this, resolve, reject, error)
      return
    }
    this._resolve = resolve
    this._reject = reject
    this._flags |= S.BODY
    try {
      const result = operation(this)
      if (result instanceof Promise || isThenable(result)) {
        const settling = result instanceof Promise ? (result as Promise<T>) : Promise.resolve(result)
        settling.then(
          (value) => fulfilled(this, value),
          (error: unknown) => rejected(this, error),
        )
      } else {
        fulfilled(this, result)
      }
    } catch (error) {
      rejected(this, error)
    }
  }

  /**
   * Starts without a body, for `using`.
   *
   * @throws ReusedError `ERR_TRIPLINE_REUSED` on a second start; CancelationError if it is canceled already; whatever a
   *   source that cannot be armed throws
   */
  enter(): this {
    checkUnused(this)
    start(this)
    if (this._status !== S.RUNNING) {
      const error = notStarted(this)
      this[Symbol.dispose]()
      throw error
    }
    return this
  }

  /** Ends it: what is still running in it is canceled. What fails here is reported on `tripline:error`, never thrown. */
  [Symbol.dispose](): void {
    if ((this._flags & (S.ENDED | S.FINISHING)) !== 0) return
    if ((this._flags & S.BODY) !== 0) {
      this.cancel('The operation was disposed')
      return
    }
    if (this._firstChild !== null) disband(this)
    if (this._extras?.cleanups !== undefined) {
      this._extras.leaving = cleanUp(this).then((errors) => errors.forEach((error) => reportError(error, 'cleanup')))
      // A cleanup may have started some.
      if (this._firstChild !== null) disband(this)
    }
    end(this, this._reason === null ? S.DISPOSED : S.CANCELED)
  }

  /** The same, and waits for its children, shields and cleanups, those of a canceled one within the grace. */
  async [Symbol.asyncDispose](): Promise<void> {
    if ((this._flags & (S.ENDED | S.FINISHING | S.BODY)) === 0) {
      if (this._reason !== null) startGrace(this)
      for (const error of await finishUp(this)) reportError(error, 'cleanup')
      this._flags &= ~S.FINISHING
    }
    this[Symbol.dispose]()
    // Those of one that `complete` has ended already.
    await this._extras?.leaving
  }

  /** Says that an entered operation has done its work; without this, leaving its block makes it `disposed`. */
  complete(): void {
    if (this._status !== S.RUNNING || (this._flags & S.BODY) !== 0) return
    this[Symbol.dispose]()
    this._status = S.COMPLETED
    const listeners = this._extras?.listeners?.complete
    if (listeners !== undefined) callAll(listeners, 'complete listener', undefined, this.context)
  }

  /**
   * Cancels it and its children; the first reason counts.
   *
   * @param options `children: false` leaves the children running, until it ends
   * @returns whether it was the first, and it had not ended
   */
  cancel(reason?: string | Error | CancelationReason, options?: { children?: boolean }): boolean {
    const checked = toReason(reason)
    if (options !== undefined) checkKeys(options, 'option', ['children'])
    if (options?.children === false && this._reason === null) this._flags |= S.KEEP_CHILDREN
    if (!this._mark(checked)) return false
    deliver()
    return true
  }

  // Looking

  /** True at once, also inside code that never yields: it looks at deadlines and guards itself. Runs nobody's code. */
  get isCanceled(): boolean {
    return this._reason !== null || ((this._flags & S.WATCH) !== 0 && poll(this))
  }

  /** @throws CancelationError if it is canceled; see {@link isCanceled} */
  throwIfCanceled(): void {
    if (this._reason !== null || ((this._flags & S.WATCH) !== 0 && poll(this))) throw this._toError()
  }

  get reason(): CancelationReason | undefined {
    return this._reason ?? undefined
  }

  /**
   * A standard signal; made when first read. Its `reason` is the very error that `run` rejects with. A listener of it that
   * throws is an uncaught exception, as Node has it for every `AbortSignal`; one of `onCancel` is not.
   */
  get signal(): AbortSignal {
    const extras = this._more()
    if (extras.controller === undefined) {
      extras.controller = new AbortController()
      if (this.isCanceled) extras.controller.abort(this._toError())
    }
    return extras.controller.signal
  }

  /** A live view of it. */
  get context(): OperationContext {
    return (this._more().context ??= new Context(this))
  }

  // Waiting

  /** Settles as `promise` does, or rejects when this is canceled. Leaves nothing behind on a promise that lives long. */
  race<T>(promise: PromiseLike<T>): Promise<T> {
    return race(this, promise)
  }

  /** Waits, and keeps the process alive meanwhile; rejects when this is canceled. */
  sleep(duration: Duration): Promise<void> {
    return sleep(this, parseDuration(duration, 'duration'))
  }

  /** For long loops: lets the event loop turn, then throws if this is canceled. */
  yield(): Promise<void> {
    return yieldTurn(this)
  }

  /** Passes on what `source` yields until this is canceled, keeps count, and always closes the source. */
  stream<T>(source: StreamSource<T>, options?: StreamOptions<T>): CancelableStream<T> {
    return new CancelableStream(this, source, options)
  }

  /** The same in arrays of `size`; the last one may be shorter. */
  chunks<T>(source: StreamSource<T>, size: number, options?: ChunkOptions<T>): ChunkedStream<T> {
    return new ChunkedStream(this, source, size, options)
  }

  /**
   * Runs a part that must not be cut: `operation` gets an operation of its own, which no cancelation of this one reaches.
   * It delays the end of a canceled one by at most `max` (default 30 s). On leaving, the cancelation is thrown.
   */
  shield<T>(operation: (cancel: Cancelable) => T | PromiseLike<T>, options?: ShieldOptions): Promise<T> {
    return shield(this, new Cancelable({ name: 'shield' }), operation, options)
  }

  // Composing

  /** An operation with this as its parent. */
  child(options?: CancelableOptions): Cancelable {
    return new Cancelable({ ...(options && checkOptions(options)), parent: this })
  }

  /** `fn`, which first throws if this is canceled. */
  wrap<F extends (...args: never[]) => unknown>(fn: F): F {
    if (typeof fn !== 'function') throw invalidType('fn', 'a function', fn)
    return checkFirst(this, fn)
  }

  /** Adds a source, before or after the start. One that has its reason already cancels at once. */
  addSource(source: CancelationSource): this {
    const link = linkTo(checkSource(source, 'source'), this)
    if (this._status === S.PENDING) {
      addLink(this, link)
    } else if (this._status === S.RUNNING) {
      const reason = connect(this, link)
      if (this._status === S.RUNNING) {
        addLink(this, link)
        raiseWatch(this, link.watch)
        if (reason !== null) this.cancel(reason)
      }
    }
    return this
  }

  /** Its timeout is this far off from now on: for watchdogs and idle timeouts. Never past the parent's. */
  extend(timeout: Duration): void {
    const ms = parseDuration(timeout, 'timeout', true)
    if (this._status > S.RUNNING) return
    this._timeout = ms === Infinity ? undefined : ms
    if (this._status === S.RUNNING) restartTimer(this)
  }

  /** Runs `cleanup` on every way out, the last one first; a promise is waited for. After the end it runs at once. */
  defer(cleanup: Cleanup): void {
    if (typeof cleanup !== 'function') throw invalidType('cleanup', 'a function', cleanup)
    if ((this._flags & S.ENDED) !== 0) callIsolated('cleanup', cleanup)
    else (this._more().cleanups ??= []).push(cleanup)
  }

  // Telling

  /** What there is so far; it stays, on every way out. A stream sets it, unless the body does. */
  get partialResult(): unknown {
    const extras = this._extras
    return extras?.stream === undefined ? extras?.partial : extras.stream.partial()
  }
  set partialResult(value: unknown) {
    const extras = this._more()
    extras.partial = value
    extras.stream = undefined
  }

  /** Tells the progress listeners of this and of its ancestors. */
  reportProgress(message: string, data?: unknown): void {
    if (typeof message !== 'string') throw invalidType('message', 'a string', message)
    tellProgress(this, { operation: this.context, message, data, at: now() })
  }

  onStart(listener: ListenerTypes['start']): this {
    listen(this, 'start', listener)
    return this
  }
  onProgress(listener: ListenerTypes['progress']): this {
    listen(this, 'progress', listener)
    return this
  }
  onComplete(listener: ListenerTypes['complete']): this {
    listen(this, 'complete', listener)
    return this
  }
  /** Called in the moment of the cancelation, or at once if that has passed. */
  onCancel(listener: ListenerTypes['cancel']): this {
    listen(this, 'cancel', listener)
    if ((this._flags & S.TOLD) !== 0) callIsolated('cancel listener', listener, this._reason!, this.context)
    return this
  }
  /** Called with what the body failed with, where that was not a cancelation. */
  onError(listener: ListenerTypes['error']): this {
    listen(this, 'error', listener)
    return this
  }

  // What the rest of the layer works with

  /** @internal */
  _more(): Extras {
    return (this._extras ??= new Extras())
  }

  /** @internal */
  _toError(): CancelationError {
    if (typeof this._reject === 'object' && this._reject !== null) return this._reject
    const extras = this._more()
    return (extras.error ??= cancelationError(this._reason!, this))
  }

  /** @internal */
  _mark(reason: CancelationReason): boolean {
    if (this._status > S.RUNNING) return false
    this._reason = reason
    this._status = S.CANCELED
    release(this)
    join(this)
    return true
  }

  /** @internal */
  _spread(): void {
    spreadFrom(this)
  }

  /** @internal */
  _notify(): void {
    tellCanceled(this)
  }

  /** @internal */
  _dueAt(): number {
    const extras = this._extras
    return extras === null || Number.isNaN(extras.due) ? this._startedAt! + this._timeout! : extras.due
  }

  /** @internal */
  _expire(): void {
    if (this._reason === null) timeOut(this)
    else graceExpired(this)
  }
}
