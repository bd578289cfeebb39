/** The only file that loads the addon. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve, toNamespacedPath } from 'node:path'
import { ADDON_NAMED, AddonFileError, NOT_COPIED, NativeMissingError } from '../base/errors.js'
import { packageRoot } from '../base/package.js'
import { elfProblem } from './library-file.js'
import { METRIC_NAMES } from './metrics.js'

/** What a call answers that could not do what it was asked: why, for a person. */
export type NativeError = string

export interface NativeEvidence {
  /** Place of the limit among the guard's. */
  readonly limit: number
  readonly value: number
  readonly since: number
  readonly at: number
  readonly origin: string
  readonly recent: readonly number[]
  /** Whether the limit is breached still. */
  readonly breached: boolean
}

/** What the sampler does and costs. */
export interface SamplerStats {
  /** Whether the thread runs: only while it has something to do. */
  readonly running: boolean
  /** How often it woke up. */
  readonly wakeups: number
  /** How often the kernel reported a change: pressure triggers, cgroup events. Each only made the next read earlier. */
  readonly rings: number
  /** How often it read a source. */
  readonly reads: number
  /** CPU time of the thread in milliseconds, updated every 16 wake-ups. */
  readonly cpu: number
  /** The factor by which adaptive periods are lengthened now, to keep the cost low; 1 is not at all. */
  readonly stretch: number
  /** Guards of this process that are open. */
  readonly guards: number
  /** Their limits. */
  readonly limits: number
  /** Series that are sampled: metrics with their selectors and windows. */
  readonly series: number
  /** Tickers of this process that are open. */
  readonly tickers: number
  /** By how much the kernel may delay the thread's wake-ups to merge them with others, in milliseconds; 0 if unknown. */
  readonly timerSlack: number
  /** The thread's time slice in milliseconds: the shorter, the sooner it runs among others; 0 if unknown. */
  readonly slice: number
  /** Whether the thread has real-time scheduling (SCHED_FIFO). */
  readonly realTime: boolean
  /**
   * Whether what the thread needs of this library is locked in memory, so that it is never reclaimed: code, stack, board.
   * Only where the system allows it (Linux: RLIMIT_MEMLOCK), and while the thread runs.
   */
  readonly memoryLocked: boolean
  /** Human-readable reason why it is not; empty where it is. */
  readonly memoryLockedWhy: string
}

/** An event of a command; `gone` and `lost` are the last. */
export interface CommandEvent {
  readonly kind: 'exited' | 'idle' | 'gone' | 'lost'
  /** `exited`: its status, where it did not die of a signal. */
  readonly code: number
  /** `exited`: the number of the signal that it died of; 0 for none. */
  readonly signal: number
  /** How many processes had to be ended; of them, how many could not be. */
  readonly ended: number
  readonly left: number
  /** Whether some had to be killed. */
  readonly killed: boolean
  /** CPU time of all processes that were reaped, in milliseconds. */
  readonly cpu: number
}

/** A command that runs. */
export interface NativeCommand {
  readonly handle: object
  readonly pid: number
  /** The root of the command's tree for `process.*`; not counted itself. */
  readonly root: number
  /** The control group that holds the tree together; empty without one. */
  readonly group: string
}

/** Why a command does not run. */
export interface CommandRefusal {
  readonly kind: 'not-found' | 'not-executable' | 'unsupported' | 'other'
  readonly why: string
}

/**
 * The addon's functions; `native/node/addon.cc` implements them. Times are milliseconds on the sampler's clock. Arguments
 * must be right: they are not checked again.
 */
export interface Addon {
  /**
   * Hands over the board, which is held, at first together with the function to call when there is something to drain,
   * which is not: the environment ends when it was collected.
   */
  attach(board: Buffer, deliver: () => void): void
  subscribe(
    metric: number,
    name: string,
    pid: number,
    tree: boolean,
    window: number,
    cell: number,
    mustExist: boolean,
  ): number | NativeError
  unsubscribe(subscription: number): void
  setPeriod(subscription: number, period: number): true | NativeError
  describe(subscription: number): { period: number; minPeriod: number; origin: string; why: string }
  /** Whether the kernel would push this metric here; tries it. */
  canPush(metric: number): true | NativeError
  request(request: number, subscriptions: Uint32Array): true | NativeError
  addGuard(
    all: boolean,
    within: number,
    interval: number,
    minHold: number,
    flag: number,
    limits: Float64Array,
    /** How often it has breached already. */
    breaches: number,
  ): number | NativeError
  removeGuard(guard: number): void
  /**
   * For a guard whose limits have no subscription (0), which knows no machine and no clock: gives it a value per limit, NaN
   * for a read that failed and Infinity for none. `now` may not go backwards; `gap` milliseconds before it were not observed.
   * Returns when the guard would change by itself after `now`; Infinity for never.
   */
  playGuard(guard: number, now: number, gap: number, values: Float64Array): number
  /**
   * The outcome of a condition's check: 1 where it does not hold, 0 where it does, NaN where that is unknown; `late`
   * milliseconds before it there was no check that was due. `at` is 0 for now, another time
   * where the guard is played. Whether that is the proof of a breach.
   */
  stepCondition(guard: number, limit: number, value: number, late: number, at: number): boolean
  evidence(guard: number): NativeEvidence[]
  drain(): { guards: number[]; answers: number[]; beat: boolean }
  /** A sign of life: how long the loop has been idle in all, in milliseconds; the heap and its limit, in bytes. */
  beat(idle: number, heapUsed: number, heapLimit: number): void
  now(): number
  stats(): SamplerStats
  /** The names of the metrics, in the order of `native/port/metrics.def`. */
  metrics(): readonly string[]
  /** Beats every `period`, the first after one. With `delay`, a beat delivered late moves those that follow. */
  addTicker(period: number, delay: boolean, realTime: boolean): number | NativeError
  removeTicker(ticker: number): void
  setTickerPeriod(ticker: number, period: number): void
  pauseTicker(ticker: number): void
  /** Beats go on, none of them before `earliest` from now. */
  resumeTicker(ticker: number, earliest: number): void
  /** No deliveries until it is released. */
  holdTicker(ticker: number): void
  /** Writes the beats that passed meanwhile as one tick; how many it wrote, 0 or 1. */
  releaseTicker(ticker: number, ticks: Float64Array): number
  /** Writes ticks of 4 numbers each: ticker, beats, index and due time of the last of them. How many it wrote. */
  takeTicks(ticks: Float64Array): number
  /** Writes down the newest values of the series every `interval`. */
  addRecorder(interval: number, batch: number, subscriptions: Uint32Array): number | NativeError
  removeRecorder(recorder: number): void
  /** Fills `block` column by column; how many beats it lacks. -1 where `request` is answered once there is a block. */
  takeBlock(recorder: number, request: number, block: Float64Array): number
  /**
   * Starts a command. Lists are one text each, divided by NUL, with one character for each byte. Numbers: stdin, stdout, stderr (-1 is the null device),
   * foreground, end signal, `killAfter` and `idle` in milliseconds, more descriptors that it gets. Keeps the process alive until the last event.
   */
  startCommand(
    files: string,
    args: string,
    environment: string,
    directory: string,
    marker: string,
    numbers: Float64Array,
    report: (event: CommandEvent) => void,
  ): NativeCommand | CommandRefusal
  signalCommand(handle: object, signal: number): void
  endCommand(handle: object, signal: number, killAfter: number): void
  pauseCommand(handle: object, pause: boolean): void
  /** Waits for orphans that fell to this process because it is process 1. */
  reapAdopted(): void
  /** Whether a process, not the terminal, has sent this signal since the last call. The first call starts recording. */
  takeSent(signal: number): boolean
}

let addon: Addon | undefined

/**
 * The addon, loaded with the first call: the file that the environment variable `TRIPLINE_ADDON` names, else from `build/`
 * in a checkout and from `prebuilds/` in an installed package.
 *
 * @throws NativeMissingError `ERR_TRIPLINE_NATIVE_MISSING`
 */
export function loadAddon(): Addon {
  if (addon !== undefined) return addon
  try {
    return (addon = findAndLoad())
  } catch (error) {
    throw new NativeMissingError(`${process.platform}-${process.arch}`, error)
  }
}

function findAndLoad(): Addon {
  const named = process.env['TRIPLINE_ADDON'] ?? ''
  const file = named === '' ? findInPackage() : resolve(named)
  try {
    return load(file)
  } catch (error) {
    throw named === ''
      ? error
      : new AddonFileError(`TRIPLINE_ADDON names ${(error as Error).message}`, ADDON_NAMED, error)
  }
}

/** @throws Error where the package is bundled or incomplete */
function findInPackage(): string {
  const folder = packageRoot()
  // Required here and not imported above: it takes several milliseconds, which only users of resources should pay.
  const loader = createRequire(import.meta.url)('node-gyp-build') as { resolve: (folder: string) => string }
  try {
    return loader.resolve(folder)
  } catch (error) {
    // An installed package always has this folder; copies by file tracers may lack it.
    if (existsSync(join(folder, 'prebuilds'))) throw error
    const why = `the folder ${join(folder, 'prebuilds')} was not copied with the package`
    throw new AddonFileError(why, NOT_COPIED, error)
  }
}

function load(file: string): Addon {
  const problem = existsSync(file) ? elfProblem(file) : 'there is no such file'
  if (problem !== undefined) throw new Error(`${file}: ${problem}`)
  // Not required: the module cache hands out one instance. Where this code runs twice (test runners that begin anew with
  // every file, modules that are loaded again when they change), the second would take the board and the news of the first.
  const module: { exports: Partial<Addon> } = { exports: {} }
  process.dlopen(module, toNamespacedPath(file))
  const { exports } = module
  if (!hasTable(exports)) throw new Error(`${file}: built from other sources than this version's`)
  return exports
}

/** Metrics go by number between here and there, so an addon of another version would quietly mean others. */
function hasTable(loaded: Partial<Addon>): loaded is Addon {
  const theirs = loaded.metrics?.() ?? []
  return theirs.length === METRIC_NAMES.length && METRIC_NAMES.every((name, number) => theirs[number] === name)
}
