/** Operations: work that ends when one of its sources says so. */
import { capture, capturedReject, capturedResolve } from '../base/capture.js'
import { callIsolated, reportError } from '../base/diagnostics.js'
import { checkKeys, checkOptions, invalidType } from '../base/errors.js'
import { kContext, type OperationContext } from '../base/operation-context.js'
import { toReason, type CancelationReason } from '../base/reason.js'
import { parseDuration, type Duration } from '../base/units.js'
import type { Link } from '../engine/link.js'
import { join, kMark, kNext, kNotify, kSpread, type Target } from '../engine/propagation.js'
import {
  kDueAt,
  kExpire,
  kTimerList,
  kTimerNext,
  kTimerPrevious,
  type Timed,
  type TimerList,
} from '../engine/timers.js'
import type { Guard } from '../monitor/guard.js'
import type { Limits } from '../monitor/limits.js'
import type { ConditionCheck, ConditionOptions } from '../sources/condition.js'
import { checkSource, linkTo, type CancelationSource } from '../sources/source.js'
import type { CancelationToken } from '../sources/token.js'
import { abandonedCounts, type AbandonedCounts } from './abandoned.js'
import { runBody } from './body.js'
import { ChunkedStream, type ChunkOptions } from './chunks.js'
import { combineInto } from './combine.js'
import { Context, partialResultOf } from './context.js'
import type { Cleanup, Extras, ListenerTypes } from './extras.js'
import type { StreamSource } from './iterate.js'
import {
  cancelWith,
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
import { callListeners, listen, reportProgress } from './listeners.js'
import { checkFirst } from './mimic-function.js'
import { graceExpired, startGrace, tellCanceled } from './notify.js'
import {
  errorOf,
  extrasOf,
  kEndedAt,
  kExtras,
  kFirstChild,
  kFlags,
  kLinks,
  kNextSibling,
  kParent,
  kPreviousSibling,
  kReason,
  kReject,
  kResolve,
  kStartedAt,
  kStatus,
  kTimeout,
  type Operation,
} from './operation.js'
import { addLink, configure, type OperationOptions } from './options.js'
import { isCanceled, throwIfCanceled } from './poll.js'
import { cleanUp, disband, finishUp } from './settle.js'
import { shield, type ShieldOptions } from './shield.js'
import * as S from './state.js'
import { CancelableStream, type StreamOptions } from './stream.js'
import { race, sleep, yieldTurn } from './waiting.js'

/** All optional; whichever source is first cancels. */
export interface CancelableOptions extends OperationOptions {
  /** Its cancelation and its end are this one's too. */
  parent?: Cancelable | undefined
}

/** What can be a part of a combined operation. */
export type Combinable = Cancelable | CancelationToken | AbortSignal | CancelationSource

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
export class Cancelable implements Disposable, AsyncDisposable {
  // The record, see operation.ts. All fields are here and in this order, so that every operation has one shape; times are
  // left undefined at first so that the field can hold any number without a box of its own.
  /** @internal */
  [kStatus]: number = S.PENDING;
  /** @internal */
  [kFlags]: number = 0;
  /** @internal */
  [kReason]: CancelationReason | null = null;
  /** @internal */
  [kParent]: Operation | null = null;
  /** @internal */
  [kFirstChild]: Operation | null = null;
  /** @internal */
  [kPreviousSibling]: Operation | null = null;
  /** @internal */
  [kNextSibling]: Operation | null = null;
  /** @internal */
  [kLinks]: Link | null = null;
  /** @internal */
  [kTimeout]: number | undefined = undefined;
  /** @internal */
  [kTimerList]: TimerList | null = null;
  /** @internal */
  [kTimerPrevious]: Timed | null = null;
  /** @internal */
  [kTimerNext]: Timed | null = null;
  /** @internal */
  [kStartedAt]: number | undefined = undefined;
  /** @internal */
  [kEndedAt]: number | undefined = undefined;
  /** @internal */
  [kNext]: Target | null = null;
  /** @internal */
  [kResolve]: ((value: unknown) => void) | null = null;
  /** @internal */
  [kReject]: Operation[typeof kReject] = null;
  /** @internal */
  [kExtras]: Extras | null = null

  /** @throws TypeError, RangeError with Node's codes for bad options; nothing is armed before the start */
  constructor(options?: CancelableOptions) {
    if (options !== undefined) configure(this, options)
  }

  /** `new Cancelable(options).run(operation)` */
  static run<T>(operation: (cancel: Cancelable) => T | PromiseLike<T>, options?: CancelableOptions): Promise<T> {
    const own = new Cancelable(options)
    own[kFlags] = S.UNHELD
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
    const combined = new Cancelable(options)
    combineInto(combined, parts)
    return combined
  }
  /** The same with this one as the first part. */
  combine(...parts: Combinable[]): Cancelable {
    return Cancelable.combine([this, ...parts])
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
    runBody(this, operation, capturedResolve, capturedReject)
    return promise
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
    if (this[kStatus] !== S.RUNNING) {
      const error = notStarted(this)
      this[Symbol.dispose]()
      throw error
    }
    return this
  }

  /** Ends it: what is still running in it is canceled. What fails here is reported on `tripline:error`, never thrown. */
  [Symbol.dispose](): void {
    if ((this[kFlags] & (S.ENDED | S.FINISHING)) !== 0) return
    if ((this[kFlags] & S.BODY) !== 0) {
      cancelWith(this, toReason('The operation was disposed'))
      return
    }
    if (this[kFirstChild] !== null) disband(this)
    if (this[kExtras]?.cleanups !== undefined) {
      this[kExtras].leaving = cleanUp(this).then((errors) =>
        errors.forEach((error) => reportError(error, 'cleanup', this[kExtras]?.name)),
      )
      // A cleanup may have started some.
      if (this[kFirstChild] !== null) disband(this)
    }
    end(this, this[kReason] === null ? S.DISPOSED : S.CANCELED)
  }

  /** The same, and waits for its children, shields and cleanups, those of a canceled one within the grace. */
  async [Symbol.asyncDispose](): Promise<void> {
    if ((this[kFlags] & (S.ENDED | S.FINISHING | S.BODY)) === 0) {
      if (this[kReason] !== null) startGrace(this)
      for (const error of await finishUp(this)) reportError(error, 'cleanup', this[kExtras]?.name)
      this[kFlags] &= ~S.FINISHING
    }
    this[Symbol.dispose]()
    // Those of one that `complete` has ended already.
    await this[kExtras]?.leaving
  }

  /** Says that an entered operation has done its work; without this, leaving its block makes it `disposed`. */
  complete(): void {
    if (this[kStatus] !== S.RUNNING || (this[kFlags] & S.BODY) !== 0) return
    this[Symbol.dispose]()
    this[kStatus] = S.COMPLETED
    if (this[kExtras]?.listeners !== undefined) callListeners(this, 'complete', undefined, this[kContext])
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
    if (options?.children === false && this[kReason] === null) this[kFlags] |= S.KEEP_CHILDREN
    return cancelWith(this, checked)
  }

  // Looking

  /** True at once, also inside code that never yields: it looks at deadlines and guards itself. Runs nobody's code. */
  get isCanceled(): boolean {
    return isCanceled(this)
  }

  /** @throws CancelationError if it is canceled; see {@link isCanceled} */
  throwIfCanceled(): void {
    throwIfCanceled(this)
  }

  get reason(): CancelationReason | undefined {
    return this[kReason] ?? undefined
  }

  /**
   * A standard signal; made when first read. Its `reason` is the very error that `run` rejects with. A listener of it that
   * throws is an uncaught exception, as Node has it for every `AbortSignal`; one of `onCancel` is not.
   */
  get signal(): AbortSignal {
    const extras = extrasOf(this)
    if (extras.controller === undefined) {
      extras.controller = new AbortController()
      if (isCanceled(this)) extras.controller.abort(errorOf(this))
    }
    return extras.controller.signal
  }

  /** A live view of it. */
  get context(): OperationContext {
    return this[kContext]
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
    const inner = new Cancelable({ name: 'shield' })
    return shield(
      this,
      () => inner.run(operation),
      (max) => inner.extend(max),
      options,
    )
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
    if (this[kStatus] === S.PENDING) {
      addLink(this, link)
    } else if (this[kStatus] === S.RUNNING) {
      const reason = connect(this, link)
      if (this[kStatus] === S.RUNNING) {
        addLink(this, link)
        raiseWatch(this, link.watch)
        if (reason !== null) cancelWith(this, reason)
      }
    }
    return this
  }

  /** Its timeout is this far off from now on: for watchdogs and idle timeouts. Never past the parent's. */
  extend(timeout: Duration): void {
    const ms = parseDuration(timeout, 'timeout', true)
    if (this[kStatus] > S.RUNNING) return
    this[kTimeout] = ms === Infinity ? undefined : ms
    if (this[kStatus] === S.RUNNING) restartTimer(this)
  }

  /** Runs `cleanup` on every way out, the last one first; a promise is waited for. After the end it runs at once. */
  defer(cleanup: Cleanup): void {
    if (typeof cleanup !== 'function') throw invalidType('cleanup', 'a function', cleanup)
    if ((this[kFlags] & S.ENDED) !== 0) callIsolated('cleanup', this[kExtras]?.name, cleanup)
    else (extrasOf(this).cleanups ??= []).push(cleanup)
  }

  // Telling

  /** What there is so far; it stays, on every way out. A stream sets it, unless the body does. */
  get partialResult(): unknown {
    return partialResultOf(this)
  }
  set partialResult(value: unknown) {
    const extras = extrasOf(this)
    extras.partial = value
    extras.stream = undefined
  }

  /** Tells the progress listeners of this and of its ancestors. */
  reportProgress(message: string, data?: unknown): void {
    if (typeof message !== 'string') throw invalidType('message', 'a string', message)
    reportProgress(this, message, data)
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
    if ((this[kFlags] & S.NOTIFIED) !== 0) {
      callIsolated('cancel listener', this[kExtras]?.name, listener, this[kReason]!, this[kContext])
    }
    return this
  }
  /** Called with what the body failed with, where that was not a cancelation. */
  onError(listener: ListenerTypes['error']): this {
    listen(this, 'error', listener)
    return this
  }

  // What the other files of this folder work with

  /** @internal */
  get [kContext](): OperationContext {
    return (extrasOf(this).context ??= new Context(this))
  }

  /** @internal */
  [kMark](reason: CancelationReason): boolean {
    if (this[kStatus] > S.RUNNING) return false
    this[kReason] = reason
    this[kStatus] = S.CANCELED
    release(this)
    join(this)
    return true
  }

  /** @internal */
  [kSpread](): void {
    spreadFrom(this)
  }

  /** @internal */
  [kNotify](): void {
    tellCanceled(this)
  }

  /** @internal */
  [kDueAt](): number {
    const extras = this[kExtras]
    return extras === null || Number.isNaN(extras.due) ? this[kStartedAt]! + this[kTimeout]! : extras.due
  }

  /** @internal */
  [kExpire](): void {
    if (this[kReason] === null) timeOut(this)
    else graceExpired(this)
  }
}
