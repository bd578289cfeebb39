/** Fakes breaches: guards take a value from the test, and decide and deliver as they would for a real one. */
import { ofThisCopy } from '../base/copies.js'
import { invalidType, invalidValue, outOfRange } from '../base/errors.js'
import { formatLine } from '../base/units.js'
import { connect, openGuards } from '../addon/sampler.js'
import { parseMetric, type MetricText } from '../monitor/metric-text.js'
import { Guard, isGuard, kLimits, setStage } from '../monitor/guard.js'
import { parseLimits, parseValue, type Limits, type ParsedLimit, type Value } from '../monitor/limits.js'
import { keyOf } from '../monitor/shared-guards.js'
import { Player, type FakeValue } from './player.js'
import { normalText, textOf } from './trace.js'

/** A fake breach; see {@link fakeBreach}. Disposing of it ends the breach, and the guards watch the machine again. */
export interface FakeBreach extends Disposable {
  /** The faked metric. */
  readonly metric: MetricText
  /** The faked value, in the unit of the metric. */
  readonly value: number
  /** The open guards that take the value; with limits, including guards that were made later. */
  readonly guards: readonly Guard[]
  /**
   * Makes the value recover, to where the limit counts as clear. As after a real breach, the guards are clear after `clearFor`
   * and `minHold`. They ignore the machine until this is disposed of. A second call does nothing.
   */
  clear(): void
}

/**
 * Makes guards treat `value` as if it had been read from this machine; everything that follows is the same as for a real
 * breach. The state and `breaches` change at once, even inside code that never yields. Listeners run and operations are
 * canceled in a later turn of the event loop. `for`, `clearFor` and `minHold` use the clock in force: real time, a
 * {@link useClock} or the fake timers of a test runner. The evidence has `tripline/testing` as its origin.
 *
 * While a guard has a fake breach, it ignores the machine's values: all limits start clear, and limits without a fake breach
 * stay clear. If limits are given instead of a guard, this applies to all open and later guards that have all of these limits,
 * such as the guard that operations with these `resources` share. Such guards can then be made even if the machine lacks the
 * metric. If a metric has several fake breaches, the latest that is left counts.
 *
 * @param metric the name of a limited metric, with a selector such as `'disk.free(/data)'` to choose among several limits
 * @param value in the unit of the metric: a number, or a string such as `'95%'`
 * @example
 * using memory = guard({ memory: 90 })
 * const done = Cancelable.run(job, { resources: memory })
 * using breach = fakeBreach(memory, 'memory', 95)
 * await assert.rejects(done, ResourceCancelation)
 * breach.clear()
 * await memory.whenClear()
 * @throws TypeError `ERR_INVALID_ARG_TYPE`; TypeError `ERR_INVALID_ARG_VALUE` for an unknown metric, a metric without a limit,
 *   or a closed guard; RangeError `ERR_OUT_OF_RANGE` for a value that crosses no limit; NativeMissingError
 *   `ERR_TRIPLINE_NATIVE_MISSING` without the addon, which makes the decision
 */
export function fakeBreach(target: Guard | Limits, metric: MetricText, value: Value): FakeBreach {
  const limits = limitsOf(target)
  const named = parseMetric(metric)
  const text = normalText(named)
  const selected = limits.filter((limit) => isOf(limit, text))
  if (selected.length === 0) {
    const names = [...new Set(limits.map(textOf))]
    throw invalidValue('metric argument', `one that is limited: ${names.map((name) => `'${name}'`).join(', ')}`, metric)
  }
  const number = parseValue(named.info, value, 'value')
  if (!selected.some((limit) => isCrossedBy(limit, number))) {
    throw outOfRange('value argument', `beyond the limit: ${selected.map(toLine).join(' or ')}`, value)
  }
  connect()
  const faked = new Faked(text, number, target instanceof Guard ? undefined : limits)
  faked.begin(target instanceof Guard ? [target] : openGuards())
  return faked
}

function limitsOf(target: Guard | Limits): readonly ParsedLimit[] {
  if (target instanceof Guard) {
    if (!isGuard(target)) throw invalidType('target argument', 'limits, or a guard itself', target)
    if (target.closed) throw invalidValue('target argument', 'a guard that is not closed', target)
    if (target[kLimits].length === 0) throw invalidValue('target argument', 'a guard with limits', target)
    return target[kLimits]
  }
  const foreign = ofThisCopy(target)
  if (foreign !== '') throw invalidType('target argument', `limits, or a guard${foreign}`, target)
  return parseLimits(target).limits
}

/** Whether a limit is on this metric, with this selector if there is one. */
function isOf(limit: ParsedLimit, metric: MetricText): boolean {
  return limit.info.name === metric || textOf(limit) === metric
}

function isCrossedBy({ direction, enter }: ParsedLimit, value: number): boolean {
  return direction === 'above' ? value > enter : value < enter
}

function toLine({ direction, enter, info }: ParsedLimit): string {
  return `${direction} ${formatLine(enter, info.unit)}`
}

/** A key that is the same for equal limits. Limits that count since their creation are never shared but may be equal. */
function sameKey(limit: ParsedLimit): string {
  const { info, series } = limit
  return keyOf(info.scope === 'guard' ? { ...limit, series: { ...series, name: '' } } : limit)
}

/** The fake breaches of limits, which apply to later guards too. */
const ofLimits = new Set<Faked>()

class Faked implements FakeBreach {
  readonly metric: MetricText
  readonly value: number
  readonly #players = new Map<Guard, Player>()
  // The keys of the given limits; undefined for a guard, of which all limits count.
  readonly #keys: ReadonlySet<string> | undefined
  readonly #valueFor: FakeValue = (limit) => {
    if (!this.#means(limit)) return undefined
    return this.#isCleared ? limit.exit : this.value
  }
  #isCleared = false
  #isOver = false

  constructor(metric: MetricText, value: number, limits: readonly ParsedLimit[] | undefined) {
    this.metric = metric
    this.value = value
    this.#keys = limits === undefined ? undefined : new Set(limits.map(sameKey))
  }

  get guards(): readonly Guard[] {
    return [...this.#players.keys()].filter((guard) => !guard.closed)
  }

  /** Takes over the matching open guards. If one refuses, those taken before it are released. */
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

  /** Whether these limits include all of the given ones. */
  holds(limits: readonly ParsedLimit[]): boolean {
    if (this.#keys === undefined) return true
    const theirs = new Set(limits.map(sameKey))
    return [...this.#keys].every((key) => theirs.has(key))
  }

  take(guard: Guard): void {
    this.#players.set(guard, Player.add(guard, this.#valueFor))
  }

  #means(limit: ParsedLimit): boolean {
    return isOf(limit, this.metric) && (this.#keys === undefined || this.#keys.has(sameKey(limit)))
  }

  clear(): void {
    if (this.#isCleared) return
    this.#isCleared = true
    for (const player of this.#players.values()) player.update()
  }

  [Symbol.dispose](): void {
    if (this.#isOver) return
    this.#isOver = true
    ofLimits.delete(this)
    if (ofLimits.size === 0) setStage(undefined)
    this.#isCleared = true
    for (const player of this.#players.values()) player.remove(this.#valueFor)
    this.#players.clear()
  }
}
