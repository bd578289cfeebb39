/** This environment's connection to the sampling thread: board, delivery, and the series in use. */
import { outsideContexts } from '../base/async-context.js'
import { loadBuiltin } from '../base/builtin.js'
import { realNow } from '../base/clock.js'
import { isNode } from '../base/host.js'
import { MetricUnavailableError } from '../base/errors.js'
import { allocateCell, freeCell, hasNews, openBoard, isKnown, readCell, readCells, type Cell } from './board.js'
import { heapFigures } from './engine.js'
import { findMetric, type MetricInfo, type MetricName } from './metrics.js'
import { mountHint } from './mounts.js'
import { loadAddon, type Addon, type SamplerStats } from './native.js'
import { deliverTicks, fetchTicks } from './ticks.js'

/** Identifies a series. All defaults are filled in. */
export interface SeriesKey {
  readonly metric: MetricName
  /** Averaging window in milliseconds; 0 for levels. */
  readonly window: number
  /** The value of the selector that is a text, such as a path or a zone; empty for the default. */
  readonly name: string
  readonly pid: number
  readonly tree: boolean
}

export const kDeliver: unique symbol = Symbol('tripline.deliver')

/** Called when the sampler has an event of a guard. */
export interface Deliverable {
  [kDeliver](): void
}

let addon: Addon | undefined
// performance.now() of this environment minus the sampler's clock.
let clockOffset = 0
let comparedAt = 0
let lastRequest = 0
const series = new Map<string, Series>()
const guards = new Map<number, Deliverable>()
const requests = new Map<number, () => void>()

/** The connected addon. @throws NativeMissingError */
export function connect(): Addon {
  if (addon !== undefined) return addon
  const loaded = loadAddon()
  // For all of this thread, so outside of any async context.
  outsideContexts(() => openBoard((memory) => loaded.attach(memory, drain, isNode)))
  // Native code holds the function weakly, so that a realm that a test runner drops is not retained. The global object of
  // the realm, which goes with it, keeps the function.
  Reflect.defineProperty(globalThis, Symbol('tripline'), { value: drain, configurable: true })
  clockOffset = compareClocks(loaded)
  addon = loaded
  return addon
}

/** How far this environment's clock is ahead of the sampler's. Takes the best of several comparisons: the first are slow. */
function compareClocks(loaded: Addon): number {
  let offset = 0
  let doubt = Infinity
  for (let round = 0; round < 5; round++) {
    const before = realNow()
    const there = loaded.now()
    const after = realNow()
    if (after - before >= doubt) continue
    doubt = after - before
    offset = (before + after) / 2 - there
  }
  return offset
}

// If the offset changes by more than this, in milliseconds, one of the clocks has stopped. Comparisons are less exact than that.
const CLOCK_SLACK_MS = 20

/**
 * Corrects the offset after the machine has slept: on Windows and macOS the sampler's clock stops meanwhile, and the one of
 * `performance.now()` does not. Call it before reporting times of the sampler. It compares the clocks at most once per second.
 */
export function keepClocks(): void {
  const here = realNow()
  if (addon === undefined || here - comparedAt < 1000) return
  comparedAt = here
  if (Math.abs(here - addon.now() - clockOffset) > CLOCK_SLACK_MS) clockOffset = compareClocks(addon)
}

/** Converts a time of the sampler to the clock of `performance.now()`. */
export function toLocalTime(at: number): number {
  return at + clockOffset
}

/** Converts a time on the clock of `performance.now()` to one of the sampler. */
export function toSamplerTime(at: number): number {
  return at - clockOffset
}

/** Fetches and delivers everything that is pending. The addon calls it when there is something. */
export function drain(): void {
  const connected = connect()
  keepClocks()
  // Fetched first, so that later ones are announced again; delivered last, so that a guard can still pause their tickers.
  const ticks = fetchTicks(connected)
  if (hasNews()) drainNews(connected)
  deliverTicks(ticks)
}

function drainNews(connected: Addon): void {
  const news = connected.drain()
  // First, so that the figures do not include the listeners below.
  if (news.figures) giveFigures(connected)
  for (const request of news.answers) {
    const answered = requests.get(request)
    requests.delete(request)
    answered?.()
  }
  // A guard that a listener has closed in the meantime is no longer in the map.
  for (const id of news.guards) guards.get(id)?.[kDeliver]()
}

/** Cumulative time that the loop has spent waiting; NaN where it is not counted: Bun and Deno answer 0 forever. */
function idleTime(): number {
  const { performance: ofLoop } = loadBuiltin('node:perf_hooks')
  const { idle, active } = ofLoop.eventLoopUtilization()
  return idle === 0 && active === 0 ? NaN : idle
}

function giveFigures(connected: Addon): void {
  const { used, limit } = heapFigures()
  connected.figures(idleTime(), used, limit)
}

export function registerGuard(id: number, guard: Deliverable): void {
  guards.set(id, guard)
  for (const observer of guardObservers) observer(id, guard)
}

export function forgetGuard(id: number): void {
  if (guards.delete(id)) for (const observer of guardObservers) observer(id, undefined)
}

/** Notified of each guard that is made, by its number, and then of its end (`undefined`). Must not throw. */
export type GuardObserver = (id: number, guard: Deliverable | undefined) => void
const guardObservers = new Set<GuardObserver>()

/** Calls `observer` for all open guards, and from now on. Returns a function that ends that. */
export function observeGuards(observer: GuardObserver): () => void {
  guardObservers.add(observer)
  for (const [id, guard] of guards) observer(id, guard)
  return () => void guardObservers.delete(observer)
}

/** The open guards of this environment. */
export function openGuards(): Iterable<Deliverable> {
  return guards.values()
}

/** What the sampling thread does and costs; undefined if this environment has not used it yet. */
export function samplerStats(): SamplerStats | undefined {
  return addon?.stats()
}

/** A series in use, shared by all guards and readers of this environment that want the same one. */
export class Series {
  readonly key: SeriesKey
  readonly info: MetricInfo
  readonly subscription: number
  readonly #id: string
  readonly #cell: number
  readonly #addon: Addon
  readonly #periods: number[] = []
  #uses = 0

  private constructor(id: string, key: SeriesKey, mustExist: boolean, advice: string) {
    const { info, number } = findMetric(key.metric)!
    this.key = key
    this.info = info
    this.#id = id
    this.#addon = connect()
    this.#cell = allocateCell()
    const { name, pid, tree, window } = key
    const subscription = this.#addon.subscribe(number, name, pid, tree, window, this.#cell, mustExist)
    if (typeof subscription === 'string') {
      freeCell(this.#cell)
      const isPath = info.scope === 'path' && subscription.endsWith('(no such path)')
      throw new MetricUnavailableError(key.metric, isPath ? subscription + mountHint() : subscription, {}, advice)
    }
    this.subscription = subscription
  }

  /**
   * Returns the series of `key` and counts one more use of it.
   *
   * @param mustExist whether it is an error that this machine does not have the metric now
   * @param advice follows the message of that error
   * @throws MetricUnavailableError; NativeMissingError
   */
  static open(key: SeriesKey, mustExist: boolean, advice: string = ''): Series {
    const id = `${key.metric}|${key.window}|${key.pid}|${key.tree}|${key.name}`
    let found = series.get(id)
    if (found === undefined) {
      found = new Series(id, key, mustExist, advice)
      series.set(id, found)
      inUse = undefined
    } else if (mustExist) {
      found.#checkAvailable(advice)
    }
    found.#uses++
    return found
  }

  #checkAvailable(advice: string): void {
    const { why } = this.describe()
    if (why === '' || this.read().state !== 'unavailable') return
    throw new MetricUnavailableError(this.key.metric, why, {}, advice)
  }

  release(): void {
    if (--this.#uses > 0) return
    series.delete(this.#id)
    inUse = undefined
    this.#addon.unsubscribe(this.subscription)
    freeCell(this.#cell)
  }

  /** Requests a value at least every `period` milliseconds, but not more often than the source allows. */
  addReader(period: number): void {
    this.#periods.push(period)
    try {
      this.#setPeriod()
    } catch (error) {
      this.#periods.pop()
      throw error
    }
  }

  removeReader(period: number): void {
    // It was released, and its number may already belong to another series.
    if (this.#uses === 0) return
    this.#periods.splice(this.#periods.indexOf(period), 1)
    this.#setPeriod()
  }

  #setPeriod(): void {
    const answer = this.#addon.setPeriod(this.subscription, Math.min(...this.#periods, Infinity))
    if (answer !== true) throw new MetricUnavailableError(this.key.metric, answer)
  }

  /** The current period, the shortest that the source allows, where it is read, and why it is unavailable. */
  describe(): { period: number; minPeriod: number; origin: string; why: string } {
    return this.#addon.describe(this.subscription)
  }

  /** The newest value, from the board. */
  read(): Reading {
    readCell(this.#cell, cell)
    const { value, at } = cell
    if (at === 0) return UNKNOWN
    return { state: isKnown(value, at) ? 'known' : 'unavailable', value, at: toLocalTime(at) }
  }

  /** @internal */
  static cellsOf(list: readonly Series[]): number[] {
    return list.map((each) => each.#cell)
  }
}

const cell: Cell = { value: NaN, at: 0 }

/** One reading of a series. */
export interface Reading {
  /** `unknown`: there is no value yet, for example before the first window of a share over time is over. */
  readonly state: 'unknown' | 'known' | 'unavailable'
  /** NaN unless known. */
  readonly value: number
  /** When it was read, in milliseconds on the clock of `performance.now()`. */
  readonly at: number
}

const UNKNOWN: Reading = Object.freeze({ state: 'unknown', value: NaN, at: NaN })

/** Series with the newest value of each, and its time in milliseconds on the sampler's clock. */
export interface Values {
  readonly series: readonly Series[]
  /** A value and a time per series, to be checked with `isKnown`. */
  readonly numbers: readonly number[]
}

// All series in use, as an array that is replaced when they change and never modified.
let inUse: { series: readonly Series[]; cells: readonly number[] } | undefined

/** Reads the newest values of these series, or of all series in use in this environment, from the board. */
export function readValues(wanted?: readonly Series[]): Values {
  if (wanted !== undefined) return { series: wanted, numbers: readCells(Series.cellsOf(wanted)) }
  if (inUse === undefined) {
    const all = [...series.values()]
    inUse = { series: all, cells: Series.cellsOf(all) }
  }
  return { series: inUse.series, numbers: readCells(inUse.cells) }
}

/** Returns the number for a request to the addon; `answered` is called with the answer. */
export function newRequest(answered: () => void): number {
  requests.set(++lastRequest, answered)
  return lastRequest
}

/** Withdraws a request. */
export function forgetRequest(request: number): void {
  requests.delete(request)
}

/** Resolves once each of these has been read again. @throws MetricUnavailableError if the thread cannot be started */
export function nextReading(wanted: readonly Series[]): Promise<void> {
  const request = ++lastRequest
  const answer = connect().request(
    request,
    Uint32Array.from(wanted, (each) => each.subscription),
  )
  if (answer !== true) throw new MetricUnavailableError(wanted[0]?.key.metric ?? '', answer)
  return new Promise((resolve) => requests.set(request, resolve))
}

// In milliseconds: short enough that a source without a value yet is read as often as it allows.
const FIRST_READ_PERIOD_MS = 10

/**
 * Resolves once each of these has been read again and has a value, or is known to have none. They are read often until then,
 * so that the first window of a share is over as soon as possible, whatever the period.
 *
 * @throws MetricUnavailableError if the thread cannot be started
 */
export async function firstReading(wanted: readonly Series[]): Promise<void> {
  const reading: Series[] = []
  try {
    for (const each of wanted) {
      each.addReader(FIRST_READ_PERIOD_MS)
      reading.push(each)
    }
    await nextReading(wanted)
  } finally {
    for (const each of reading) each.removeReader(FIRST_READ_PERIOD_MS)
  }
}
