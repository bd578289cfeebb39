/** Operations: work that ends when one of its sources cancels it. */
import { inThisContext } from '../base/async-context.js'
import { capture, capturedReject, capturedResolve } from '../base/capture.js'
import { callIsolated, reportError } from '../base/diagnostics.js'
import { markInstances } from '../base/copies.js'
import { invalidType, invalidValue } from '../base/errors.js'
import { ownOptions, readOptions } from '../base/options.js'
import { kContext, type OperationContext } from '../base/operation-context.js'
import { kInspect, type Inspect, type InspectOptions } from '../base/printing.js'
import { checkOrigin, fromOrigin, toReason, type CancelationReason } from '../base/reason.js'
import { waitForEnd } from '../base/safe-point.js'
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
import { Aborter } from './aborter.js'
import { runBody } from './body.js'
import { ChunkedStream, type ChunkOptions } from './chunks.js'
import { combineInto } from './combine.js'
import { Context, partialResultOf } from './context.js'
import { besideCurrent } from './current.js'
import type { Cleanup, Extras, ListenerTypes } from './extras.js'
import type { StreamSource } from './iterate.js'
import {
  cancelWith,
  checkUnused,
  connect,
  notStarted,
  raiseWatch,
  release,
  restartTimer,
  spreadFrom,
  start,
  timeOut,
} from './lifecycle.js'
import { learn } from './learned.js'
import { listen, listenThrottled, reportProgress } from './listeners.js'
import { checkFirst } from './mimic-function.js'
import { touch } from './idle.js'
import { graceExpired, startGrace, notifyCanceled } from './notify.js'
import {
  errorOf,
  extrasOf,
  kEndedAt,
  kExtras,
  kName,
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
import { addLink } from './links.js'
import { CANCELABLE_OPTIONS, configure, take, type OperationOptions, type OptionName } from './options.js'
import { isCanceled, throwIfCanceled } from './poll.js'
import { describeOperation, inspectOperation } from './print.js'
import { finishUp, givenGrace, keepPromise, leave, tasksGone } from './settle.js'
import { throttleOf, type ProgressOptions, type ProgressReport } from './progress.js'
import { checkShared, copyShared, shareOperation, type SharedOperation } from './shared-operation.js'
import { preemptible } from './region.js'
import { runAll, startTask, type AllOptions, type Started } from './scope.js'
import { shield, type ShieldOptions } from './shield.js'
import * as S from './state.js'
import { CancelableStream, type StreamOptions } from './stream.js'
import { race, sleep, yieldTurn } from './waiting.js'

/** The options of an operation, all optional. The first of its sources cancels it. */
export interface CancelableOptions extends OperationOptions {
  /**
   * Cancels it when this operation is canceled or ends. Its end waits for the child. `null` is for work that must outlive the
   * operation in whose body it starts, which matters with `tripline/context` only.
   *
   * @default none; with `tripline/context`, the operation in whose body it starts
   */
  parent?: Cancelable | null | undefined
}

/** A part of a combined operation. */
export type Combinable = Cancelable | CancelationToken | AbortSignal | CancelationSource

/** A function for `cancel.all()`. */
export type TaskFunction<T = unknown> = (cancel: Cancelable) => T | PromiseLike<T>

/** What a function for `cancel.all()` results in. */
export type TaskResult<F> = F extends TaskFunction<infer T> ? Awaited<T> : never

/** Requires the one option that a shorthand is named after. */
function required<T>(name: string, allowed: string, value: T): T {
  if (value === undefined) throw invalidType(name, allowed, value)
  return value
}

/** An operation with one option, and others beside it. */
function withOption(name: OptionName, value: unknown, options: CancelableOptions | undefined): Cancelable {
  const operation = new Cancelable()
  take(operation, name, value)
  if (options !== undefined) configure(operation, options)
  return operation
}

/**
 * One run of something that can be canceled. Single use: `run` it, or `enter` it and leave it with `using`.
 *
 * JavaScript cannot be interrupted while it awaits: a body notices a cancelation where it checks or waits through the
 * operation (`signal`, `race`, `sleep`, `yield`, `stream`, `throwIfCanceled`), and is then given a grace period of 1 s to
 * unwind. A body that does none of these is abandoned after one turn of the event loop; its later result is discarded.
 *
 * Listeners, cleanups and conditions run in the async context (`AsyncLocalStorage`) in which they were registered.
 *
 * @example
 * const result = await Cancelable.run(async (cancel) => {
 *   const response = await fetch(url, { signal: cancel.signal })
 *   return response.json()
 * }, { timeout: '5s', token, resources: { memory: 90 } })
 */
export class Cancelable implements Disposable, AsyncDisposable {
  static {
    markInstances(this)
  }

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
  [kEndedAt]: number | Promise<unknown> | undefined = undefined;
  /** @internal */
  [kNext]: Target | null = null;
  /** @internal */
  [kResolve]: ((value: unknown) => void) | null = null;
  /** @internal */
  [kReject]: Operation[typeof kReject] = null;
  /** @internal */
  [kName]: string | undefined = undefined;
  /** @internal */
  [kExtras]: Extras | null = null

  /**
   * Checks the options; nothing is armed before the start.
   *
   * @throws TypeError, RangeError (`ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`), naming the option
   */
  constructor(options?: CancelableOptions) {
    waitForEnd()
    if (options !== undefined) configure(this, options)
  }

  /**
   * Makes an operation and runs it: `new Cancelable(options).run(operation)`.
   *
   * @throws TypeError, RangeError as the constructor; all else rejects the promise, as with {@link run}
   */
  static run<T>(operation: (cancel: Cancelable) => T | PromiseLike<T>, options?: CancelableOptions): Promise<T> {
    const own = new Cancelable(options)
    own[kFlags] |= S.UNHELD
    return own.run(operation)
  }

  // The options may have the same option again: then both sources count, and the shortest of several times.

  /** An operation with the option `timeout`. @throws TypeError, RangeError as the constructor */
  static withTimeout(timeout: Duration, options?: CancelableOptions): Cancelable {
    return withOption('timeout', required('timeout', 'a duration', timeout), options)
  }
  /** An operation with the option `deadline`. @throws TypeError as the constructor */
  static withDeadline(deadline: NonNullable<CancelableOptions['deadline']>, options?: CancelableOptions): Cancelable {
    return withOption('deadline', required('deadline', 'a Date or a Temporal.Instant', deadline), options)
  }
  /** An operation with the option `token`. @throws TypeError as the constructor */
  static withToken(token: CancelationToken | readonly CancelationToken[], options?: CancelableOptions): Cancelable {
    return withOption('token', required('token', 'a CancelationToken', token), options)
  }
  /** An operation with the option `signals`; a single name will do. @throws TypeError as the constructor */
  static withSignal(signals: NodeJS.Signals | readonly NodeJS.Signals[], options?: CancelableOptions): Cancelable {
    const names = typeof signals === 'string' ? [signals] : signals
    return withOption('signals', required('signals', "an array of signal names like 'SIGINT'", names), options)
  }
  /** An operation with the option `abortSignal`. @throws TypeError as the constructor */
  static withAbortSignal(abortSignal: AbortSignal | readonly AbortSignal[], options?: CancelableOptions): Cancelable {
    return withOption('abortSignal', required('abortSignal', 'an AbortSignal', abortSignal), options)
  }
  /** An operation with the option `resources`. @throws TypeError, RangeError as the constructor */
  static withResources(resources: Limits | Guard, options?: CancelableOptions): Cancelable {
    return withOption('resources', required('resources', 'limits or a guard', resources), options)
  }
  /**
   * An operation with the option `condition`; `interval`, `name` and `onError` are those of the condition, and `name` also
   * that of the operation.
   *
   * @throws TypeError, RangeError as the constructor
   */
  static withCondition(
    check: ConditionCheck,
    options: CancelableOptions & Omit<ConditionOptions, 'check'> = {},
  ): Cancelable {
    const { interval, onError, ...rest } = ownOptions(options, [...CANCELABLE_OPTIONS, 'interval', 'onError'])
    return withOption('condition', { check, interval, onError, name: rest.name }, rest)
  }

  /**
   * An operation that is canceled when one of the parts is, or for any of their sources, which it copies as they were
   * configured; timeouts then count from its own start.
   *
   * @throws TypeError `ERR_INVALID_ARG_VALUE` without any part, `ERR_INVALID_ARG_TYPE` for a value that cannot be one
   */
  static combine(parts: Iterable<Combinable>, options?: CancelableOptions): Cancelable {
    const combined = new Cancelable(options)
    combineInto(combined, parts)
    return combined
  }
  /** An operation made of this one and the parts: `Cancelable.combine([this, ...parts])`. */
  combine(...parts: Combinable[]): Cancelable {
    return Cancelable.combine([this, ...parts])
  }

  /**
   * An operation that another thread has shared: a copy in this thread. Whatever cancels one of them, `options` included,
   * cancels the other, with the same reason; a loop that never yields sees it on either side. The progress and the partial
   * results of the copy are also those of the original. The end of the copy does not end the original; the end of the
   * original cancels the copy, as that of a parent.
   *
   * @example
   * // In the worker:
   * await Cancelable.from(workerData).run((cancel) => crunch(cancel))
   * @throws TypeError, RangeError as the constructor; TypeError `ERR_INVALID_ARG_TYPE` for anything that `share` has not
   *   returned
   */
  static from(shared: SharedOperation, options?: CancelableOptions): Cancelable {
    const copy = new Cancelable(options)
    copyShared(copy, checkShared(shared))
    return copy
  }

  /** How many bodies of this thread went on after their operation had been abandoned. */
  static get abandoned(): AbandonedCounts {
    return abandonedCounts()
  }

  // Starting and ending

  /**
   * Starts, calls `operation` with this, and settles as it does. When canceled it rejects with the {@link CancelationError}
   * as soon as the body, its children, shields and cleanups have settled, or after the grace period. The body is not called
   * if it is canceled already.
   *
   * @throws ReusedError `ERR_TRIPLINE_REUSED` on a second start; TypeError `ERR_INVALID_ARG_TYPE`
   */
  run<T>(operation: (cancel: Cancelable) => T | PromiseLike<T>): Promise<T> {
    waitForEnd()
    if (typeof operation !== 'function') throw invalidType('operation argument', 'a function', operation)
    checkUnused(this)
    const promise = new Promise<T>(capture)
    runBody(this, operation, capturedResolve, capturedReject)
    if (this[kParent] !== null) keepPromise(this, promise)
    return promise
  }

  /**
   * Starts without a body, for `using`. Leaving the block ends it: as `completed` after {@link complete}, else as `disposed`,
   * or `canceled`.
   *
   * @example
   * using cancel = new Cancelable({ timeout: '5s' }).enter()
   * for (const item of items) {
   *   cancel.throwIfCanceled()
   *   work(item)
   * }
   * cancel.complete()
   * @throws ReusedError `ERR_TRIPLINE_REUSED` on a second start; CancelationError if it is canceled already; whatever a
   *   source that cannot be armed throws
   */
  enter(): this {
    waitForEnd()
    checkUnused(this)
    start(this)
    if (this[kStatus] !== S.RUNNING) {
      const error = notStarted(this)
      this[Symbol.dispose]()
      throw error
    }
    this[kExtras]?.around?.(() => undefined)
    return this
  }

  /** Ends it, and cancels what still runs in it. Never throws: errors of cleanups are published on `tripline:error`. */
  [Symbol.dispose](): void {
    waitForEnd()
    if ((this[kFlags] & (S.ENDED | S.FINISHING)) !== 0) return
    if ((this[kFlags] & S.BODY) !== 0) {
      cancelWith(this, toReason('The operation was disposed'))
      return
    }
    leave(this, false)
  }

  /** Ends it as well, and waits for its children, shields and cleanups; a canceled one waits within its grace period. */
  async [Symbol.asyncDispose](): Promise<void> {
    if ((this[kFlags] & (S.ENDED | S.FINISHING | S.BODY)) === 0) {
      // At once, so that a parent that ends meanwhile waits for it.
      this[kFlags] |= S.FINISHING
      if (this[kReason] !== null) startGrace(this)
      await tasksGone(this)
      for (const error of await finishUp(this)) reportError(error, 'cleanup', this[kName])
      this[kFlags] &= ~S.FINISHING
    }
    this[Symbol.dispose]()
    // The cleanups of one that `complete` has ended already.
    await this[kExtras]?.leaving
  }

  /** Ends an entered operation as `completed`; without this, leaving its block ends it as `disposed`. */
  complete(): void {
    waitForEnd()
    if (this[kStatus] !== S.RUNNING || (this[kFlags] & (S.BODY | S.FINISHING)) !== 0) return
    leave(this, true)
  }

  /**
   * Cancels it and its children; the first reason counts.
   *
   * @param reason a message, an error, or a whole reason; without one, the message is `'Canceled'`
   * @returns whether it was the first, and the operation had not ended
   * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` for anything else
   */
  cancel(
    reason?: string | Error | CancelationReason,
    options?: {
      /** Whether its children are canceled too; if not, they run on until it ends. @default true */
      children?: boolean | undefined
      /** What is behind the cancelation, for the reason: a user, a service, a rule. @default none */
      by?: string | undefined
    },
  ): boolean {
    waitForEnd()
    let checked = toReason(reason)
    if (options !== undefined) {
      const { children = true, by } = readOptions(options, 'option', ['children', 'by'])
      if (typeof children !== 'boolean') throw invalidType('children', 'true or false', children)
      checked = fromOrigin(checked, checkOrigin({ by }))
      if (!children && this[kReason] === null) this[kFlags] |= S.KEEP_CHILDREN
    }
    return cancelWith(this, checked)
  }

  // Checking

  /** Whether it is canceled. True at once, also inside code that never yields: it polls deadlines and guards. */
  get isCanceled(): boolean {
    return isCanceled(this)
  }

  /**
   * Throws if it is canceled; a check takes a few nanoseconds.
   *
   * @throws CancelationError the same error as `run` rejects with
   */
  throwIfCanceled(): void {
    throwIfCanceled(this)
  }

  /** Why it was canceled; `undefined` while it is not. */
  get reason(): CancelationReason | undefined {
    return this[kReason] ?? undefined
  }

  /**
   * A standard signal, made on first use; its `reason` is the error that `run` rejects with. A listener of it that throws is
   * an uncaught exception, as with every `AbortSignal` of Node; one of `onCancel` is not.
   */
  get signal(): AbortSignal {
    const extras = extrasOf(this)
    if (extras.aborter === undefined) {
      extras.aborter = new Aborter()
      if (isCanceled(this)) extras.aborter.abort(errorOf(this), this)
    }
    return extras.aborter.signal
  }

  /** A live, read-only view of it, for logs and listeners. */
  get context(): OperationContext {
    return this[kContext]
  }

  // Waiting

  /**
   * Settles as `promise` does, or rejects when this is canceled. Unlike `Promise.race` it leaves nothing behind on a promise
   * that lives long.
   *
   * @throws CancelationError (rejection)
   */
  race<T>(promise: PromiseLike<T>): Promise<T> {
    return race(this, promise)
  }

  /**
   * Waits, and keeps the process alive meanwhile; rejects when this is canceled.
   *
   * @throws TypeError, RangeError for a bad duration; CancelationError (rejection)
   */
  sleep(duration: Duration): Promise<void> {
    return sleep(this, parseDuration(duration, 'duration argument'))
  }

  /** For long loops: lets the event loop turn once, then rejects if this is canceled. @throws CancelationError (rejection) */
  yield(): Promise<void> {
    return yieldTurn(this)
  }

  /**
   * Passes on the items of `source` until this is canceled, counts them, and always closes the source.
   *
   * @example
   * for await (const row of cancel.stream(rows, { reportEvery: 1000 })) await save(row)
   * @throws TypeError, RangeError for bad options, or a source that cannot be iterated
   */
  stream<T>(source: StreamSource<T>, options?: StreamOptions<T>): CancelableStream<T> {
    return new CancelableStream(this, source, options)
  }

  /**
   * Passes on the items in arrays of `size`; the last one may be shorter.
   *
   * @throws TypeError, RangeError for a bad size or option, or a source that cannot be iterated
   */
  chunks<T>(source: StreamSource<T>, size: number, options?: ChunkOptions<T>): ChunkedStream<T> {
    return new ChunkedStream(this, source, size, options)
  }

  /**
   * Runs a part that must not be interrupted: `operation` gets an operation of its own, which no cancelation of this one
   * reaches. It delays the end of a canceled one, and of its parents, by at most `max`, 30 s by default, and is then canceled
   * itself; afterwards the cancelation is thrown.
   *
   * @example
   * await cancel.shield(() => transaction.commit(), { max: '5s' })
   * @throws CancelationError (rejection) if this is canceled before, meanwhile, or for longer than `max`
   */
  shield<T>(operation: (cancel: Cancelable) => T | PromiseLike<T>, options?: ShieldOptions): Promise<T> {
    const inner = new Cancelable({ name: 'shield', parent: null, grace: givenGrace(this) })
    return shield(
      this,
      () => inner.run(operation),
      (max) => inner.extend(max),
      options,
    )
  }

  // Composing

  /**
   * An operation with this one as its parent.
   *
   * @throws TypeError, RangeError as the constructor; TypeError `ERR_INVALID_ARG_VALUE` if the options name another parent
   */
  child(options?: CancelableOptions): Cancelable {
    const child = new Cancelable(options)
    if ((child[kParent] ?? this) !== this || (child[kFlags] & S.PARENTLESS) !== 0) {
      throw invalidValue('parent', 'left out, because this operation is the parent', options?.parent)
    }
    child[kParent] = this
    return child
  }

  /**
   * Starts a child that this does not end before. An error of it cancels the other tasks and fails this operation, whether or
   * not the promise is awaited; a `cancel()` of the task alone does not. With the option `onChildError: 'ignore'` of this
   * operation, the error is only that of the promise.
   *
   * @example
   * await Cancelable.run(async (cancel) => {
   *   cancel.task((inner) => copy(source, { signal: inner.signal }))
   *   cancel.task((inner) => watch(inner), { timeout: '1m' })
   * })    // both have ended here
   * @throws TypeError, RangeError as the constructor
   */
  task<T>(operation: (cancel: Cancelable) => T | PromiseLike<T>, options?: CancelableOptions): Promise<T> {
    if (typeof operation !== 'function') throw invalidType('operation argument', 'a function', operation)
    const child = this.child(options)
    return startTask(this, () => ({ operation: child, promise: child.run(operation) }))
  }

  /**
   * Runs functions as children, all at once or `concurrency` at a time, and resolves to their results in the order of the
   * functions. The first error cancels the others, and rejects when they have ended; await the promise, for nothing else
   * reports that error.
   *
   * @param functions any iterable; the next one is taken when its turn comes
   * @example
   * const pages = await cancel.all(urls.map((url) => (inner) => load(url, inner.signal)), { concurrency: 4 })
   * @throws TypeError, RangeError for bad options; TypeError before anything starts for an array with anything but functions
   */
  all<F extends readonly TaskFunction[] | []>(
    functions: F,
    options?: Omit<AllOptions, 'onChildError'>,
  ): Promise<{ -readonly [K in keyof F]: TaskResult<F[K]> }>
  all<T>(functions: Iterable<TaskFunction<T>>, options?: Omit<AllOptions, 'onChildError'>): Promise<T[]>
  all<T>(functions: Iterable<TaskFunction<T>>, options: AllOptions): Promise<(T | undefined)[]>
  all(functions: Iterable<TaskFunction>, options?: AllOptions): Promise<unknown> {
    const begin = (fn: TaskFunction): Started => {
      const child = this.child()
      return { operation: child, promise: child.run(fn) }
    }
    return runAll(this, functions, begin, options)
  }

  /**
   * For pure computation only: `finally` and `catch` inside do not run when it is ended, and what it was changing stays half
   * changed. Calls `fn` and returns what it returns. When this is canceled meanwhile, by any source but a condition or a foreign
   * signal, `fn` is ended, although it never looks, and the error is thrown here. What cannot be ended early is listed in
   * docs/blocked-loop.md. Regions may nest.
   *
   * @example
   * const html = await Cancelable.run((cancel) => cancel.preemptible(() => render(template, data)), { timeout: '1s' })
   * @throws CancelationError; PreemptionUnavailableError where {@link preemption} says so; TypeError `ERR_INVALID_ARG_VALUE` for
   *   an asynchronous function; Error `ERR_INVALID_STATE` before the start; NativeMissingError; whatever `fn` throws
   */
  preemptible<T>(fn: () => T): T {
    waitForEnd()
    return preemptible(this, fn)
  }

  /** A function that calls `fn`, unless this is canceled: then it throws, or rejects if `fn` is async. @throws TypeError `ERR_INVALID_ARG_TYPE` */
  wrap<F extends (...args: never[]) => unknown>(fn: F): F {
    if (typeof fn !== 'function') throw invalidType('fn argument', 'a function', fn)
    return checkFirst(this, fn)
  }

  /**
   * Adds a source, before or after the start. One that has a reason already cancels at once.
   *
   * @throws TypeError `ERR_INVALID_ARG_TYPE`; after the start, whatever a source that cannot be armed throws
   */
  addSource(source: CancelationSource): this {
    waitForEnd()
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

  /** A sign of life, for the option `idle` of this, of its parents, and of its streams. */
  touch(): void {
    waitForEnd()
    touch(this)
  }

  /**
   * Replaces the timeout by one that counts from now; `Infinity` removes it. The timeouts of its parents stay as they are. (For
   * idle time there is the option `idle`.) After the end it changes nothing.
   *
   * @throws TypeError, RangeError for a bad duration
   */
  extend(timeout: Duration): void {
    waitForEnd()
    const ms = parseDuration(timeout, 'timeout', true)
    if (this[kStatus] > S.RUNNING) return
    this[kTimeout] = ms === Infinity ? undefined : ms
    if (this[kStatus] === S.RUNNING) restartTimer(this)
  }

  /**
   * Runs `cleanup` at the end, however the operation ends: the cleanup that was registered last runs first, and a promise is
   * waited for. After the end, it runs at once.
   *
   * @throws TypeError `ERR_INVALID_ARG_TYPE`
   */
  defer(cleanup: Cleanup): void {
    waitForEnd()
    if (typeof cleanup !== 'function') throw invalidType('cleanup argument', 'a function', cleanup)
    if ((this[kFlags] & S.ENDED) !== 0) callIsolated('cleanup', this[kName], cleanup)
    else (extrasOf(this).cleanups ??= []).push(inThisContext(besideCurrent(this, cleanup)))
  }

  /**
   * The operation for other threads: post it to a worker, and call {@link Cancelable.from} there. Progress and partial results
   * of the copies are received until this operation has ended; they must be values that can be cloned.
   *
   * @example
   * await Cancelable.run(async (cancel) => {
   *   const worker = new Worker('./job.js', { workerData: cancel.share() })
   *   await cancel.race(once(worker, 'exit'))
   * }, { timeout: '1m' })
   */
  share(): SharedOperation {
    return shareOperation(this)
  }

  // Reporting

  /**
   * The result so far, which stays after the end, however the operation ends. A value that the body has set stays until it sets
   * another one, or `undefined` for none; without one, this is the {@link PartialStream} of the latest stream.
   */
  get partialResult(): unknown {
    return partialResultOf(this)
  }
  set partialResult(value: unknown) {
    const extras = extrasOf(this)
    extras.partial = value
    extras.stream = undefined
  }

  /**
   * Calls the progress listeners of this and of its ancestors.
   *
   * @example
   * cancel.reportProgress({ done: 3, total: 10 })
   * @param progress a line for people, or numbers, from which the listeners also get the rate and the time that is left
   * @param data any further data, with a line
   * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`
   */
  reportProgress(progress: string | ProgressReport, data?: unknown): void {
    waitForEnd()
    reportProgress(this, progress, data)
  }

  /** Called at the start. @throws TypeError `ERR_INVALID_ARG_TYPE` */
  onStart(listener: ListenerTypes['start']): this {
    waitForEnd()
    listen(this, 'start', listener)
    return this
  }
  /**
   * Called with each report of progress of this and of its descendants.
   *
   * @throws TypeError, RangeError for a bad listener or option
   */
  onProgress(listener: ListenerTypes['progress'], options?: ProgressOptions): this {
    waitForEnd()
    const period = throttleOf(options)
    if (period === 0) listen(this, 'progress', listener)
    else listenThrottled(this, listener, period)
    return this
  }
  /** Called with the result when the body has fulfilled, before `run` does. @throws TypeError `ERR_INVALID_ARG_TYPE` */
  onComplete(listener: ListenerTypes['complete']): this {
    waitForEnd()
    listen(this, 'complete', listener)
    return this
  }
  /** Called when it is canceled; at once if it is canceled already. @throws TypeError `ERR_INVALID_ARG_TYPE` */
  onCancel(listener: ListenerTypes['cancel']): this {
    waitForEnd()
    listen(this, 'cancel', listener)
    learn(this)
    if ((this[kFlags] & S.NOTIFIED) !== 0) {
      callIsolated('cancel listener', this[kName], listener, this[kReason]!, this[kContext])
    }
    return this
  }
  /**
   * Called when it has ended, however it did, blocks included: after all other listeners and before `run` settles; at once
   * if it has ended already. An operation that is never started ends when it is disposed.
   *
   * @throws TypeError `ERR_INVALID_ARG_TYPE`
   */
  onSettled(listener: ListenerTypes['settled']): this {
    waitForEnd()
    listen(this, 'settled', listener)
    if ((this[kFlags] & S.ENDED) !== 0) {
      callIsolated('settled listener', this[kName], listener, this[kContext])
    }
    return this
  }
  /** Called with the error of the body, unless that was a cancelation. @throws TypeError `ERR_INVALID_ARG_TYPE` */
  onError(listener: ListenerTypes['error']): this {
    waitForEnd()
    listen(this, 'error', listener)
    return this
  }

  // Printing

  /** `Cancelable "import" (running)`. */
  toString(): string {
    return describeOperation(this)
  }

  /** For logs: the same as that of its {@link context}. */
  toJSON(): Record<string, unknown> {
    return this[kContext].toJSON()
  }

  /** @internal */
  [kInspect](depth: number, options: InspectOptions, inspect: Inspect): string {
    return inspectOperation(this, 'Cancelable', depth, options, inspect)
  }

  // For the other files of this folder

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
    notifyCanceled(this)
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
