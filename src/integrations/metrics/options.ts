/** The options of both exports, and their checks. */
import { invalidType, invalidValue } from '../../base/errors.js'
import { readOptions } from '../../base/options.js'
import { parsePeriod, type Duration } from '../../base/units.js'
import { isLimiter, type Limiter } from '../../limiter/limiter.js'
import { isGuard, type Guard } from '../../monitor/guard.js'
import type { MetricQuery } from '../../monitor/queries.js'
import { wellFormed } from './families.js'
import { DEFAULT_METRICS } from './names.js'

/** What has counts of operations: `registry` of `tripline/registry`, or another `OperationRegistry`. */
export interface OperationCounts {
  /** Counts since it was made. */
  statistics(): {
    /** How many are registered, by status. */
    readonly byStatus: Readonly<Record<string, number>>
    /** How many have ended, in total and by status. */
    readonly ended: Readonly<Record<string, number>>
  }
}

/** What is exported. All are optional. */
export interface MetricsOptions {
  /**
   * The metrics, as for `monitor()`. What this machine lacks is left out.
   *
   * @default CPU, load, memory, swap, pressure, disk and network of the machine; CPU, memory, threads and descriptors of the
   *   process; event loop and heap
   */
  metrics?: readonly MetricQuery[] | undefined
  /** Time between two reads of the metrics. A scrape gets the newest values and reads nothing. @default 1 s */
  interval?: Duration | undefined
  /** Guards whose states, breaches and limits are exported. Their names must be distinct. @default none */
  guards?: Guard | readonly Guard[] | undefined
  /** Limiters whose limits are exported, with what runs and waits. Their names must be distinct. @default none */
  limiters?: Limiter | readonly Limiter[] | undefined
  /** Counts of operations by status. @default none; cancelations and abandoned bodies are always counted */
  registry?: OperationCounts | undefined
  /**
   * Whether percentiles of the event loop's delay over the last minute are exported. The sampling thread records it every 20 ms
   * for that, and wakes the event loop every 5 s. @default true
   */
  loopDelays?: boolean | undefined
}

/** The checked options. */
export interface MetricsSettings {
  readonly metrics: readonly MetricQuery[]
  /** In milliseconds. */
  readonly interval: number
  readonly guards: readonly Guard[]
  readonly limiters: readonly Limiter[]
  readonly registry: OperationCounts | undefined
  readonly loopDelays: boolean
}

export const METRICS_KEYS: readonly (keyof MetricsOptions)[] = [
  'metrics',
  'interval',
  'guards',
  'limiters',
  'registry',
  'loopDelays',
]

/**
 * @param more names of further options, of one format only
 * @throws TypeError, RangeError with Node's codes, naming the option
 */
export function parseMetrics(options: MetricsOptions, more: readonly string[] = []): MetricsSettings {
  readOptions(options, 'metrics option', [...METRICS_KEYS, ...more])
  const { metrics = DEFAULT_METRICS, interval = 1000, registry, loopDelays = true } = options
  if (!Array.isArray(metrics)) throw invalidType('metrics', 'an array of metrics', metrics)
  if (typeof loopDelays !== 'boolean') throw invalidType('loopDelays', 'true or false', loopDelays)
  if (registry !== undefined && typeof (registry as Partial<OperationCounts> | null)?.statistics !== 'function') {
    throw invalidType('registry', 'an OperationRegistry', registry)
  }
  const guards = listOf(options.guards)
  const limiters = listOf(options.limiters)
  for (const each of guards) if (!isGuard(each)) throw invalidType('guards', 'a guard, or an array of guards', each)
  for (const each of limiters) {
    if (!isLimiter(each)) throw invalidType('limiters', 'a limiter, or an array of limiters', each)
  }
  checkNames(guards, 'guards')
  checkNames(limiters, 'limiters')
  return { metrics, interval: parsePeriod(interval, 'interval'), guards, limiters, registry, loopDelays }
}

function listOf<T extends object>(given: T | readonly T[] | undefined): readonly T[] {
  if (given === undefined) return []
  return Array.isArray(given) ? (given as readonly T[]) : [given as T]
}

/** Values with equal labels would be refused by whatever reads them. */
function checkNames(members: readonly { readonly name: string }[], option: string): void {
  const names = new Set<string>()
  for (const member of members) {
    // As it is exported.
    const name = wellFormed(member.name)
    if (names.has(name))
      throw invalidValue(option, 'members with distinct names, which the option `name` gives them', name)
    names.add(name)
  }
}
