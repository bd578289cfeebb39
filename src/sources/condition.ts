/** A user's condition as a source: checked repeatedly, one check at a time. */
import { reportError } from '../base/diagnostics.js'
import { checkKeys, invalidType } from '../base/errors.js'
import { conditionReason, errorReason, type CancelationReason } from '../base/reason.js'
import { parsePeriod, type Duration } from '../base/units.js'
import { Link } from '../engine/link.js'
import { Poll, type Outcome, type PollSettings } from '../engine/poll.js'
import { BuiltInSource, kLink } from './source.js'
import { deliver, kMark, type Target } from '../engine/propagation.js'

/** Checks a condition: it holds when this returns, or resolves to, exactly `true`. */
export type ConditionCheck = () => boolean | PromiseLike<boolean>

/** A condition with its settings. */
export interface ConditionOptions {
  /** Checks the condition; never called again before its promise has settled. */
  check: ConditionCheck
  /** From the end of one check to the start of the next. The first check is at the start. @default 100 ms */
  interval?: Duration | undefined
  /** For the reason and for diagnostics. @default the name of the function */
  name?: string | undefined
  /** What a check that throws or rejects does: report once and go on, or cancel with the error. @default 'report' */
  onError?: 'report' | 'cancel' | undefined
}

/** A condition: a function, or one with its settings. */
export type Condition = ConditionCheck | ConditionOptions

const DEFAULT_INTERVAL_MS = 100
const KEYS = ['check', 'interval', 'name', 'onError'] as const

/** Cancels as soon as the condition holds. */
export class ConditionSource extends BuiltInSource {
  /** The name of the condition, or of its function. */
  readonly name: string
  /** From the end of one check to the start of the next, in milliseconds. */
  readonly interval: number
  readonly #settings: ConditionSettings

  /**
   * Makes a source of a condition; nothing is checked before an operation starts.
   *
   * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`; RangeError `ERR_OUT_OF_RANGE` for the interval
   */
  constructor(condition: Condition) {
    super()
    const options: ConditionOptions = typeof condition === 'function' ? { check: condition } : condition
    if (typeof options !== 'object' || options === null || typeof options.check !== 'function') {
      throw invalidType('condition', 'a function, or an object with a function `check`', condition)
    }
    checkKeys(options, 'condition option', KEYS)
    const { check, interval = DEFAULT_INTERVAL_MS, name = check.name, onError = 'report' } = options
    if (typeof name !== 'string') throw invalidType('condition.name', 'a string', name)
    if (onError !== 'report' && onError !== 'cancel') {
      throw invalidType('condition.onError', "'report' or 'cancel'", onError)
    }
    this.interval = parsePeriod(interval, 'condition.interval')
    this.name = name === '' ? 'condition' : name
    const polled = { check, abortable: false, interval: this.interval, timeout: Infinity }
    this.#settings = { ...polled, name: this.name, cancelOnError: onError === 'cancel' }
  }

  /** @internal */
  [kLink](target: Target): Link {
    return new ConditionLink(this.#settings, target)
  }
}

interface ConditionSettings extends PollSettings {
  readonly name: string
  readonly cancelOnError: boolean
}

class ConditionLink extends Link {
  readonly #settings: ConditionSettings
  readonly #poll: Poll
  #connecting = false
  #early: CancelationReason | null = null
  #checks = 0
  #reported = false

  constructor(settings: ConditionSettings, target: Target) {
    super(target)
    this.#settings = settings
    this.#poll = new Poll(settings, (outcome) => this.#take(outcome))
  }

  connect(): CancelationReason | null {
    this.#connecting = true
    this.#poll.start()
    this.#connecting = false
    return this.#early
  }

  disconnect(): void {
    this.#poll.stop()
  }

  copy(target: Target): Link {
    return new ConditionLink(this.#settings, target)
  }

  #take(outcome: Outcome): void {
    this.#checks++
    const reason = outcome.failed ? this.#failed(outcome.error) : this.#judge(outcome.value)
    if (reason === null) return
    this.disconnect()
    if (this.#connecting) this.#early = reason
    else if (this.target[kMark](reason)) deliver()
  }

  #judge(value: unknown): CancelationReason | null {
    return value === true ? conditionReason(this.#settings.name, this.#checks) : null
  }

  #failed(error: unknown): CancelationReason | null {
    if (this.#settings.cancelOnError) return errorReason(error)
    // Once: a condition that always fails would otherwise report ten times per second.
    if (!this.#reported) reportError(error, 'condition', this.#settings.name)
    this.#reported = true
    return null
  }
}
