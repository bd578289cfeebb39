/** Guards: limits and conditions that the sampling thread watches together, and what follows from their breaches. */
import { inThisContext } from '../base/async-context.js'
import { AliveHold } from '../base/alive.js'
import { now } from '../base/clock.js'
import { cancelationError } from '../base/cancelation-error.js'
import { blockedChannel, breachChannel, callIsolated, clearChannel } from '../base/diagnostics.js'
import { markInstances } from '../base/copies.js'
import { MetricUnavailableError, ON_MISSING_ADVICE, invalidChoice, invalidType } from '../base/errors.js'
import { checkOptions } from '../base/options.js'
import { inspectAs, kInspect, type Inspect, type InspectOptions } from '../base/printing.js'
import { resourceReason, type Breach, type ResourceReason, type StackFrame } from '../base/reason.js'
import { startCollector, type Collector, type Evidence } from '../evidence/collector.js'
import { allocateFlag, freeFlag, readFlag } from '../addon/board.js'
import { waitForEnd } from '../base/safe-point.js'
import type { MetricName } from '../addon/metrics.js'
import { Series, connect, forgetGuard, kDeliver, registerGuard, toLocalTime, toSamplerTime } from '../addon/sampler.js'
import { blocksOf, conditionBreach, describeBreach, toBreach, withoutEvidence } from './breach.js'
import { ClearWaits } from './clear-waits.js'
import { ConditionWatch, type ParsedCondition } from './conditions.js'
import { needHeapWarning, needStacks } from './engine-needs.js'
import { parseOptions, type GuardOptions, type GuardSettings } from './guard-options.js'
import { namesOf, parseLimits, type Limits, type ParsedLimit, type ParsedLimits } from './limits.js'
import { encode, encodeForHelper } from './native-limits.js'

/**
 * The states of a guard.
 *
 * - `clear`: no limit is crossed
 * - `pending`: a limit is crossed, but not yet for as long as its `for`
 * - `breached`: a limit has been crossed for long enough
 * - `clearing`: recovered, but not yet for as long as `clearFor` or `minHold`; it still counts as breached
 * - `unavailable`: a metric went missing, so the state is unknown
 */
export type GuardState = 'clear' | 'pending' | 'breached' | 'clearing' | 'unavailable'

/** The listeners of a guard, by event. */
export interface GuardEvents {
  /** A limit has been crossed, or a condition has not held, for as long as `for` says. */
  breach: (breach: Breach, guard: Guard) => void
  /** A breach is over. */
  clear: (guard: Guard) => void
  /** A metric went missing, or the check of a condition fails. */
  unavailable: (error: MetricUnavailableError, guard: Guard) => void
  /** What was asked for as `evidence` of a breach was written, or failed. */
  evidence: (evidence: Evidence, guard: Guard) => void
}

/** Published on `tripline:breach`: a guard is breached. */
export interface BreachMessage {
  /** The guard. */
  readonly guard: Guard
  /** The evidence. */
  readonly breach: Breach
}

/** Published on `tripline:blocked`, as soon as the loop is free again: a limit with `stack: true` was crossed. */
export interface BlockedMessage {
  /** The guard; `guard.name` is its name. */
  readonly guard: Guard
  /** For how long the loop was blocked, in milliseconds. */
  readonly delay: number
  /** The evidence. */
  readonly breach: Breach
  /** That of the breach; absent if the block ended before it was known, or if the runtime does not allow it. */
  readonly stack?: readonly StackFrame[]
}

/** Published on `tripline:clear`: a breach is over. */
export interface ClearMessage {
  /** The guard. */
  readonly guard: Guard
}

/** How one limit of a guard is sampled. The period follows from `within` and from the metric's values. */
export interface Sampling {
  /** The name of the metric. */
  readonly metric: MetricName
  /** The current time between two reads, in milliseconds. */
  readonly period: number
  /** The shortest period that the source allows, in milliseconds. */
  readonly minPeriod: number
  /** The file or API that the value is read from. */
  readonly origin: string
}

// By their numbers on the board.
const STATES: readonly GuardState[] = ['clear', 'pending', 'breached', 'clearing', 'unavailable']
const EVENTS: readonly (keyof GuardEvents)[] = ['breach', 'clear', 'unavailable', 'evidence']

/** @internal */
export const kLatestReason: unique symbol = Symbol('tripline.latestReason')
/** Its place on the board. */
export const kFlag: unique symbol = Symbol('tripline.flag')
/** @internal */
export const kLimits: unique symbol = Symbol('tripline.limits')
export const kRules: unique symbol = Symbol('tripline.rules')
/** @internal */
export const kPlay: unique symbol = Symbol('tripline.play')
/** @internal */
export const kStep: unique symbol = Symbol('tripline.step')

/** @internal */
export const kTwin: unique symbol = Symbol('tripline.twin')

/** Lets tests feed guards with values of their own. @internal */
export interface Stage {
  /** Whether a guard with these limits is simulated from the start, even if the machine lacks a metric. */
  claims(limits: readonly ParsedLimit[]): boolean
  /** Such a guard was made. */
  made(guard: Guard): void
}

/** What simulates one guard. @internal */
export interface GuardPlayer {
  /** The guard was closed. */
  closed(): void
  /** A condition has changed its state, and maybe when it will change by itself. */
  stepped(): void
}

let stage: Stage | undefined

/** @internal */
export function setStage(next: Stage | undefined): void {
  stage = next
}

/** Whether it is a guard itself: a proxy, or an object with the prototype, has none of a guard's private state. @internal */
export let isGuard: (value: unknown) => value is Guard

/**
 * One or more limits that the sampling thread watches together; made by {@link guard}. It does not keep the process alive,
 * unless {@link Guard.ref} is called. Listeners run in a turn of their own; `state` and `breaches` are up to date even inside
 * code that never yields.
 */
export class Guard implements Disposable {
  static {
    markInstances(this)
  }

  /** The option `name`, or the names of its metrics and conditions. */
  readonly name: string
  /** Whether it only reports, and cancels nothing. */
  readonly dryRun: boolean
  readonly #limits: readonly ParsedLimit[]
  readonly #series: readonly Series[]
  readonly #settings: GuardSettings
  readonly #checked: readonly ParsedCondition[]
  readonly #conditions: readonly ConditionWatch[]
  /** @internal */
  readonly [kFlag]: number
  readonly #reaction: object | true | undefined
  #id: number
  #closed = false
  static {
    isGuard = (value): value is Guard => typeof value === 'object' && value !== null && #closed in value
  }
  readonly #alive = new AliveHold()
  /** Each listener bound to the async context in which it was registered, by the function itself. */
  #listeners: { [event in keyof GuardEvents]: Map<GuardEvents[event], GuardEvents[event]> } | undefined
  #waits: ClearWaits | undefined
  #controller: AbortController | undefined
  // The reason for a breach, fetched once for all operations and listeners.
  #latest: { readonly count: number; readonly reason: ResourceReason } | undefined
  // What listeners were last notified of.
  #reportedBreaches = 0
  #reportedBreached = false
  #reportedUnavailable = false
  readonly #releaseHeap: (() => void) | undefined
  // For tests: whether it is simulated, by what, and the evidence from before the simulation began or ended.
  #played = false
  #player: GuardPlayer | undefined
  readonly #collector: Collector | undefined
  #kept: readonly Breach[] = []

  /**
   * Use {@link guard}.
   *
   * @param reaction on what the sampling thread acts by itself: the handle of a command, or true for the watchdog
   * @internal
   */
  constructor(parsed: ParsedLimits, options: GuardOptions, reaction?: object | true) {
    const { limits, conditions } = parsed
    const settings = parseOptions(options)
    connect()
    this.name = settings.name ?? namesOf(parsed)
    this.dryRun = options.dryRun ?? false
    this.#limits = limits
    this.#checked = conditions
    this.#settings = settings
    this.#reaction = reaction
    this.#played = (limits.length > 0 && stage?.claims(limits)) ?? false
    if (!this.#played) needStacks(limits)
    const series: Series[] = []
    this.#series = series
    this[kFlag] = allocateFlag()
    try {
      for (const each of limits) {
        series.push(Series.open(each.series, each.onMissing === 'throw' && !this.#played, ON_MISSING_ADVICE))
      }
      this.#id = this.#add(0)
    } catch (error) {
      for (const each of series) each.release()
      freeFlag(this[kFlag])
      throw error
    }
    registerGuard(this.#id, this)
    if (!this.#played) this.#releaseHeap = needHeapWarning(limits)
    this.#conditions = conditions.map((each, index) => {
      const place = limits.length + index
      return new ConditionWatch(each, !this.#played, (value, late) => this.#stepCondition(place, value, late))
    })
    if (settings.evidence !== undefined) {
      const forHelper = this.#played ? undefined : encodeForHelper(settings, limits, series, conditions)
      this.#collector = startCollector(settings.evidence, this.name, forHelper, (found) => {
        this.#emit('evidence', found, this)
      })
    }
    if (this.#played) stage!.made(this)
    try {
      for (const each of this.#conditions) each.start()
    } catch (error) {
      this.close()
      throw error
    }
  }

  #stepCondition(place: number, value: number, late: number): boolean {
    if (!this.#played) return connect().stepCondition(this.#id, place, value, late, 0)
    // A simulated guard uses the test's clock.
    const before = this.state
    const proven = connect().stepCondition(this.#id, place, value, late, toSamplerTime(now()))
    if (this.state !== before) this.#player?.stepped()
    return proven
  }

  /** Makes the sampler watch the limits, unless the guard is simulated. Returns the guard's number there. */
  #add(breaches: number): number {
    const { all, within, interval, minHold } = this.#settings
    const limits = encode(this.#limits, this.#played ? [] : this.#series, this.#checked)
    const id = connect().addGuard(all, within, interval, minHold, this[kFlag], limits, breaches, this.#reaction)
    if (typeof id === 'number') return id
    throw new MetricUnavailableError(this.#limits[0]?.series.metric ?? this.name, id)
  }

  /** Its state, up to date even inside code that never yields. Reading it takes no native call. `'clear'` once closed. */
  get state(): GuardState {
    return this.#closed ? 'clear' : STATES[readFlag(this[kFlag]) & 7]!
  }

  /** Whether it is `breached` or `clearing`. */
  get isBreached(): boolean {
    const state = this.state
    return state === 'breached' || state === 'clearing'
  }

  /** Whether it is known to be clear, which a breached guard that has lost its metric is not. */
  get #recovered(): boolean {
    const state = this.state
    return state === 'clear' || state === 'pending'
  }

  /** How often it has been breached so far. */
  get breachCount(): number {
    return this.#closed ? this.#reportedBreaches : readFlag(this[kFlag]) >>> 3
  }

  /** The evidence of each limit that is breached now. */
  get breaches(): readonly Breach[] {
    return this.isBreached ? this.#evidence(false) : []
  }

  /** The evidence of the latest breach, also when it is over; empty before the first. */
  get latestBreaches(): readonly Breach[] {
    return this.#evidence(true)
  }

  /** What was written of the latest breach whose evidence is complete; undefined before. */
  get evidence(): Evidence | undefined {
    return this.#collector?.latest
  }

  /** How each limit on a metric is sampled now. */
  get sampling(): readonly Sampling[] {
    return this.#series.map((each) => {
      const { period, minPeriod, origin } = each.describe()
      return { metric: each.key.metric, period, minPeriod, origin }
    })
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#closed
  }

  /** `Guard "memory" (breached)`. */
  toString(): string {
    return `Guard ${JSON.stringify(this.name)} (${this.closed ? 'closed' : this.state})`
  }

  /** For logs. */
  toJSON(): Record<string, unknown> {
    const { name, state, closed, dryRun, breachCount, breaches } = this
    return { name, state: closed ? 'closed' : state, dryRun, breachCount, breaches }
  }

  /** @internal */
  [kInspect](depth: number, options: InspectOptions, inspect: Inspect): string {
    return inspectAs('Guard', this.toJSON(), depth, options, inspect)
  }

  /**
   * Calls `listener` at each breach, at the end of each, or when a metric goes missing. Several breaches within one turn of
   * the event loop are reported as one. Disposing of the result removes the listener.
   *
   * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`
   */
  on<E extends keyof GuardEvents>(event: E, listener: GuardEvents[E]): Disposable {
    waitForEnd()
    if (!EVENTS.includes(event)) throw invalidChoice('event argument', EVENTS, event)
    if (typeof listener !== 'function') throw invalidType('listener argument', 'a function', listener)
    this.#listeners ??= { breach: new Map(), clear: new Map(), unavailable: new Map(), evidence: new Map() }
    const listeners: Map<GuardEvents[E], GuardEvents[E]> = this.#listeners[event]
    listeners.set(listener, inThisContext(listener))
    return { [Symbol.dispose]: () => void listeners.delete(listener) }
  }

  /**
   * Resolves as soon as the guard is known not to be breached; rejects with the reason of `signal`, or with an `AbortError`
   * when the guard is closed. Does not keep the process alive.
   *
   * @throws TypeError `ERR_INVALID_ARG_TYPE`
   */
  whenClear(
    options: {
      /** Aborts the wait. @default none */
      signal?: AbortSignal | undefined
    } = {},
  ): Promise<void> {
    const { signal } = checkOptions(options)
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw invalidType('signal', 'an AbortSignal', signal)
    }
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error)
    if (this.#recovered) return Promise.resolve()
    return (this.#waits ??= new ClearWaits()).add(signal)
  }

  /**
   * A signal that aborts with the next breach, or is aborted while there is one; its reason is a `ResourceCancelation`. Once
   * the breach is over, this is a new signal.
   */
  get signal(): AbortSignal {
    if (this.#controller === undefined || (this.#controller.signal.aborted && !this.isBreached)) {
      this.#controller = new AbortController()
      if (this.isBreached) this.#abort()
    }
    return this.#controller.signal
  }

  /** Keeps the process alive until the guard is closed, or {@link unref} is called. */
  ref(): this {
    if (!this.#closed) this.#alive.hold()
    return this
  }

  /** Lets the process end although the guard watches, which is the default. */
  unref(): this {
    this.#alive.release()
    return this
  }

  /** Stops watching. No listener is called afterwards, and no check of a condition begins. */
  close(): void {
    waitForEnd()
    if (this.#closed) return
    this.#alive.release()
    this.#reportedBreaches = this.breachCount
    this.#closed = true
    for (const each of this.#conditions) each.stop()
    this.#player?.closed()
    this.#collector?.close()
    forgetGuard(this.#id)
    this.#releaseHeap?.()
    connect().removeGuard(this.#id)
    for (const each of this.#series) each.release()
    freeFlag(this[kFlag])
    this.#listeners = undefined
    this.#waits?.settle(new DOMException(`The guard '${this.name}' was closed`, 'AbortError'))
  }

  /** The same as {@link close}. */
  [Symbol.dispose](): void {
    this.close()
  }

  /** @internal What it watches. */
  get [kLimits](): readonly ParsedLimit[] {
    return this.#limits
  }

  /** @internal Another guard over the same, on whose edges the sampling thread acts by itself. */
  [kTwin](reaction: object | true): Guard {
    const { all, within, interval, minHold } = this.#settings
    const rate = interval === 0 ? { within } : { interval }
    const options = { ...rate, mode: all ? 'all' : 'any', minHold, name: this.name } as const
    return new Guard({ limits: this.#limits, conditions: this.#checked }, options, reaction)
  }

  /** @internal The rest of what it watches, and whether it is simulated. */
  get [kRules](): { readonly all: boolean; readonly conditions: readonly ParsedCondition[]; readonly played: boolean } {
    return { all: this.#settings.all, conditions: this.#checked, played: this.#played }
  }

  /**
   * Starts it again, either simulated by {@link kStep} or with the machine's values. Listeners are not notified before
   * {@link kDeliver} is called. The player is notified until the next call of this method. @internal
   */
  [kPlay](played: boolean, player?: GuardPlayer): void {
    this.#player = player
    if (this.#played === played || this.#closed) return
    const { breachCount } = this
    this.#kept = this.#evidence(true)
    forgetGuard(this.#id)
    connect().removeGuard(this.#id)
    this.#id = 0
    this.#played = played
    try {
      this.#id = this.#add(breachCount)
    } catch (error) {
      this.close()
      throw error
    }
    registerGuard(this.#id, this)
  }

  /**
   * Gives it a value per limit, NaN for one that is missing and Infinity for one that was not read, at a time that does not go
   * backwards. Returns when it would change by itself after that; Infinity for never. Both on the clock of
   * `performance.now()`. @internal
   */
  [kStep](at: number, values: Float64Array): number {
    return toLocalTime(connect().playGuard(this.#id, toSamplerTime(at), 0, values))
  }

  /** @internal The reason for the latest breach, shared by all operations that it cancels; there must have been a breach. */
  [kLatestReason](): ResourceReason {
    const count = this.breachCount
    if (this.#latest?.count !== count) {
      const breach = this.#evidence(true)[0] ?? withoutEvidence(this.name)
      this.#latest = { count, reason: resourceReason(this.name, breach, describeBreach(breach)) }
    }
    return this.#latest.reason
  }

  /** Notifies listeners of changes since the last notification. @internal */
  [kDeliver](): void {
    const breaches = this.breachCount
    if (breaches !== this.#reportedBreaches) {
      this.#reportedBreaches = breaches
      this.#reportedBreached = true
      const { breach } = this[kLatestReason]()
      if (breachChannel.hasSubscribers) breachChannel.publish({ guard: this, breach } satisfies BreachMessage)
      if (blockedChannel.hasSubscribers) this.#publishBlocks()
      this.#abort()
      this.#collector?.breached(breach, this.#played ? 0 : breaches)
      this.#emit('breach', breach, this)
    }
    // A listener may have closed the guard.
    if (this.#reportedBreached && !this.#closed && this.#recovered) {
      this.#reportedBreached = false
      if (clearChannel.hasSubscribers) clearChannel.publish({ guard: this } satisfies ClearMessage)
      this.#emit('clear', this)
      this.#waits?.settle()
    }
    const unavailable = this.state === 'unavailable'
    if (unavailable && !this.#reportedUnavailable) {
      this.#emit('unavailable', this.#whyUnavailable(), this)
    }
    this.#reportedUnavailable = unavailable
  }

  #publishBlocks(): void {
    for (const block of blocksOf(this.#limits, connect().evidence(this.#id), toLocalTime)) {
      blockedChannel.publish({ guard: this, ...block } satisfies BlockedMessage)
    }
  }

  #emit<E extends keyof GuardEvents>(event: E, ...args: Parameters<GuardEvents[E]>): void {
    // Over a copy: listeners come and go while they run.
    const listeners = this.#listeners?.[event].values() as Iterable<Listener<E>> | undefined
    for (const listener of Array.from(listeners ?? [])) {
      callIsolated(`${event} listener`, this.name, listener, ...args)
    }
  }

  #abort(): void {
    this.#controller?.abort(cancelationError(this[kLatestReason]()))
  }

  #whyUnavailable(): MetricUnavailableError {
    const series = this.#series.find((each) => each.read().state === 'unavailable')
    if (series !== undefined) return new MetricUnavailableError(series.key.metric, series.describe().why)
    const condition = this.#conditions.find((each) => each.lost !== undefined)
    return condition?.lost ?? new MetricUnavailableError(this.name, 'one of them was missing for a moment')
  }

  #evidence(alsoOver: boolean): Breach[] {
    if (this.#closed) return []
    const evidence = connect().evidence(this.#id)
    if (evidence.length === 0) return [...this.#kept]
    return evidence
      .filter((each) => alsoOver || each.breached)
      .map((each) => {
        const condition = this.#conditions[each.limit - this.#limits.length]
        if (condition !== undefined) return conditionBreach(condition, toLocalTime(each.since), toLocalTime(each.at))
        return toBreach(this.#limits[each.limit]!, each, toLocalTime)
      })
  }
}

type Listener<E extends keyof GuardEvents> = (...args: Parameters<GuardEvents[E]>) => void

/**
 * Watches `limits` on the sampling thread until it is closed.
 *
 * @example
 * using memory = guard({ memory: 90, 'disk.free(/data)': '1GB' }, { minHold: '10s' })
 * memory.on('breach', (breach) => console.warn(describeBreach(breach)))
 * @throws TypeError, RangeError (`ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`) for bad input;
 *   MetricUnavailableError (`ERR_TRIPLINE_METRIC_UNAVAILABLE`) where this machine has no such metric and `onMissing`
 *   does not say otherwise; NativeMissingError (`ERR_TRIPLINE_NATIVE_MISSING`)
 */
export function guard(limits: Limits, options: GuardOptions = {}): Guard {
  return new Guard(parseLimits(limits), options)
}
