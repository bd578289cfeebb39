/** Tickers: a body on a steady beat, which slows down, pauses or ends while a guard is breached. */
import { inThisContext } from '../base/async-context.js'
import { Cancelable } from '../cancelable/cancelable.js'
import { callAs } from '../cancelable/current.js'
import { CancelationError } from '../base/cancelation-error.js'
import { realNow } from '../base/clock.js'
import { callIsolated, missedChannel, reportError } from '../base/diagnostics.js'
import { invalidType, invalidValue, notStarted } from '../base/errors.js'
import { Guard } from '../monitor/guard.js'
import type { Limits } from '../monitor/limits.js'
import type { Addon } from '../addon/native.js'
import { connect, toLocalTime } from '../addon/sampler.js'
import { acquireGuard, releaseGuard } from '../monitor/shared-guards.js'
import { forgetTicker, registerTicker, takeReleased, type Ticking } from '../addon/ticks.js'
import { errorReason, type CancelationReason } from '../base/reason.js'
import { keepAlive, unref } from '../base/alive.js'
import { Backlog, type Beat } from './backlog.js'
import { Bodies, type BodyListener } from './bodies.js'
import { parseOptions, parsePeriod, type BeatOptions, type Period, type TickerSettings } from './options.js'
import { Shedding, type Sheddable } from './shedding.js'
import { TickerCounts, type TickerStats } from './stats.js'
import type { Tick, TickBody, TickerState } from './tick.js'

/** The options of a ticker, all optional. */
export interface TickerOptions extends BeatOptions {
  /**
   * Called with errors of bodies; the ticker then continues. Without it, the first error ends the ticker and rejects
   * `done`.
   */
  onError?: ((error: unknown, ticker: Ticker) => unknown) | undefined
  /** Called when it slows down, pauses, runs again, or is closed. */
  onState?: ((state: TickerState, ticker: Ticker) => unknown) | undefined
}

/** Published on `tripline:missed`: a body runs that stands for more than its own beat. */
export interface MissedMessage extends Tick {
  /** The ticker. */
  readonly ticker: Ticker
}

// The beat that is about to be delivered; each body gets its own copy.
const beat: Beat = { index: 0, due: 0, missed: 0 }

/**
 * A body on a steady beat; made by {@link every}. It keeps the process alive until it is closed, unless `unref` was called.
 */
export class Ticker implements AsyncDisposable {
  /** The option `name`. */
  readonly name: string
  /** The option `priority`. */
  readonly priority: number
  /**
   * Resolves when it has ended and its last body with it: with the reason if it was canceled. Rejects with the error of a
   * body that ended it.
   */
  readonly done: Promise<CancelationReason | undefined>

  readonly #settings: TickerSettings
  readonly #onError: TickerOptions['onError']
  readonly #onState: TickerOptions['onState']
  readonly #addon: Addon
  /** The parent of all ticks. */
  readonly #operation: Cancelable
  readonly #bodies: Bodies
  readonly #guard: Guard | undefined
  readonly #backlog: Backlog
  readonly #counts = new TickerCounts()
  readonly #finished: Promise<void>
  #finish: () => void = () => undefined
  #id = 0
  #period: number
  #state: TickerState = 'running'
  #pausedByUser = false
  #shed = false
  #ref = true
  /** The thread delivers nothing until a body has ended. */
  #held = false
  #pumping = false
  #failure: { readonly error: unknown } | undefined

  // Separate, so that the methods that the sampler, the guard and the bodies call are not part of the public class.
  readonly #ticking: Ticking
  readonly #bodyListener: BodyListener = {
    bodyOver: (elapsed) => this.#bodyOver(elapsed),
    operationOver: () => this.#goOn(),
    bodyFailed: (error) => this.#bodyFailed(error),
    cancelFailed: (error) => reportError(error, 'ticker body', this.name),
    bodyTimedOut: () => void this.#counts.timeouts++,
  }
  readonly #sheddable: Sheddable

  /** @internal Use {@link every}. */
  constructor(period: number, body: TickBody, settings: TickerSettings, { onError, onState }: TickerOptions) {
    this.#settings = settings
    this.#onError = onError && inThisContext(onError)
    this.#onState = onState && inThisContext(onState)
    this.#period = period
    this.name = settings.operation.name ?? ''
    this.priority = settings.priority
    this.#sheddable = {
      priority: settings.priority,
      shed: () => {
        this.#shed = true
        this.#adapt(0)
      },
      restore: (delay) => {
        this.#shed = false
        this.#adapt(delay)
      },
    }
    const effectivePeriod = (): number => this.#effectivePeriod()
    this.#ticking = {
      get period() {
        return effectivePeriod()
      },
      beat: (beats, index, due, interval) => this.#beat(beats, index, due, interval),
    }
    this.#backlog = new Backlog(settings.missed, settings.maxBurst)
    this.#operation = new Cancelable(settings.operation)
    this.#bodies = new Bodies(inThisContext(asTick(body)), this.#operation, settings.timeout, this.#bodyListener)
    this.#finished = new Promise((resolve) => (this.#finish = resolve))
    this.#addon = connect()
    this.#guard = openGuard(settings.guard)
    try {
      this.#start()
    } catch (error) {
      this.#releaseGuard()
      throw error
    }
    this.done = this.#finished.then(() => {
      if (this.#failure !== undefined) throw this.#failure.error
      return this.#operation.reason
    })
  }

  #start(): void {
    keepAlive()
    this.#operation.onCancel(() => this.#stop())
    try {
      this.#operation.enter()
      const { missed, realTime } = this.#settings
      const id = this.#addon.addTicker(this.#period, missed === 'delay', realTime)
      if (typeof id === 'string') throw notStarted(`The ticker cannot start: ${id}`)
      this.#id = id
    } catch (error) {
      // Canceled before it began, which is not an error. While listeners are called, its own waits for its turn.
      if (CancelationError.is(error)) return this.#stop()
      unref()
      this.#operation[Symbol.dispose]()
      throw error
    }
    registerTicker(this.#id, this.#ticking)
    if (this.#guard !== undefined) Shedding.of(this.#guard).join(this.#sheddable)
  }

  // The public face

  /**
   * Milliseconds from beat to beat, while its guard does not slow it down. A new period counts from the latest beat.
   *
   * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`; RangeError `ERR_OUT_OF_RANGE`
   */
  get period(): number {
    return this.#period
  }
  set period(value: Period) {
    this.#period = parsePeriod(value)
    // The number of a ticker that is closed names none.
    this.#addon.setTickerPeriod(this.#id, this.#effectivePeriod())
  }

  /** Whether it beats. */
  get state(): TickerState {
    return this.#state
  }

  /** Aborts when the ticker is canceled: by a token, a signal, its parent, its guard, or the error of a body. */
  get signal(): AbortSignal {
    return this.#operation.signal
  }

  /** Why it was canceled; `undefined` while it was not. */
  get reason(): CancelationReason | undefined {
    return this.#operation.reason
  }

  /** What it has done so far. */
  get stats(): TickerStats {
    const stats = this.#counts.toStats(this.#bodies.running)
    return { ...stats, missed: stats.missed + this.#backlog.uncounted }
  }

  /** Stops the beats until {@link resume}. A body that runs goes on. */
  pause(): void {
    this.#pausedByUser = true
    this.#adapt(0)
  }

  /**
   * Resumes the beats: at once if a beat has passed meanwhile, otherwise with the next one. While the guard is breached,
   * not yet.
   */
  resume(): void {
    this.#pausedByUser = false
    this.#adapt(0)
  }

  /** Keeps the process alive, which is the default. */
  ref(): this {
    if (!this.#ref && this.#state !== 'closed') keepAlive()
    this.#ref = true
    return this
  }

  /** Lets the process end although it beats. */
  unref(): this {
    if (this.#ref && this.#state !== 'closed') unref()
    this.#ref = false
    return this
  }

  /**
   * Ends it: no body starts from here on. Resolves when the body that runs has ended, so do not await it inside the body.
   * Never rejects.
   */
  close(): Promise<void> {
    this.#stop()
    return this.#finished
  }

  /** The same as {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  // Beats

  #beat(beats: number, index: number, due: number, period: number): void {
    if (!this.#isBeating()) return
    const busy = this.#bodies.running >= this.#settings.concurrency
    this.#backlog.add(beats, index, due, period, busy)
    if (busy) this.#hold()
    else this.#pump()
  }

  #isBeating(): boolean {
    return this.#state === 'running' || this.#state === 'slowed'
  }

  /** Beats that come while all bodies run are only counted, natively, and do not wake the event loop. */
  #hold(): void {
    this.#held = true
    this.#addon.holdTicker(this.#id)
  }

  /** Starts bodies for the beats that wait, as many as may run. */
  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    while (this.#bodies.running < this.#settings.concurrency && this.#isBeating() && this.#backlog.take(beat)) {
      this.#run()
    }
    this.#pumping = false
  }

  #run(): void {
    const due = toLocalTime(beat.due)
    const tick: Tick = { index: beat.index, due, late: Math.max(0, realNow() - due), missed: beat.missed }
    this.#counts.ticks++
    this.#counts.missed += tick.missed
    this.#counts.late.add(tick.late)
    if (tick.missed > 0 && missedChannel.hasSubscribers) {
      missedChannel.publish({ ticker: this, ...tick } satisfies MissedMessage)
    }
    this.#bodies.start(tick)
  }

  #bodyOver(elapsed: number): void {
    if (elapsed > this.#effectivePeriod()) this.#counts.overruns++
    if (this.#held && this.#state !== 'closed') this.#release()
    this.#goOn()
  }

  #release(): void {
    this.#held = false
    const released = takeReleased(this.#addon, this.#id)
    if (released !== undefined)
      this.#backlog.add(released.beats, released.index, released.due, this.#effectivePeriod(), true)
  }

  #goOn(): void {
    if (this.#state === 'closed') this.#finishIfOver()
    else this.#pump()
  }

  #bodyFailed(error: unknown): void {
    if (this.#onError !== undefined) {
      callIsolated('onError callback', this.name, this.#onError, error, this)
    } else if (this.#state === 'closed') {
      reportError(error, 'ticker body', this.name)
    } else {
      this.#failure = { error }
      this.#operation.cancel(errorReason(error))
    }
  }

  // Slowing down, pausing, ending

  #effectivePeriod(): number {
    return this.#state === 'slowed' ? this.#period * this.#settings.slow : this.#period
  }

  /** Enters the state that its owner and its guard require. `delay`: the earliest next beat, in milliseconds from now. */
  #adapt(delay: number): void {
    if (this.#state === 'closed') return
    const before = this.#state
    const state = this.#wantedState()
    if (state === before) return
    this.#enterState(state)
    if (state === 'paused') {
      this.#addon.pauseTicker(this.#id)
      this.#backlog.drop()
    } else {
      this.#addon.setTickerPeriod(this.#id, this.#effectivePeriod())
      if (state === 'running' || before === 'paused') this.#addon.resumeTicker(this.#id, delay)
    }
    this.#notifyState()
  }

  #wantedState(): TickerState {
    if (this.#pausedByUser) return 'paused'
    if (!this.#shed) return 'running'
    return this.#settings.slow === Infinity ? 'paused' : 'slowed'
  }

  #enterState(state: TickerState): void {
    this.#state = state
    this.#counts.paused.run(state === 'paused')
    this.#counts.slowed.run(state === 'slowed')
  }

  #notifyState(): void {
    if (this.#onState !== undefined) callIsolated('onState callback', this.name, this.#onState, this.#state, this)
  }

  #stop(): void {
    // Canceled after it was closed: it no longer waits for abandoned bodies.
    if (this.#state === 'closed') return this.#finishIfOver()
    this.#enterState('closed')
    this.#counts.end()
    this.#backlog.drop()
    if (this.#id !== 0) {
      forgetTicker(this.#id)
      this.#addon.removeTicker(this.#id)
    }
    if (this.#guard !== undefined) Shedding.of(this.#guard).leave(this.#sheddable)
    this.#releaseGuard()
    if (this.#ref) unref()
    this.#notifyState()
    this.#finishIfOver()
  }

  /** A canceled ticker does not wait for abandoned bodies, which may never end. */
  #finishIfOver(): void {
    const { running, operations } = this.#bodies
    if (operations > 0 || (running > 0 && !this.#operation.isCanceled)) return
    this.#operation[Symbol.dispose]()
    this.#finish()
  }

  #releaseGuard(): void {
    if (this.#guard !== undefined && this.#settings.guard !== this.#guard) releaseGuard(this.#guard)
  }
}

/** The body, whose operation is the current one in it, although it runs in the context in which the ticker was made. */
function asTick(body: TickBody): TickBody {
  return (cancel, tick) => callAs(cancel, body, cancel, tick)
}

function openGuard(wanted: Limits | Guard | undefined): Guard | undefined {
  if (wanted === undefined) return undefined
  if (!(wanted instanceof Guard)) return acquireGuard(wanted)
  if (wanted.closed) throw invalidValue('guard', 'a guard that is not closed', wanted)
  return wanted
}

/**
 * Calls `body` on each beat of a steady grid that a native thread keeps: it does not drift, it counts the beats that could
 * not be delivered, and at most one delivery is ever under way. The first beat comes after one period.
 *
 * @param period from 250 us to 1000 days, or `{ hz }` up to 4000
 * @throws TypeError, RangeError (`ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`) for bad input;
 *   MetricUnavailableError for a guard on a metric that this machine does not have; NativeMissingError without the addon;
 *   Error `ERR_TRIPLINE_NOT_STARTED` if the system refuses the thread that beats
 *
 * @example
 * const ticker = every({ hz: 200 }, (cancel, { due, missed }) => control(sensor.read(), due, missed), {
 *   guard: { temperature: 75 },
 *   whileBreached: { slow: 4 },
 *   signals: ['SIGTERM'],
 * })
 * await ticker.done
 */
export function every(period: Period, body: TickBody, options: TickerOptions = {}): Ticker {
  const ms = parsePeriod(period)
  if (typeof body !== 'function') throw invalidType('body argument', 'a function', body)
  return new Ticker(ms, body, parseOptions(options), options)
}
