/** Which requests are refused at which limits: those of low priority before the others. */
import { reportError } from '../../base/diagnostics.js'
import { invalidType } from '../../base/errors.js'
import { readOptions } from '../../base/options.js'
import { isGuard, type Guard } from '../../monitor/guard.js'
import { parseLimits, type Limits, type ParsedLimit, type ParsedLimits } from '../../monitor/limits.js'
import { checkResources } from '../../sources/resource.js'
import type { Guards, Priority } from './budget.js'

/** Limits for requests of low and of high priority, beside those for all others. */
export interface PriorityLimits {
  /**
   * Requests of low priority are also refused while one of these is crossed.
   *
   * @default the limits of `resources`, drawn at 80 % (those below which a value must not fall, at 125 %); none for a guard
   */
  low?: Limits | Guard | undefined
  /** Requests of high priority, and with them all others, are refused while one of these is crossed. @default none */
  high?: Limits | Guard | undefined
}

/** How far from a limit requests of low priority are refused. */
const EARLIER = 0.8

/** The guards of the three priorities. */
export class Levels {
  #high: Guard | undefined
  #normal: Guard | undefined
  #low: Guard | undefined
  readonly #listening: readonly Disposable[]

  /** @throws TypeError, RangeError with Node's codes, naming the option; MetricUnavailableError; NativeMissingError */
  constructor(resources: Limits | Guard | undefined, priorities: PriorityLimits | undefined, guards: Guards) {
    if (priorities !== undefined && (typeof priorities !== 'object' || priorities === null)) {
      throw invalidType('priorities', 'an object', priorities)
    }
    const { low, high } = readOptions(priorities ?? {}, 'priority', ['low', 'high'])
    // Checked before anything is watched.
    const names = ['resources', 'priorities.low', 'priorities.high']
    const all = [resources, low, high].map((each, index) => each && checkResources(each, names[index]))
    const [normalGuard, lowGuard, highGuard] = all.map((each, index) => {
      const name = names[index]!
      return each === undefined ? undefined : guards.open(each, name, NAMES[index]!)
    })
    this.#normal = normalGuard
    this.#high = highGuard
    this.#low = lowGuard ?? (resources === undefined || isGuard(resources) ? undefined : earlier(resources, guards))
    this.#listening = [...new Set(this.#all())].map((guard) =>
      guard.on('unavailable', (error) => reportError(error, 'guard', guard.name)),
    )
  }

  refuses(priority: Priority): boolean {
    if (isCrossed(this.#high)) return true
    if (priority === 'high') return false
    return isCrossed(this.#normal) || (priority === 'low' && isCrossed(this.#low))
  }

  breached(): readonly Guard[] {
    return this.#all().filter(isCrossed)
  }

  /** Refuses nothing from here on. Guards that were given stay open. */
  close(): void {
    for (const each of this.#listening) each[Symbol.dispose]()
    this.#high = undefined
    this.#normal = undefined
    this.#low = undefined
  }

  #all(): Guard[] {
    return [this.#normal, this.#low, this.#high].filter((each) => each !== undefined)
  }
}

const NAMES = ['requests', 'low-priority requests', 'high-priority requests']

function isCrossed(guard: Guard | undefined): boolean {
  return guard !== undefined && guard.isBreached && !guard.dryRun
}

/** The same limits on the safe side. Conditions hold or do not, for all priorities alike. */
function earlier(resources: Limits, guards: Guards): Guard | undefined {
  const limits = parseLimits(resources).limits.filter(({ info }) => info.unit !== 'flag')
  if (limits.length === 0) return undefined
  const parsed: ParsedLimits = { limits: limits.map(drawnEarlier), conditions: [] }
  return guards.watch(parsed, NAMES[1]!, false)
}

function drawnEarlier(limit: ParsedLimit): ParsedLimit {
  const draw = (value: number): number => {
    if (limit.direction === 'above') return value * EARLIER
    // Close to the end of the scale, half of the rest.
    return Math.min(value / EARLIER, (value + limit.info.max) / 2)
  }
  return { ...limit, enter: draw(limit.enter), exit: draw(limit.exit) }
}
