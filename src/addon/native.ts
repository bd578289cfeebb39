/** The only file that loads the addon. */
import { existsSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve, toNamespacedPath } from 'node:path'
import { ADDON_NAMED, AddonFileError, NOT_COPIED, NativeMissingError } from '../base/errors.js'
import { packageRoot } from '../base/package.js'
import { CONTRACT } from './contract.js'
import type { StackFrame } from '../base/reason.js'
import { elfProblem } from './library-file.js'
import { ROWS } from './metrics-table.js'

/** The result of a call that failed: a human-readable reason. */
export type NativeError = string

export interface NativeEvidence {
  /** The index of the limit in its guard. */
  readonly limit: number
  readonly value: number
  readonly since: number
  readonly at: number
  readonly origin: string
  readonly recent: readonly number[]
  /** Whether the limit is still breached. */
  readonly breached: boolean
  /** For a blocked event loop: for how long it has been or was blocked, in milliseconds; absent if that is not known. */
  readonly blocked?: number
  /** For a blocked event loop whose limit wants it: the stack, if it was taken. */
  readonly stack?: readonly StackFrame[]
}

/** What the sampler does and costs. */
export interface SamplerStats {
  /** Whether the thread is running, which it does only while it has something to do. */
  readonly running: boolean
  /** How often it woke up. */
  readonly wakeups: number
  /** How often the kernel reported a change (pressure triggers, cgroup events), which only moves the next read forward. */
  readonly rings: number
  /** How often it read a source. */
  readonly reads: number
  /** CPU time of the thread in milliseconds, updated every 16 wake-ups. */
  readonly cpu: number
  /** The current factor by which adaptive periods are lengthened to limit the cost; 1 means not at all. */
  readonly stretch: number
  /** Guards of this process that are open. */
  readonly guards: number
  /** The limits of these guards. */
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
   * Whether the thread's part of this library is locked in memory, so that it is never reclaimed: code, stack, board.
   * Only if the system allows it (Linux: RLIMIT_MEMLOCK), and while the thread runs.
   */
  readonly memoryLocked: boolean
  /** Human-readable reason why it is not; empty where it is. */
  readonly memoryLockedWhy: string
}

/**
 * The kinds of events of a command, by their numbers. `timeout`, `idle` and `limit`: the tree is being ended for that, and
 * nothing had ended it before; in a dry run, `idle` is only a report. `failed`: the command could not be started. `failed`,
 * `gone` or `lost` is the last event.
 */
export const COMMAND_EVENTS = [
  'started',
  'failed',
  'timeout',
  'idle',
  'limit',
  'paused',
  'resumed',
  'exited',
  'gone',
  'lost',
] as const

/**
 * An event of a command: the index of its kind in {@link COMMAND_EVENTS}; how many milliseconds ago it happened; its process
 * id; the exit status and the number of the signal that killed it (0 for none; `exited`); how many processes had to be ended,
 * how many of these could not be, whether some had to be killed (1), and the CPU time of all processes that were reaped, in
 * milliseconds (`gone`, `lost`); the index of why it was not started in {@link REFUSALS} (`failed`).
 */
export type CommandEvent = readonly [
  kind: number,
  age: number,
  pid: number,
  code: number,
  signal: number,
  ended: number,
  left: number,
  killed: number,
  cpu: number,
  refused: number,
]

/** Why a command could not be started, by number. */
export const REFUSALS = ['other', 'not-found', 'not-executable', 'unsupported', 'other'] as const

/** A command that waits for `goCommand`. */
export interface NativeCommand {
  readonly handle: object
  /** The root of the command's tree for `process.*`. The root itself does not count. */
  readonly root: number
}

/** The reason why a command could not be started. */
export interface CommandRefusal {
  /** Its index in {@link REFUSALS}. */
  readonly refused: number
  readonly why: string
}

/**
 * The addon's functions, implemented in `native/node/`. Times are milliseconds on the sampler's clock. Arguments must be
 * valid, because native code does not check them.
 */
export interface Addon {
  /**
   * Hands over the board, which the addon holds. The first call also passes the function to call when there is
   * something to drain. The addon does not hold that one: the environment ends once it is collected. `onLibuv`: whether the
   * event loop is one of libuv.
   */
  attach(board: Buffer, deliver: () => void, onLibuv: boolean): void
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
  /** Tries whether the kernel can push this metric on this machine. */
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
    /** What acts on its edges: the handle of a command that it ends or pauses, or true for the watchdog. */
    reaction?: object | true,
  ): number | NativeError
  removeGuard(guard: number): void
  /** Lets limits have the stack of what blocks the loop of this thread. `probe` is a function that loops for a while. */
  watchStacks(probe: () => unknown): true | NativeError
  /**
   * For a simulated guard, whose limits have no subscription (0): gives it one value per limit, NaN for a failed read
   * and Infinity for no value. `now` must not go backwards; nothing was observed in the `gap` milliseconds before it.
   * Returns when the guard would change by itself after `now`; Infinity if it would not.
   */
  playGuard(guard: number, now: number, gap: number, values: Float64Array): number
  /**
   * Passes on the outcome of a condition's check: 0 if the condition holds, 1 if not, NaN if unknown. The check began
   * `late` milliseconds after it was due. `at` is 0 for now; only a simulated guard has another time. Returns whether
   * this outcome is the evidence of a breach.
   */
  stepCondition(guard: number, limit: number, value: number, late: number, at: number): boolean
  evidence(guard: number): NativeEvidence[]
  /** `figures`: whether the sampler waits for a call of that name. */
  drain(): { guards: number[]; answers: number[]; figures: boolean }
  /** The total idle time of the loop in milliseconds, NaN where it is not counted; the used heap and its limit in bytes. */
  figures(idle: number, heapUsed: number, heapLimit: number): void
  now(): number
  stats(): SamplerStats
  /** The interface that the addon was built for, as a number; contract.ts has this version's. */
  readonly contract: number
  /** The names of the metrics, in the order of `native/port/metrics.def`. */
  metrics(): readonly string[]
  /** Beats every `period`, first after one period. With `delay`, a beat that is delivered late shifts the following ones. */
  addTicker(period: number, delay: boolean, realTime: boolean): number | NativeError
  removeTicker(ticker: number): void
  setTickerPeriod(ticker: number, period: number): void
  pauseTicker(ticker: number): void
  /** Resumes the beats; none comes earlier than `earliest` from now. */
  resumeTicker(ticker: number, earliest: number): void
  /** Stops deliveries until the ticker is released. */
  holdTicker(ticker: number): void
  /** Writes the beats that passed meanwhile as one tick. Returns the number of ticks written, 0 or 1. */
  releaseTicker(ticker: number, ticks: Float64Array): number
  /** Writes ticks of 4 numbers each: ticker, beats, and index and due time of the last beat. Returns how many. */
  takeTicks(ticks: Float64Array): number
  /** Records the newest values of the series every `interval`. */
  addRecorder(interval: number, batch: number, subscriptions: Uint32Array): number | NativeError
  removeRecorder(recorder: number): void
  /** Fills `block` by columns and returns the number of missed rows, or -1: then `request` is answered when a block is ready. */
  takeBlock(recorder: number, request: number, block: Float64Array): number
  /**
   * Creates a file with the content `image`, and writes a row of the series' newest values to it every `interval`. A `slow`
   * file is written on a helper thread. `src/record/format.ts` has the layout.
   */
  addFlightLog(
    file: string,
    image: Buffer,
    interval: number,
    subscriptions: Uint32Array,
    slow: boolean,
  ): number | NativeError
  /** Adds a note to a ring: 0 states, 1 entries, 2 lines. */
  noteFlightLog(log: number, ring: number, kind: number, number: number, a: number, b: number, text: string): void
  /** Why the last write failed; empty if none did. */
  flightLogFailure(log: number): string
  /**
   * Makes the addon write to the file which signal ends this process, for signals without a handler. To be called again when the
   * last listener of a signal is removed.
   */
  noteSignals(log: number): void
  removeFlightLog(log: number): void
  /** Hands over the table of operations, which the addon holds. Called once per environment. */
  attachOperations(table: Buffer): void
  /**
   * Makes everything that a command needs, so that limits can watch it from its first instruction. Each list is one string,
   * separated by NUL, with one character per byte. `numbers`: stdin, stdout, stderr (-1 is the null device), 1 for foreground
   * plus 2 for keep, end signal, `killAfter` and `idle` in milliseconds, the soft limit on open files (0: unchanged), what a
   * breach does (its index in {@link ON_BREACH_CODES}), then pairs of a further descriptor and its number in the command. An
   * environment's `LISTEN_PID=?` with room for a number becomes the command's process id. `place`: the control group in which
   * its own is made. Keeps the process alive until the last event.
   */
  prepareCommand(
    files: string,
    args: string,
    environment: string,
    directory: string,
    marker: string,
    numbers: Float64Array,
    /** `text`: the control group that holds the tree together, empty without one; for `failed`, why. */
    report: (event: CommandEvent, text: string) => void,
    place: string,
  ): NativeCommand | CommandRefusal
  /** Runs it. After `timeout` milliseconds its tree is ended. The event `started` or `failed` follows. */
  goCommand(handle: object, timeout: number): void
  /**
   * Opens a pipe to a command: it reads (0), writes (1), or both (2). Writes two descriptors: the end of this process and that
   * of the command.
   */
  openPipe(use: number, ends: Int32Array): true | NativeError
  /** Closes an end. Deno's `closeSync` takes only descriptors that it has opened itself. Does nothing on Windows. */
  closePipe(end: number): void
  signalCommand(handle: object, signal: number): void
  /** Before `goCommand`, it is never run. Returns whether a limit or its clock had ended it before: their event follows. */
  endCommand(handle: object, signal: number, killAfter: number): boolean
  /** Pauses it in addition to what its limits do; the clock of its timeout too, unless `clockGoesOn`. */
  pauseCommand(handle: object, pause: boolean, clockGoesOn: boolean): void
  /** Reaps orphans that this process has adopted as process 1. */
  reapAdopted(): void
  /** Whether a process, and not the terminal, has sent this signal since the last call. The first call starts recording. */
  takeSent(signal: number): boolean
  /**
   * Locks an open file without waiting, exclusively or shared. Returns whether it has the lock, which ends when the
   * descriptor is closed, also by the death of the process. Always false on Windows.
   */
  lockFile(fd: number, shared: boolean): boolean
  /**
   * Whether the functions of V8 that interrupt and end JavaScript can be called in this runtime, and behave. `probe` loops for
   * a while and returns a number; it is called twice, and ended early once. `path` and `url`: the folder with the library's
   * own code, which a region is never ended in; each ends in a slash.
   */
  testEngine(probe: () => number, path: string, url: string): true | NativeError
  /**
   * Calls `fn` and returns what it returns, unless a word of the board says that it was ended, or why it was not called. It
   * is to end at `due`, Infinity for never; or, with `tests`, as soon as all tests of one term are true. Tests are four
   * numbers each, see `native/node/addon_engine.cc`. Always called from the same place in one function of this library.
   */
  region<T>(fn: () => T, due: number, tests?: Float64Array, arrays?: readonly Int32Array[]): T
  /** Replaces the tests of a region of this environment, by its number from the outermost one. */
  watchRegion(depth: number, tests: Float64Array, arrays: readonly Int32Array[]): void
  /** Ends a region. */
  orderRegion(depth: number): void
  /** Node's function that takes the topmost id off its stack of async ids; false once that is empty. */
  asyncContextPop(): ((id: number) => boolean) | undefined
  /**
   * Whether limits on the heap are to be judged when V8 is about to run out of it. With `collect`, V8 collects garbage before.
   * Returns whether V8 was given room since the last call.
   */
  watchHeap(on: boolean, collect: boolean): boolean
  /** How many of these signals have arrived; -1 where they cannot be counted. */
  signalsReceived(signal: number): number
  /**
   * Makes the one watchdog of this process. `address` is that of the service manager's socket, NUL included; empty for none.
   * Returns an errno, 0, or {@link WATCHDOG_TAKEN}.
   */
  openWatchdog(address: string): number
  /**
   * Begins to feed, at once and then every `interval`: the service manager if `notify` is set, and the open device unless it
   * is -1. The addon closes the device, by the magic close, with the watchdog or its environment.
   */
  startWatchdog(interval: number, notify: boolean, device: number): true | NativeError
  /** Sends one datagram to the service manager; returns an errno or 0. While `hold` is set, nothing is fed. */
  notifyManager(text: string, hold: boolean): number
  closeWatchdog(): void
  /** Writes whether nothing holds it back, how often it was fed, how often that failed, and the errno of the latest failure. */
  readWatchdog(into: Int32Array): void
  /** The time in seconds after which an open watchdog device resets the machine; 0 if it has no such timeout. */
  watchdogTimeout(device: number): number
}

/** The process has a watchdog already. */
export const WATCHDOG_TAKEN = -1

/** What a breach of a command's guard does; `report` is a dry run. */
export const ON_BREACH_CODES = ['term', 'kill', 'pause', 'report'] as const

let addon: Addon | undefined

/**
 * Returns the addon, and loads it at the first call: the file that `TRIPLINE_ADDON` names, or the one in `build/` (checkout)
 * or `prebuilds/` (installed package).
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
    if (named === '') throw error
    // Node's own messages may lack the file, or have it at the end.
    const why = (error as Error).message.replace(/\.$/, '')
    throw new AddonFileError(
      `TRIPLINE_ADDON names ${why.startsWith(file) ? why : `${file}: ${why}`}`,
      ADDON_NAMED,
      error,
    )
  }
}

/** @throws Error if the package is bundled or incomplete */
function findInPackage(): string {
  const folder = packageRoot()
  // Not imported above, because loading it takes several milliseconds that only users of resources should pay.
  const loader = createRequire(import.meta.url)('node-gyp-build') as { resolve: (folder: string) => string }
  try {
    return loader.resolve(folder)
  } catch (error) {
    // An installed package always has this folder, but a copy made by a file tracer may not.
    if (existsSync(join(folder, 'prebuilds'))) throw error
    const why = `the folder ${join(folder, 'prebuilds')} was not copied with the package`
    throw new AddonFileError(why, NOT_COPIED, error)
  }
}

function load(file: string): Addon {
  const problem = problemOf(file)
  if (problem !== undefined) throw new Error(`${file}: ${problem}`)
  // Not `require`, whose cache would return the same instance twice. If this code is loaded again (by test runners for each
  // file, or by hot reloading), the second copy would take over the board and the news of the first.
  const module: { exports: Partial<Addon> | string | null | undefined } = { exports: {} }
  process.dlopen(module, toNamespacedPath(file))
  const { exports } = module
  // A release binary reports a function that the host does not have.
  if (typeof exports === 'string') throw new Error(`${file}: ${exports}`)
  if (typeof exports?.metrics !== 'function') throw new Error(`${file}: not the addon of tripline`)
  if (!isOurs(exports)) throw new Error(`${file}: built from other sources than this version's`)
  return exports
}

/** Why the file cannot be loaded; undefined if no problem is found. */
function problemOf(file: string): string | undefined {
  if (!existsSync(file)) return 'there is no such file'
  // Opening a pipe would wait for its other end.
  return statSync(file).isFile() ? elfProblem(file) : 'not a file'
}

/**
 * Whether the addon numbers its metrics in the same way, and takes the same arguments and memory. With an addon of
 * another version, they would be mixed up silently, or memory outside of the board would be written.
 */
function isOurs(loaded: Partial<Addon>): loaded is Addon {
  if (loaded.contract !== CONTRACT) return false
  const [ours, theirs] = [Object.keys(ROWS), loaded.metrics?.() ?? []]
  return theirs.length === ours.length && ours.every((name, number) => theirs[number] === name)
}
