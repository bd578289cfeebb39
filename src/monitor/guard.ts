/** Guards: limits that are watched together, with evidence of their breaches. */
import { inThisContext } from '../base/async-context.js'
import { AliveHold } from '../base/alive.js'
import { now, realNow } from '../base/clock.js'
import { describeFrame, topFrame } from '../base/frames.js'
import { cancelationError } from '../base/cancelation-error.js'
import { blockedChannel, breachChannel, callIsolated, clearChannel } from '../base/diagnostics.js'
import { markInstances } from '../base/copies.js'
import { MetricUnavailableError, invalidType, invalidValue } from '../base/errors.js'
import { checkOptions, readOptions } from '../base/options.js'
import { printable } from '../base/printable.js'
import { inspectAs, kInspect, type Inspect, type InspectOptions } from '../base/printing.js'
import { messageOf, resourceReason, type Breach, type ResourceReason, type StackFrame } from '../base/reason.js'
import { formatDuration, formatPair, parseDuration, parsePeriod, type Duration } from '../base/units.js'
import { startCollector, type Collector, type Evidence } from '../evidence/collector.js'
import { parseEvidence, type EvidenceFolder, type EvidenceKind, type EvidenceSettings } from '../evidence/options.js'
import { holdHeapWatch, isOfHeap, releaseHeapWatch } from '../addon/engine.js'
import { allocateFlag, freeFlag, readFlag } from '../addon/board.js'
import { ConditionWatch, type ParsedCondition } from './conditions.js'
import { namesOf, parseLimits, type Limits, type ParsedLimit, type ParsedLimits } from './limits.js'
import type { MetricName } from '../addon/metrics.js'
import { toFrames, watchStacks } from '../addon/stacks.js'
import type { NativeEvidence } from '../addon/native.js'
import { Series, connect, forgetGuard, kDeliver, registerGuard, toLocalTime, toSamplerTime } from '../addon/sampler.js'

/** The options of a guard, all optional. */
export interface GuardOptions {
  /**
   * The longest time until a crossing is noticed, if the source of the metric allows it. A share over time that is far from
   * its line is read less often, because its mean cannot reach the line any sooner. @default 100 ms
   */
  within?: Duration | undefined
  /** A fixed time between reads instead of the adaptive one; not together with `within`. @default none */
  interval?: Duration | undefined
  /** Whether it is breached while any limit is, or only while all limits are. @default 'any' */
  mode?: 'any' | 'all' | undefined
  /** How long a breach lasts at least. @default 0 */
  minHold?: Duration | undefined
  /** Whether it only watches and reports, and cancels nothing. @default false */
  dryRun?: boolean | undefined
  /**
   * What to write to `evidenceFolder` when it is breached: `stack`, `profile`, `snapshot`, `report`. The event `evidence`
   * follows with the names of the files. @default nothing
   */
  evidence?: readonly EvidenceKind[] | undefined
  /** The folder for the evidence, which must exist; an object also has the bounds of what is kept there. @default none */
  evidenceFolder?: string | EvidenceFolder | undefined
  /** Its name in reasons, messages and diagnostics. @default the names of its metrics and conditions */
  name?: string | undefined
}

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
/** Stands in for the subscription of a condition, which has no series. */
const NO_SERIES = 2 ** 32 - 1
const ON_MISSING_CODES = { throw: 0, ignore: 1, breach: 2 } as const
const OPTION_KEYS = ['within', 'interval', 'mode', 'minHold', 'dryRun', 'evidence', 'evidenceFolder', 'name']
const EVENTS: readonly (keyof GuardEvents)[] = ['breach', 'clear', 'unavailable', 'evidence']

const DEFAULT_WITHIN = 100
/** The unit that marks the breach of a condition. */
const CONDITION = 'condition'

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
  #waiting: Set<Waiting> | undefined
  #controller: AbortController | undefined
  // The reason for a breach, fetched once for all operations and listeners.
  #latest: { readonly count: number; readonly reason: ResourceReason } | undefined
  // What listeners were last notified of.
  #reportedBreaches = 0
  #reportedBreached = false
  #reportedUnavailable = false
  // For tests: whether it is simulated, what to call when it is closed, and the evidence from before the simulation began or ended.
  #played = false
  #watchesHeap = false
  #playEnds: (() => void) | undefined
  readonly #collector: Collector | undefined
  #latestEvidence: Evidence | undefined
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
    // Without it, evidence has no stack.
    if (!this.#played && limits.some((each) => each.stack)) watchStacks()
    const series: Series[] = []
    this.#series = series
    this[kFlag] = allocateFlag()
    try {
      for (const each of limits) series.push(Series.open(each.series, each.onMissing === 'throw' && !this.#played))
      this.#id = this.#add(0)
    } catch (error) {
      for (const each of series) each.release()
      freeFlag(this[kFlag])
      throw error
    }
    registerGuard(this.#id, this)
    this.#watchesHeap = !this.#played && limits.some(({ series: { metric } }) => isOfHeap(metric))
    if (this.#watchesHeap) holdHeapWatch()
    this.#conditions = conditions.map((each, index) => {
      const place = limits.length + index
      return new ConditionWatch(each, !this.#played, (value, late) => this.#stepCondition(place, value, late))
    })
    if (settings.evidence !== undefined) this.#collector = this.#startCollector(settings.evidence)
    if (this.#played) stage!.made(this)
    try {
      for (const each of this.#conditions) each.start()
    } catch (error) {
      this.close()
      throw error
    }
  }

  #stepCondition(place: number, value: number, late: number): boolean {
    // A simulated guard uses the test's clock.
    return connect().stepCondition(this.#id, place, value, late, this.#played ? toSamplerTime(now()) : 0)
  }

  #startCollector(evidence: EvidenceSettings): Collector {
    const { all, within, interval, minHold } = this.#settings
    // Only JavaScript of this thread can check conditions.
    const watched = !this.#played && this.#checked.length === 0
    const ofLoop = this.#limits.some(({ info }) => info.scope === 'environment')
    // Stacks are taken for this guard.
    const alike = this.#limits.map((each) => ({ ...each, stack: false }))
    const limits = encode(alike, this.#series)
    const rehearsed = watched && ofLoop ? { all, within, interval, minHold, limits } : undefined
    return startCollector(evidence, this.name, rehearsed, (found) => {
      if (this.#closed) return
      this.#latestEvidence = found
      this.#emit('evidence', found, this)
    })
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
    return this.#latestEvidence
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
    if (!EVENTS.includes(event)) throw invalidValue('event', "'breach', 'clear', 'unavailable' or 'evidence'", event)
    if (typeof listener !== 'function') throw invalidType('listener', 'a function', listener)
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
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#waiting!.delete(waiting)
        reject(signal!.reason as Error)
      }
      const waiting: Waiting = {
        settle: (error) => {
          signal?.removeEventListener('abort', abort)
          if (error === undefined) resolve()
          else reject(error)
        },
      }
      signal?.addEventListener('abort', abort, { once: true })
      this.#waiting ??= new Set()
      this.#waiting.add(waiting)
    })
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
    if (this.#closed) return
    this.#alive.release()
    this.#reportedBreaches = this.breachCount
    this.#closed = true
    for (const each of this.#conditions) each.stop()
    this.#playEnds?.()
    this.#collector?.close()
    forgetGuard(this.#id)
    if (this.#watchesHeap) releaseHeapWatch()
    connect().removeGuard(this.#id)
    for (const each of this.#series) each.release()
    freeFlag(this[kFlag])
    this.#listeners = undefined
    this.#settleWaiting(new DOMException(`The guard '${this.name}' was closed`, 'AbortError'))
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
   * {@link kDeliver} is called. If it is closed before the next call of this method, `closed` is called. @internal
   */
  [kPlay](played: boolean, closed?: () => void): void {
    this.#playEnds = closed
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
      this.#settleWaiting()
    }
    const unavailable = this.state === 'unavailable'
    if (unavailable && !this.#reportedUnavailable) {
      this.#emit('unavailable', this.#whyUnavailable(), this)
    }
    this.#reportedUnavailable = unavailable
  }

  #publishBlocks(): void {
    for (const each of connect().evidence(this.#id)) {
      const limit = this.#limits[each.limit]
      if (limit?.stack !== true) continue
      const breach = toBreach(limit, each, toLocalTime)
      const { value, stack } = breach
      const message = { guard: this, delay: each.blocked ?? value, breach, ...(stack && { stack }) }
      blockedChannel.publish(message satisfies BlockedMessage)
    }
  }

  #emit<E extends keyof GuardEvents>(event: E, ...args: Parameters<GuardEvents[E]>): void {
    // Over a copy: listeners come and go while they run.
    const listeners = this.#listeners?.[event].values() as Iterable<Listener<E>> | undefined
    for (const listener of Array.from(listeners ?? [])) {
      callIsolated(`${event} listener`, this.name, listener, ...args)
    }
  }

  #settleWaiting(error?: Error): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    for (const each of waiting ?? []) each.settle(error)
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

/** The evidence of one limit as users see it. @internal */
export function toBreach(
  { info, direction, enter }: ParsedLimit,
  evidence: NativeEvidence,
  toTime: (at: number) => number,
): Breach {
  return Object.freeze({
    metric: info.name,
    value: evidence.value,
    limit: enter,
    direction,
    unit: info.unit,
    since: toTime(evidence.since),
    at: toTime(evidence.at),
    origin: evidence.origin,
    recent: Object.freeze(evidence.recent),
    ...(evidence.stack && { stack: toFrames(evidence.stack) }),
  })
}

function conditionBreach({ name, proof }: ConditionWatch, since: number, at: number): Breach {
  const recent = Object.freeze([proof.value])
  const fixed = { metric: name, limit: 1, direction: 'below', unit: CONDITION, origin: 'check', recent } as const
  return Object.freeze({ ...fixed, ...proof, since, at })
}

/** For a guard that was closed after its breach: reading `isCanceled` must not throw. */
function withoutEvidence(name: string): Breach {
  const at = realNow()
  return { metric: name, value: NaN, limit: NaN, direction: 'above', unit: '', since: at, at, origin: '', recent: [] }
}

type Listener<E extends keyof GuardEvents> = (...args: Parameters<GuardEvents[E]>) => void

interface Waiting {
  settle(error?: Error): void
}

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

/**
 * Describes a breach in one line: `'memory 93.1% > 90.0% for 1.2s'`, `'database has failed for 10s: connect ECONNREFUSED'`,
 * `'eventLoop.delay 512ms > 500ms in render (/app/page.js:12:7)'`. A stack yields its topmost function that belongs neither to
 * Node nor to this library.
 */
export function describeBreach(breach: Breach): string {
  const { metric, unit, direction, since, at } = breach
  if (unit === CONDITION) return describeCondition(breach)
  if (Number.isNaN(breach.value)) return `${metric} is missing`
  const [value, limit] = formatPair(breach.value, breach.limit, unit)
  const lasted = at > since ? ` for ${formatDuration(at - since)}` : ''
  const frame = breach.stack && topFrame(breach.stack)
  const place = frame === undefined ? '' : ` in ${printable(describeFrame(frame))}`
  return `${metric} ${value} ${direction === 'above' ? '>' : '<'} ${limit}${lasted}${place}`
}

function describeCondition({ metric, since, at, ...proof }: Breach): string {
  const lasted = at > since ? ` has failed for ${formatDuration(at - since)}` : ' failed'
  const why = 'error' in proof ? `: ${printable(messageOf(proof.error))}` : ''
  return `${metric}${lasted}${why}`
}

/** The options of a guard, checked; times in milliseconds. @internal */
export interface GuardSettings {
  readonly all: boolean
  readonly within: number
  /** 0 for none. */
  readonly interval: number
  readonly minHold: number
  readonly name: string | undefined
  readonly evidence: EvidenceSettings | undefined
}

/** @internal */
export function parseOptions(options: GuardOptions): GuardSettings {
  readOptions(options, 'guard option', OPTION_KEYS)
  const { within, interval, mode = 'any', minHold, dryRun, evidence, evidenceFolder, name } = options
  if (within !== undefined && interval !== undefined) {
    throw invalidValue('interval', "left out where 'within' is given", interval)
  }
  if (mode !== 'any' && mode !== 'all') throw invalidValue('mode', "'any' or 'all'", mode)
  if (dryRun !== undefined && typeof dryRun !== 'boolean') throw invalidType('dryRun', 'true or false', dryRun)
  if (name !== undefined && typeof name !== 'string') throw invalidType('name', 'a string', name)
  return {
    all: mode === 'all',
    within: parsePeriod(within ?? DEFAULT_WITHIN, 'within'),
    interval: interval === undefined ? 0 : parsePeriod(interval, 'interval'),
    minHold: minHold === undefined ? 0 : parseDuration(minHold, 'minHold'),
    name,
    evidence:
      evidence === undefined && evidenceFolder === undefined ? undefined : parseEvidence(evidence, evidenceFolder),
  }
}

/** Limits in the form that the addon takes; without a series, the guard is simulated. @internal */
export function encode(
  limits: readonly ParsedLimit[],
  series: readonly Series[],
  conditions: readonly ParsedCondition[] = [],
): Float64Array {
  return Float64Array.from([
    ...limits.flatMap((each, index) => [
      series[index]?.subscription ?? 0,
      each.direction === 'above' ? 1 : 0,
      each.enter,
      each.exit,
      each.for,
      each.clearFor,
      ON_MISSING_CODES[each.onMissing],
      each.stack ? 1 : 0,
    ]),
    // 1, a condition that does not hold, is beyond the line, and 0 is not.
    ...conditions.flatMap((each) => [
      NO_SERIES,
      1,
      0.5,
      0.5,
      each.for,
      each.clearFor,
      ON_MISSING_CODES[each.onMissing],
      0,
    ]),
  ])
}
