/** Breaches without a machine in trouble: guards that take the value of a test, through the real decision and delivery. */
import { ofThisCopy } from '../base/copies.js'
import { invalidType, invalidValue, outOfRange } from '../base/errors.js'
import { formatValue } from '../base/units.js'
import { connect, openGuards } from '../addon/sampler.js'
import { Guard, kLimits, setStage } from '../monitor/guard.js'
import {
  checkMetric,
  labelOf,
  parseLimits,
  parseValue,
  type Limits,
  type ParsedLimit,
  type Value,
} from '../monitor/limits.js'
import { keyOf } from '../monitor/shared.js'
import { Player } from './player.js'
import { metricOf, type MetricKey } from './trace.js'

/** A breach that a test has faked; see {@link fakeBreach}. Disposing of it ends it and gives the guards back to the machine. */
export interface FakeBreach extends Disposable {
  /** The metric that was faked, as it was given. */
  readonly metric: MetricKey
  /** The faked value, in the unit of the metric. */
  readonly value: number
  /** The guards that take it, as far as they are open; with limits, also those that were made since. */
  readonly guards: readonly Guard[]
  /**
   * Has the value recover, to where the limit counts as clear. The guards go on to be clear as after a real breach, once
   * `clearFor` and `minHold` are over, and stay off the machine until this is disposed of. A second call does nothing.
   */
  clear(): void
}

/**
 * Has guards take `value` for a metric, as if this machine had been read: what follows goes through the code that real
 * breaches go through. The state and `breaches` are true at once, also inside code that never yields; listeners run and
 * operations are canceled in a turn of their own; `for`, `clearFor` and `minHold` pass on the clock in force, which is real
 * time, a {@link useClock} or the fake timers of a test runner. The evidence names `tripline/testing` as its origin.
 *
 * While anything of a guard is faked it takes nothing from the machine: it begins with all limits clear, and those that are
 * not faked stay so. With limits instead of a guard this is so of all open guards, and those made from now on, that hold all
 * of these limits among theirs, such as the one that operations with these `resources` share. Such guards can then be made
 * where the machine lacks the metric. Where several fakes are of one metric, the latest counts.
 *
 * @param metric the name of a metric that is limited; with a selector, such as `'disk.free(/data)'`, only that limit's
 * @param value in the unit of the metric: a number, or a string such as `'95%'`
 * @example
 * using memory = guard({ memory: 90 })
 * const done = Cancelable.run(job, { resources: memory })
 * using breach = fakeBreach(memory, 'memory', 95)
 * await assert.rejects(done, ResourceCancelation)
 * breach.clear()
 * await memory.whenClear()
 * @throws TypeError `ERR_INVALID_ARG_TYPE`; TypeError `ERR_INVALID_ARG_VALUE` for an unknown metric, one that is not limited,
 *   or a closed guard; RangeError `ERR_OUT_OF_RANGE` for a value that crosses no limit; NativeMissingError
 *   `ERR_TRIPLINE_NATIVE_MISSING` where the addon cannot be loaded: it makes the decision
 */
export function fakeBreach(target: Guard | Limits, metric: MetricKey, value: Value): FakeBreach {
  const limits = limitsOf(target)
  const info = checkMetric(typeof metric === 'string' ? metricOf(metric) : metric)
  const selected = limits.filter((limit) => isOf(limit, metric))
  if (selected.length === 0) {
    const names = [...new Set(limits.map(({ series, info: { scope } }) => labelOf(scope, series)))]
    throw invalidValue('metric', `one that is limited: ${names.map((name) => `'${name}'`).join(', ')}`, metric)
  }
  const number = parseValue(info, value, 'value')
  if (!selected.some((limit) => isCrossedBy(limit, number))) {
    throw outOfRange('value', `beyond the limit: ${selected.map(toLine).join(' or ')}`, value)
  }
  connect()
  const faked = new Faked(metric, number, target instanceof Guard ? undefined : limits)
  faked.begin(target instanceof Guard ? [target] : openGuards())
  return faked
}

function limitsOf(target: Guard | Limits): readonly ParsedLimit[] {
  if (target instanceof Guard) {
    if (target.closed) throw invalidValue('target', 'a guard that is not closed', target)
    return target[kLimits]
  }
  const foreign = ofThisCopy(target)
  if (foreign !== '') throw invalidType('target', `limits, or a guard${foreign}`, target)
  return parseLimits(target).limits
}

/** Whether a limit is on the metric, and on what its selector says, if there is one. */
function isOf({ info, series }: ParsedLimit, metric: string): boolean {
  return info.name === metric || labelOf(info.scope, series) === metric
}

function isCrossedBy({ direction, enter }: ParsedLimit, value: number): boolean {
  return direction === 'above' ? value > enter : value < enter
}

function toLine({ direction, enter, info }: ParsedLimit): string {
  return `${direction} ${formatValue(enter, info.unit)}`
}

/** What makes two limits the same. Those that count from when they were made are never shared, but equal all the same. */
function sameKey(limit: ParsedLimit): string {
  const { info, series } = limit
  return keyOf(info.scope === 'guard' ? { ...limit, series: { ...series, name: '' } } : limit)
}

/** Fakes of limits, for guards that are made meanwhile. */
const ofLimits = new Set<Faked>()

class Faked implements FakeBreach {
  readonly metric: MetricKey
  readonly value: number
  readonly #players = new Map<Guard, Player>()
  // Of the limits that were given; undefined for a guard, whose limits are all meant.
  readonly #keys: ReadonlySet<string> | undefined
  #isCleared = false
  #isOver = false

  constructor(metric: MetricKey, value: number, limits: readonly ParsedLimit[] | undefined) {
    this.metric = metric
    this.value = value
    this.#keys = limits === undefined ? undefined : new Set(limits.map(sameKey))
  }

  get guards(): readonly Guard[] {
    return [...this.#players.keys()].filter((guard) => !guard.closed)
  }

  /** Takes over those of the open guards that are meant. All or none: a refusal gives back those before it. */
  begin(open: Iterable<unknown>): void {
    try {
      for (const each of open) {
        if (each instanceof Guard && this.holds(each[kLimits])) this.take(each)
      }
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
    if (this.#keys === undefined) return
    ofLimits.add(this)
    setStage({
      claims: (limits) => [...ofLimits].some((each) => each.holds(limits)),
      made: (guard) => {
        for (const each of ofLimits) if (each.holds(guard[kLimits])) each.take(guard)
      },
    })
  }

  /** Whether these limits contain all that were given. */
  holds(limits: readonly ParsedLimit[]): boolean {
    if (this.#keys === undefined) return true
    const theirs = new Set(limits.map(sameKey))
    return [...this.#keys].every((key) => theirs.has(key))
  }

  take(guard: Guard): void {
    const player = Player.use(guard)
    this.#players.set(guard, player)
    if (this.#isCleared) return
    player.set(
      (limit) => this.#means(limit),
      () => this.value,
    )
  }

  #means(limit: ParsedLimit): boolean {
    return isOf(limit, this.metric) && (this.#keys === undefined || this.#keys.has(sameKey(limit)))
  }

  clear(): void {
    if (this.#isCleared) return
    this.#isCleared = true
    for (const player of this.#players.values()) {
      player.set(
        (limit) => this.#means(limit),
        (limit) => limit.exit,
      )
    }
  }

  [Symbol.dispose](): void {
    if (this.#isOver) return
    this.#isOver = true
    ofLimits.delete(this)
    if (ofLimits.size === 0) setStage(undefined)
    // For guards of which something else is faked as well.
    this.clear()
    for (const player of this.#players.values()) player.release()
    this.#players.clear()
  }
}
