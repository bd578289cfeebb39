/** What a ticker can be given, and the checking of it. */
import type { Cancelable, CancelableOptions } from '../cancelable/cancelable.js'
import { checkKeys, checkOptions, invalidType, invalidValue, outOfRange } from '../base/errors.js'
import type { Guard } from '../monitor/guard.js'
import type { Limits } from '../monitor/limits.js'
import { checkResources } from '../sources/resource.js'
import type { CancelationToken } from '../sources/token.js'
import { parseDuration, type Duration } from '../base/units.js'
import { POLICIES, type MissedPolicy } from './backlog.js'

/** Time from beat to beat: 250 us to 1000 days; or how many a second. */
export type Period = Duration | { readonly hz: number }

/** What happens while the guard is breached. */
export type WhileBreached = 'run' | 'pause' | 'cancel' | { readonly slow: number }

/** The options of a ticker but for its callbacks, which only the class above can type. */
export interface BeatOptions {
  /** What becomes of beats that could not be delivered in time. Default `'coalesce'`; see {@link MissedPolicy}. */
  missed?: MissedPolicy
  /** The most beats that `missed: 'burst'` makes up for, 1 or more; older ones are missed. Default 100. */
  maxBurst?: number
  /** How many bodies may run at the same time. Default 1: a beat that comes while the body runs waits for its end. */
  concurrency?: number
  /** Cancels the operation of a tick that takes longer. Default: none. */
  timeout?: Duration
  /** Limits, shared with all who have equal ones, or a guard of one's own. */
  guard?: Limits | Guard
  /**
   * While the guard is breached: go on (`'run'`), beat only every n-th time (`{ slow: n }`, n more than 1), stop beating
   * until it is clear (`'pause'`), or end for good (`'cancel'`). Default `'pause'`. A body that runs is only cut by
   * `'cancel'`.
   */
  whileBreached?: WhileBreached
  /** Among tickers under the same guard the lower gives way first and comes back last. Any number; default 0. */
  priority?: number
  /** Asks for the sampling thread to run ahead of all that is not real-time (SCHED_FIFO); `stats` says whether it does. */
  realTime?: boolean
  /** Ends the ticker, and cancels the body that runs. */
  token?: CancelationToken | readonly CancelationToken[]
  abortSignal?: AbortSignal | readonly AbortSignal[]
  /** OS signals that end it. Only on the main thread. */
  signals?: readonly NodeJS.Signals[]
  parent?: Cancelable
  /** For messages and diagnostics. */
  name?: string
}

interface Callbacks {
  readonly onError?: unknown
  readonly onState?: unknown
}

/** Options as the ticker works with them. */
export interface TickerSettings {
  readonly missed: MissedPolicy
  readonly maxBurst: number
  readonly concurrency: number
  /** In milliseconds; undefined for none. */
  readonly timeout: number | undefined
  readonly guard: Limits | Guard | undefined
  /** By how much the period is multiplied during a breach: 1 to run, `Infinity` to pause. */
  readonly slow: number
  /** For the operation that is the parent of all ticks. */
  readonly operation: CancelableOptions
  readonly priority: number
  readonly realTime: boolean
}

const KEYS: readonly (keyof BeatOptions | keyof Callbacks)[] = [
  'missed',
  'maxBurst',
  'concurrency',
  'timeout',
  'guard',
  'whileBreached',
  'priority',
  'realTime',
  'token',
  'abortSignal',
  'signals',
  'parent',
  'name',
  'onError',
  'onState',
]

const SHORTEST_MS = 0.25
const LONGEST_MS = 8.64e10
const PERIOD_RANGE = '250us (4000 Hz) to 1000 days'

/** Milliseconds. @throws TypeError, RangeError with Node's codes */
export function parsePeriod(value: Period): number {
  if (typeof value === 'object' && value !== null && 'hz' in value) return parseRate(value)
  const period = parseDuration(value, 'period')
  if (!(period >= SHORTEST_MS && period <= LONGEST_MS)) throw outOfRange('period', PERIOD_RANGE, value)
  return period
}

function parseRate(value: { readonly hz: number }): number {
  checkKeys(value, 'period option', ['hz'])
  const { hz } = value
  if (typeof hz !== 'number') throw invalidType('hz', 'a number of beats a second', hz)
  const period = 1000 / hz
  if (!(hz > 0 && period >= SHORTEST_MS && period <= LONGEST_MS)) {
    throw outOfRange('hz', 'more than 0 and at most 4000, with no more than 1000 days between beats', hz)
  }
  return period
}

/** @throws TypeError, RangeError with Node's codes, naming the option */
export function parseOptions(options: BeatOptions & Callbacks): TickerSettings {
  checkKeys(checkOptions(options), 'ticker option', KEYS)
  const {
    missed = 'coalesce',
    maxBurst = 100,
    concurrency = 1,
    timeout,
    guard,
    priority = 0,
    realTime = false,
  } = options
  const { onError, onState } = options
  if (!POLICIES.includes(missed)) throw invalidValue('missed', `one of '${POLICIES.join("', '")}'`, missed)
  checkCount(maxBurst, 'maxBurst')
  checkCount(concurrency, 'concurrency')
  if (typeof priority !== 'number' || Number.isNaN(priority)) throw invalidType('priority', 'a number', priority)
  if (typeof realTime !== 'boolean') throw invalidType('realTime', 'true or false', realTime)
  for (const [name, value] of [['onError', onError] as const, ['onState', onState] as const]) {
    if (value !== undefined && typeof value !== 'function') throw invalidType(name, 'a function', value)
  }
  const limit = timeout === undefined ? Infinity : parseDuration(timeout, 'timeout', true)
  const slow = parseWhileBreached(options)
  return {
    missed,
    maxBurst,
    concurrency,
    timeout: limit === Infinity ? undefined : limit,
    guard: guard === undefined || slow === 1 ? undefined : checkResources(guard, 'guard'),
    slow,
    operation: operationOptions(options),
    priority,
    realTime,
  }
}

/** The factor of the period during a breach. */
function parseWhileBreached({ guard, whileBreached }: BeatOptions): number {
  if (whileBreached === undefined) return guard === undefined ? 1 : Infinity
  if (guard === undefined) throw invalidValue('whileBreached', "left out where there is no 'guard'", whileBreached)
  if (whileBreached === 'run' || whileBreached === 'cancel') return 1
  if (whileBreached === 'pause') return Infinity
  if (typeof whileBreached !== 'object' || whileBreached === null || !('slow' in whileBreached)) {
    throw invalidValue('whileBreached', "'run', 'pause', 'cancel' or { slow: n }", whileBreached)
  }
  checkKeys(whileBreached, "option of 'whileBreached'", ['slow'])
  const { slow } = whileBreached
  if (typeof slow !== 'number') throw invalidType('slow', 'a number', slow)
  if (!(slow > 1 && slow < Infinity)) throw outOfRange('slow', 'more than 1 and finite', slow)
  return slow
}

function operationOptions(options: BeatOptions): CancelableOptions {
  const { token, abortSignal, signals, parent, name, guard, whileBreached } = options
  const resources = whileBreached === 'cancel' ? guard : undefined
  return { token, abortSignal, signals, parent, name: name ?? 'ticker', resources }
}

function checkCount(value: unknown, name: string): void {
  if (typeof value !== 'number') throw invalidType(name, 'a number', value)
  if (!(value >= 1) || (value !== Infinity && !Number.isInteger(value))) {
    throw outOfRange(name, 'a whole number of 1 or more, or Infinity', value)
  }
}
