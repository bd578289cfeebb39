/** The options of a ticker, and their checks. */
import type { Cancelable, CancelableOptions } from '../cancelable/cancelable.js'
import { checkKeys, invalidChoice, invalidType, invalidValue, outOfRange } from '../base/errors.js'
import { readOptions } from '../base/options.js'
import { SHORTEST_PERIOD_MS } from '../addon/ticks.js'
import type { Guard } from '../monitor/guard.js'
import type { Limits } from '../monitor/limits.js'
import { checkResources, resourcesOf } from '../sources/resource.js'
import type { CancelationToken } from '../sources/token.js'
import { checkWhole, parseDuration, type Duration } from '../base/units.js'
import { POLICIES, type MissedPolicy } from './backlog.js'

/** The time from beat to beat, 250 us to 1000 days, or how many per second. */
export type Period =
  | Duration
  | {
      /** Beats per second, up to 4000. */
      readonly hz: number
    }

/** What a ticker does while its guard is breached. */
export type WhileBreached =
  | 'run'
  | 'pause'
  | 'cancel'
  | {
      /** The factor by which the period is multiplied, more than 1. */
      readonly slow: number
    }

/** The options of a ticker without its callbacks. */
export interface BeatOptions {
  /** How beats are treated that could not be delivered in time. @default 'coalesce' */
  missed?: MissedPolicy | undefined
  /** The most beats that `missed: 'burst'` makes up for, 1 or more; older ones are missed. @default 100 */
  maxBurst?: number | undefined
  /** How many bodies may run at the same time, 1 or more. With 1, a beat that comes meanwhile waits. @default 1 */
  concurrency?: number | undefined
  /** Cancels the operation of a tick that takes longer. @default Infinity */
  timeout?: Duration | undefined
  /** Limits, shared with all users of equal ones, or a guard; see `whileBreached`. @default none */
  resources?: Limits | Guard | undefined
  /** Another name of `resources`. */
  guard?: Limits | Guard | undefined
  /**
   * While the guard is breached: continue (`'run'`), beat only every n-th time (`{ slow: n }`), stop beating until it
   * is clear (`'pause'`), or end permanently (`'cancel'`). Only `'cancel'` cancels a running body.
   *
   * @default 'pause'
   */
  whileBreached?: WhileBreached | undefined
  /**
   * Among tickers under the same guard, the one with the lowest priority pauses first and resumes last. Any number.
   * @default 0
   */
  priority?: number | undefined
  /** Requests real-time scheduling (SCHED_FIFO) for the sampling thread; `stats` says whether it has that. @default false */
  realTime?: boolean | undefined
  /** Tokens that end the ticker and cancel its running body. */
  token?: CancelationToken | readonly CancelationToken[] | undefined
  /** Signals that end it in the same way. */
  signal?: AbortSignal | readonly AbortSignal[] | undefined
  /** The same as `signal`; given both, either ends it. */
  abortSignal?: AbortSignal | readonly AbortSignal[] | undefined
  /** OS signals that end it in the same way. Only on the main thread. */
  signals?: readonly NodeJS.Signals[] | undefined
  /** An operation that ends it in the same way; `null` for none. @default as for an operation */
  parent?: Cancelable | null | undefined
  /** For messages and diagnostics. @default 'ticker' */
  name?: string | undefined
}

interface Callbacks {
  readonly onError?: unknown
  readonly onState?: unknown
}

/** The checked options. */
export interface TickerSettings {
  readonly missed: MissedPolicy
  readonly maxBurst: number
  readonly concurrency: number
  /** In milliseconds; undefined without one. */
  readonly timeout: number | undefined
  readonly guard: Limits | Guard | undefined
  /** The factor by which the period is multiplied during a breach: 1 to continue, `Infinity` to pause. */
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
  'resources',
  'guard',
  'whileBreached',
  'priority',
  'realTime',
  'token',
  'signal',
  'abortSignal',
  'signals',
  'parent',
  'name',
  'onError',
  'onState',
]

const LONGEST_MS = 8.64e10
const PERIOD_RANGE = '250us (4000 Hz) to 1000 days'

/** The period in milliseconds. @throws TypeError, RangeError with Node's codes */
export function parsePeriod(value: Period): number {
  if (typeof value === 'object' && value !== null && 'hz' in value) return parseRate(value)
  const period = parseDuration(value, 'period argument')
  if (!(period >= SHORTEST_PERIOD_MS && period <= LONGEST_MS)) throw outOfRange('period argument', PERIOD_RANGE, value)
  return period
}

function parseRate(value: { readonly hz: number }): number {
  checkKeys(value, 'period option', ['hz'])
  const { hz } = value
  if (typeof hz !== 'number') throw invalidType('hz', 'a number of beats per second', hz)
  const period = 1000 / hz
  if (!(period >= SHORTEST_PERIOD_MS && period <= LONGEST_MS)) {
    throw outOfRange('hz', 'more than 0 and at most 4000, with no more than 1000 days between beats', hz)
  }
  return period
}

/** @throws TypeError, RangeError with Node's codes, naming the option */
export function parseOptions(options: BeatOptions & Callbacks): TickerSettings {
  readOptions(options, 'ticker option', KEYS)
  const { missed = 'coalesce', maxBurst = 100, concurrency = 1, timeout, priority = 0, realTime = false } = options
  const { onError, onState } = options
  if (!POLICIES.includes(missed)) throw invalidChoice('missed', POLICIES, missed)
  checkWhole(maxBurst, 'maxBurst', 1, Infinity, true)
  checkWhole(concurrency, 'concurrency', 1, Infinity, true)
  if (typeof priority !== 'number' || Number.isNaN(priority)) throw invalidType('priority', 'a number', priority)
  if (typeof realTime !== 'boolean') throw invalidType('realTime', 'true or false', realTime)
  for (const [name, value] of [['onError', onError] as const, ['onState', onState] as const]) {
    if (value !== undefined && typeof value !== 'function') throw invalidType(name, 'a function', value)
  }
  const guard = resourcesOf(options, 'guard')
  const limit = timeout === undefined ? Infinity : parseDuration(timeout, 'timeout', true)
  const slow = parseWhileBreached(options, guard)
  return {
    missed,
    maxBurst,
    concurrency,
    timeout: limit === Infinity ? undefined : limit,
    guard:
      guard === undefined || slow === 1
        ? undefined
        : checkResources(guard, options.resources === undefined ? 'guard' : 'resources'),
    slow,
    operation: operationOptions(options),
    priority,
    realTime,
  }
}

/** The factor of the period during a breach. */
function parseWhileBreached({ whileBreached }: BeatOptions, guard: Limits | Guard | undefined): number {
  if (whileBreached === undefined) return guard === undefined ? 1 : Infinity
  if (guard === undefined) throw invalidValue('whileBreached', "left out where there are no 'resources'", whileBreached)
  if (whileBreached === 'run' || whileBreached === 'cancel') return 1
  if (whileBreached === 'pause') return Infinity
  if (typeof whileBreached !== 'object' || whileBreached === null || !('slow' in whileBreached)) {
    throw invalidChoice('whileBreached', ['run', 'pause', 'cancel'], whileBreached, '{ slow: n }')
  }
  checkKeys(whileBreached, "option of 'whileBreached'", ['slow'])
  const { slow } = whileBreached
  if (typeof slow !== 'number') throw invalidType('slow', 'a number', slow)
  if (!(slow > 1 && slow < Infinity)) throw outOfRange('slow', 'more than 1 and finite', slow)
  return slow
}

function operationOptions(options: BeatOptions): CancelableOptions {
  const { token, signal, abortSignal, signals, parent, name, whileBreached } = options
  const resources = whileBreached === 'cancel' ? resourcesOf(options, 'guard') : undefined
  return { token, signal, abortSignal, signals, parent, name: name ?? 'ticker', resources }
}
