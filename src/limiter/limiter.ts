/** Limiters: functions that run as operations, as many at the same time as the machine can take. */
import { AliveHold } from '../base/alive.js'
import { inThisContext, outsideContexts } from '../base/async-context.js'
import { capture, capturedReject, capturedResolve } from '../base/capture.js'
import { now } from '../base/clock.js'
import { callIsolated, isThenable, reportError } from '../base/diagnostics.js'
import { markInstances } from '../base/copies.js'
import { NotAdmittedError, invalidType, invalidValue } from '../base/errors.js'
import { readOptions } from '../base/options.js'
import { inspectAs, kInspect, type Inspect, type InspectOptions } from '../base/printing.js'
import { quiet } from '../base/quiet.js'
import { formatDuration } from '../base/units.js'
import { edgeCount } from '../addon/board.js'
import { Cancelable } from '../cancelable/cancelable.js'
import { elapsedOf, hasCompleted, isAbandoned, runSettling } from '../cancelable/child-run.js'
import { Timer } from '../engine/timers.js'
import type { Guard } from '../monitor/guard.js'
import { Driven, driven, type DrivenQueue, type DrivenUsage } from './drive.js'
import { FIRST_PACE, pace, type Pace } from './latency.js'
import { parseLimiter, parseRun, whileWaiting, type LimiterOptions, type LimiterRunOptions } from './options.js'
import type { LimiterSettings, RunSettings } from './options.js'
import { Guards } from './outlook.js'
import { firstState, nextCut, nextState, type PolicyState } from './policy.js'
import { PriorityQueue, type Queued } from './priority-queue.js'

/** A change of a limit. */
export interface LimitChange {
  /** The limit from now on. */
  readonly limit: number
  /** The limit before. */
  readonly previous: number
  /** The guard whose breach has lowered the limit; `undefined` if the limit grows. */
  readonly guard: Guard | undefined
}

/** The listeners of a limiter, by event. */
export interface LimiterEvents {
  /** The limit has changed. */
  change: (change: LimitChange, limiter: Limiter) => void
}

/** One that waits for a slot. */
interface Waiter extends Queued {
  admit(): void
  refuse(error: NotAdmittedError): void
}

/** Whether it is a limiter itself: a proxy has none of its private state. @internal */
export let isLimiter: (value: unknown) => value is Limiter

/** How far back `used` counts, in intervals: the one that runs and the one before. */
const USED_FOR = 2

/**
 * Runs functions as operations, at most `limit` at the same time; made by {@link limiter}. It does not keep the process alive.
 */
export class Limiter implements AsyncDisposable {
  static {
    markInstances(this)
    isLimiter = (value): value is Limiter => typeof value === 'object' && value !== null && #waiting in value
  }

  /** The option `name`. */
  readonly name: string
  /** The option `min`. */
  readonly min: number
  /** The option `max`. */
  readonly max: number
  readonly #settings: LimiterSettings
  readonly #guards: Guards
  readonly #waiting = new PriorityQueue<Waiter>()
  readonly #listeners = new Map<LimiterEvents['change'], LimiterEvents['change']>()
  readonly #driven = new Set<Driven>()
  // Nothing else may keep the process alive while all that is left to do is to wait for the limit to rise from 0.
  readonly #alive = new AliveHold()
  // Once per interval, while the limit is used.
  readonly #beat = new Timer(() => this.#onBeat(), false)
  #isBeating = false
  readonly #cutTimer = new Timer(() => this.#update(false), false)
  #state: PolicyState
  #active = 0
  // How many of these are slots of abandoned bodies, which are free after `holdAbandoned` at the latest.
  #held = 0
  #arrivals = 0
  // Counts down the intervals since all slots were in use.
  #used = 0
  #edges = 0
  #pace: Pace = FIRST_PACE
  // The time and number of the tasks that have ended since the last beat.
  #taken = 0
  #ended = 0
  #closing: Promise<void> | undefined
  #isOver: (() => void) | undefined

  /** @internal Use {@link limiter}. */
  constructor(options: LimiterOptions) {
    const settings = parseLimiter(options)
    this.#settings = settings
    this.name = settings.name
    this.min = settings.min
    this.max = settings.max
    this.#state = firstState(settings, now())
    this.#guards = new Guards(settings.resources, () => this.#update(false))
    // One that is breached already counts at once.
    this.#update(false)
  }

  /** How many may run at the same time now. */
  get limit(): number {
    return this.#state.limit
  }

  /**
   * How many run, including bodies that go on after their operation was abandoned. May be above the limit for a while after
   * that was lowered, because nothing that runs is ended for it.
   */
  get active(): number {
    return this.#active
  }

  /** How many wait for a slot. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#closing !== undefined
  }

  /**
   * Runs `fn` as an operation as soon as a slot is free, at once if one is. The promise settles as that of `Cancelable.run`.
   * A function that waits leaves the queue when its operation would be canceled, and is never called then.
   *
   * @example
   * const pages = await Promise.all(urls.map((url) =>
   *   limit.run((cancel) => fetch(url, { signal: cancel.signal }), { signal, timeout: '10s' })))
   * @throws TypeError, RangeError (`ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`) for bad options;
   *   NotAdmittedError `ERR_TRIPLINE_NOT_ADMITTED` (rejection) if it does not get a slot; CancelationError (rejection)
   */
  run<T>(fn: (cancel: Cancelable) => T | PromiseLike<T>, options?: LimiterRunOptions): Promise<T> {
    if (typeof fn !== 'function') throw invalidType('fn argument', 'a function', fn)
    const settings = parseRun(options)
    const operation = new Cancelable(settings.operation)
    if (this.#closing !== undefined) return Promise.reject(this.#refusal('closed', `${this.name} was closed`))
    // Code that never yields takes slots as well, before any listener of a guard can run.
    if (edgeCount() !== this.#edges) this.#update(false)
    if (this.#active < this.#state.limit) {
      this.#take()
      return this.#run(operation, fn)
    }
    if (settings.wait === 0) return Promise.reject(this.#tooLate(0))
    const place = this.#findPlace(settings.priority)
    if (place instanceof NotAdmittedError) return Promise.reject(place)
    const { promise, waiting } = this.#queue(settings, place)
    const result = promise.then(() => this.#run(operation, fn))
    // As with the run of a child: the end of the parent says the same.
    waiting.onCancel((reason) => {
      if (reason.kind === 'parent') quiet(result)
    })
    return result
  }

  /**
   * Sets the concurrency of a queue to the limit, now and whenever that changes: of a p-queue, of a BullMQ worker, or of anything
   * else that has a number `concurrency`; or calls a function with it. Each queue gets the whole limit, which grows while one of
   * them, or this limiter itself, uses all of it. Disposing of the result ends that, and leaves the concurrency as it is.
   *
   * @param queue a queue or worker, or a function that takes the limit
   * @param usage how many tasks the queue runs now. Only needed for a function, and for a queue that has neither a number
   *   `pending`, as p-queue, nor the events of a BullMQ worker
   * @example
   * const queue = new PQueue()
   * const limit = limiter({ min: 2, max: 64, resources: { memory: 85, cpu: 90 } })
   * limit.drive(queue)
   * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`; `ERR_INVALID_ARG_VALUE` if `min` is 0
   */
  drive(queue: DrivenQueue | ((limit: number) => void), usage?: DrivenUsage): Disposable {
    const each = driven(queue, usage)
    if (this.min === 0) throw invalidValue('min', '1 or more for a limiter that drives a queue', 0)
    if (this.#closing !== undefined) throw invalidValue('limiter', 'one that is not closed', this)
    try {
      each.set(this.limit)
    } catch (error) {
      each[Symbol.dispose]()
      throw error
    }
    this.#driven.add(each)
    this.#arm()
    return {
      [Symbol.dispose]: () => {
        this.#driven.delete(each)
        each[Symbol.dispose]()
      },
    }
  }

  /**
   * Calls `listener` whenever the limit has changed. Disposing of the result removes the listener.
   *
   * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`
   */
  on<E extends keyof LimiterEvents>(event: E, listener: LimiterEvents[E]): Disposable {
    if (event !== 'change') throw invalidValue('event argument', "'change'", event)
    if (typeof listener !== 'function') throw invalidType('listener argument', 'a function', listener)
    this.#listeners.set(listener, inThisContext(listener))
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }

  /**
   * Refuses every run from now on, and those that wait; with `drain` these still have their turn. Resolves when nothing runs any
   * more. Never rejects. A second call returns the same promise.
   *
   * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`
   */
  close(
    options: {
      /** Whether those that wait still run. @default false */
      drain?: boolean | undefined
    } = {},
  ): Promise<void> {
    const { drain = false } = readOptions(options, 'option', ['drain'])
    if (typeof drain !== 'boolean') throw invalidType('drain', 'true or false', drain)
    this.#closing ??= new Promise((resolve) => {
      this.#isOver = resolve
    })
    for (const each of this.#driven) each[Symbol.dispose]()
    this.#driven.clear()
    if (!drain) {
      for (let each = this.#waiting.take(); each !== undefined; each = this.#waiting.take()) {
        each.refuse(this.#refusal('closed', `${this.name} was closed`))
      }
    }
    this.#endIfOver()
    return this.#closing
  }

  /** The same as {@link close}, without options. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** `Limiter "limiter" (3 of 8)`. */
  toString(): string {
    return `Limiter ${JSON.stringify(this.name)} (${this.closed ? 'closed' : `${this.active} of ${this.limit}`})`
  }

  /** For logs. */
  toJSON(): Record<string, unknown> {
    const { name, limit, min, max, active, waiting, closed } = this
    return { name, limit, min, max, active, waiting, closed }
  }

  /** @internal */
  [kInspect](depth: number, options: InspectOptions, inspect: Inspect): string {
    return inspectAs('Limiter', this.toJSON(), depth, options, inspect)
  }

  // Slots

  #take(): void {
    if (++this.#active >= this.#state.limit) this.#use()
  }

  /** Runs it in a slot that was taken. */
  #run<T>(operation: Cancelable, fn: (cancel: Cancelable) => T | PromiseLike<T>): Promise<T> {
    let result: T | PromiseLike<T> | undefined
    return runSettling(
      operation,
      (cancel) => (result = fn(cancel)),
      () => {
        if (isAbandoned(operation) && isThenable(result)) {
          this.#holdFor(result)
        } else {
          // One that failed or was canceled says nothing of how long the others take.
          if (hasCompleted(operation)) {
            this.#taken += elapsedOf(operation)
            this.#ended++
          }
          this.#release()
        }
      },
    )
  }

  /** The slot of a body that goes on, although its run has settled. */
  #holdFor(body: PromiseLike<unknown>): void {
    const { holdAbandoned } = this.#settings
    const held = holdAbandoned === Infinity ? 0 : 1
    const release = (): void => {
      if (!isHeld) return
      isHeld = false
      timer.stop()
      this.#held -= held
      this.#release()
    }
    let isHeld = true
    const timer = new Timer(release, false)
    timer.start(holdAbandoned)
    body.then(release, release)
    this.#held += held
    this.#keepAlive()
  }

  #release(): void {
    this.#active--
    if (edgeCount() !== this.#edges || (this.#state.settling && this.#active <= this.#state.limit)) this.#update(false)
    this.#pump()
    this.#endIfOver()
  }

  /** Admits as many as may run. */
  #pump(): void {
    while (this.#active < this.#state.limit) {
      const next = this.#waiting.take()
      if (next === undefined) break
      this.#take()
      next.admit()
    }
    this.#keepAlive()
  }

  /** What waits still has its turn, although nothing runs that could keep the process alive until then. */
  #keepAlive(): void {
    if (this.#active === this.#held && this.#waiting.size > 0) this.#alive.hold()
    else this.#alive.release()
  }

  #endIfOver(): void {
    if (this.#isOver === undefined || this.#active > 0 || this.#waiting.size > 0) return
    this.#isOver()
    this.#isOver = undefined
    this.#beat.stop()
    this.#cutTimer.stop()
    this.#alive.release()
    this.#listeners.clear()
    this.#guards[Symbol.dispose]()
  }

  // Waiting

  /** Why nothing more may wait, or the one with a lower priority that has to make room; undefined if there is room. */
  #findPlace(priority: number): NotAdmittedError | Waiter | undefined {
    const { maxWaiting } = this.#settings
    if (this.#waiting.size < maxWaiting) return undefined
    const last = this.#waiting.last()
    return last === undefined || last.priority >= priority ? this.#refusal('full', this.#whyFull()) : last
  }

  #whyFull(): string {
    return `${this.#settings.maxWaiting} wait for ${this.name}, which is the most that may wait`
  }

  #tooLate(wait: number): NotAdmittedError {
    return this.#refusal(
      'wait',
      `no slot of ${this.name} was free${wait === 0 ? '' : ` within ${formatDuration(wait)}`}`,
    )
  }

  #refusal(kind: NotAdmittedError['kind'], why: string): NotAdmittedError {
    return new NotAdmittedError(kind, why)
  }

  /** The promise resolves when a slot was taken. `last` makes room for it, unless it is canceled already. */
  #queue(
    { priority, wait, operation }: RunSettings,
    last: Waiter | undefined,
  ): { promise: Promise<void>; waiting: Cancelable } {
    const promise = new Promise<void>(capture)
    const [resolve, reject] = [capturedResolve as () => void, capturedReject]
    // Stands in for the operation, whose time does not run yet.
    const waiting = new Cancelable(whileWaiting(operation))
    const timer = new Timer(() => {
      this.#waiting.remove(waiter)
      waiter.refuse(this.#tooLate(wait))
    }, false)
    const waiter: Waiter = {
      priority,
      number: this.#arrivals++,
      place: -1,
      admit: () => {
        timer.stop()
        waiting.complete()
        resolve()
      },
      refuse: (error) => {
        timer.stop()
        waiting[Symbol.dispose]()
        reject(error)
      },
    }
    waiting.onCancel(() => {
      this.#waiting.remove(waiter)
      timer.stop()
      reject(waiting.signal.reason)
      waiting[Symbol.dispose]()
      this.#pump()
      this.#endIfOver()
    })
    this.#waiting.add(waiter)
    try {
      waiting.enter()
    } catch (error) {
      this.#waiting.remove(waiter)
      reject(error)
      return { promise, waiting }
    }
    if (last !== undefined && this.#waiting.remove(last)) {
      last.refuse(this.#refusal('displaced', `${this.#whyFull()}, and one with a higher priority came`))
    }
    timer.start(wait)
    this.#use()
    // With a limit of 0, nothing else says that more is wanted now.
    if (this.#state.limit === 0) this.#update(true)
    this.#pump()
    return { promise, waiting }
  }

  // The limit

  /** All slots are in use. */
  #use(): void {
    this.#used = USED_FOR
    this.#arm()
  }

  #arm(): void {
    if (this.#isBeating || this.min === this.max) return
    this.#isBeating = true
    outsideContexts(() => this.#beat.start(this.#settings.interval))
  }

  #onBeat(): void {
    this.#isBeating = false
    if (this.#settings.latency) this.#pace = pace(this.#pace, this.#taken, this.#ended)
    this.#taken = 0
    this.#ended = 0
    for (const each of this.#driven) if (each.isFull(this.limit)) this.#used = USED_FOR
    this.#update(true)
    const { limit } = this.#state
    const isFull = this.#active >= limit && (limit > 0 || this.#waiting.size > 0)
    if (!isFull) this.#used = Math.max(0, this.#used - 1)
    if (this.#used > 0 || this.#driven.size > 0) this.#arm()
  }

  /** @param isBeat whether an interval is over; only then may the limit grow */
  #update(isBeat: boolean): void {
    this.#edges = edgeCount()
    const before = this.#state
    const outlook = this.#guards.outlook()
    const guard = this.#guards.takeBroken()
    const seen = {
      now: now(),
      active: this.#running(),
      used: this.#used > 0 && (guard !== undefined || (isBeat && this.#used === USED_FOR)),
      outlook,
      broke: guard !== undefined,
      slow: this.#pace.slow,
    }
    this.#state = nextState(this.#settings, before, seen)
    const due = nextCut(this.#settings, this.#state, outlook)
    if (due === Infinity) this.#cutTimer.stop()
    else outsideContexts(() => this.#cutTimer.start(Math.max(1, due - seen.now)))
    if (this.#state.limit !== before.limit) this.#changed(before.limit, guard)
  }

  /** How many run, here or in the queue that runs the most. */
  #running(): number {
    let most = this.#active
    for (const each of this.#driven) most = Math.max(most, each.running())
    return most
  }

  #changed(previous: number, guard: Guard | undefined): void {
    const { limit } = this
    for (const each of this.#driven) {
      try {
        each.set(limit)
      } catch (error) {
        reportError(error, 'driven queue', this.name)
      }
    }
    this.#pump()
    const change: LimitChange = Object.freeze({ limit, previous, guard: limit < previous ? guard : undefined })
    for (const each of Array.from(this.#listeners.values()))
      callIsolated('change listener', this.name, each, change, this)
  }
}

/**
 * Makes a limiter: its {@link Limiter.run} runs functions as operations, as many at the same time as the machine can take. The
 * limit grows step by step while the guards are clear and all slots are used, and is cut when one is breached.
 *
 * @example
 * const limit = limiter({ min: 2, max: 64, resources: [{ memory: 80 }, { 'pressure.cpu': 50 }], maxWaiting: 1000 })
 * limit.on('change', ({ limit, guard }) => console.log(`${limit} at a time`, guard?.name ?? ''))
 * await limit.run((cancel) => encode(file, { signal: cancel.signal }), { priority: 1, signal })
 * @throws TypeError, RangeError (`ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`) for bad input;
 *   MetricUnavailableError (`ERR_TRIPLINE_METRIC_UNAVAILABLE`) where this machine has no such metric and `onMissing` does not
 *   say otherwise; NativeMissingError (`ERR_TRIPLINE_NATIVE_MISSING`)
 */
export function limiter(options: LimiterOptions): Limiter {
  return new Limiter(options)
}
