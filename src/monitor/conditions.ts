/** Conditions of a guard: checks of the user's that must hold, judged by the sampler as limits are. */
import { checkKeys, ConditionUnknownError, invalidType, invalidValue } from '../base/errors.js'
import { printable } from '../base/printable.js'
import { messageOf } from '../base/reason.js'
import { parseDuration, parsePeriod, type Duration } from '../base/units.js'
import { Poll, type Outcome } from '../engine/poll.js'

/**
 * Returns, or resolves to, `true` while all is well and `false` while it is not. Anything else, an exception, a rejection
 * and silence for longer than `timeout` is a failed check. The signal aborts when that time is over, and when the guard is
 * closed.
 */
export type GuardCheck = (signal: AbortSignal) => boolean | PromiseLike<boolean>

/**
 * Something that must hold beside the metrics of a guard. It is breached while the check returns false, or fails; a check of
 * which the answer is not there yet, the first one included, changes nothing.
 */
export interface GuardCondition {
  /** Whether it holds. The first check is when the guard is made; none begins before the one before has settled. */
  check: GuardCheck
  /** From the end of one check to the start of the next. @default 1 s */
  interval?: Duration | undefined
  /**
   * How long an answer is waited for; Infinity is forever. A check that is still silent then has failed, and fails again
   * with every `interval` until it settles. Its late answer is not used. @default 5 s
   */
  timeout?: Duration | undefined
  /** How long it must have failed to hold. Judged with each check. @default 0 */
  for?: Duration | undefined
  /** How long it must hold again. Judged with each check. @default 0 */
  clearFor?: Duration | undefined
  /**
   * What a failed check means: that the condition does not hold, nothing, or as with a metric that is missing, an error
   * when the guard is made (where the first check fails at once) and later that the guard is unavailable.
   *
   * @default 'breach'
   */
  onMissing?: 'breach' | 'ignore' | 'throw' | undefined
}

/** A condition, checked and complete; times in milliseconds. */
export interface ParsedCondition {
  readonly name: string
  readonly check: GuardCheck
  readonly interval: number
  readonly timeout: number
  readonly for: number
  readonly clearFor: number
  readonly onMissing: 'breach' | 'ignore' | 'throw'
}

const DEFAULT_INTERVAL = 1000
const DEFAULT_TIMEOUT = 5000
const KEYS = ['check', 'interval', 'timeout', 'for', 'clearFor', 'onMissing']
const ON_MISSING = ['breach', 'ignore', 'throw'] as const

// A check that begins this much late, in milliseconds, was held up: in that time nothing was observed.
const LATE = 50

/** Whether a value was meant as a condition. */
export function isCheck(value: unknown): boolean {
  return typeof value === 'function' || (typeof value === 'object' && value !== null && 'check' in value)
}

/** @throws TypeError, RangeError with Node's codes, naming the option */
export function parseConditions(given: unknown): ParsedCondition[] {
  if (given === undefined) return []
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw invalidType('conditions', 'an object of conditions by name', given)
  }
  return Object.entries(given as Record<string, GuardCheck | GuardCondition | undefined>).flatMap(([name, each]) =>
    each === undefined ? [] : [parseCondition(name, each)],
  )
}

function parseCondition(name: string, given: GuardCheck | GuardCondition): ParsedCondition {
  const option = `conditions.${printable(name)}`
  if (name === '') throw invalidValue('conditions', 'by names that are not empty', name)
  const condition: GuardCondition = typeof given === 'function' ? { check: given } : given
  if (typeof condition !== 'object' || condition === null || typeof condition.check !== 'function') {
    throw invalidType(option, 'a function, or an object with a function `check`', given)
  }
  checkKeys(condition, 'condition option', KEYS)
  const { check, interval = DEFAULT_INTERVAL, timeout = DEFAULT_TIMEOUT, onMissing = 'breach' } = condition
  if (!ON_MISSING.includes(onMissing)) {
    throw invalidValue(`${option}.onMissing`, "'breach', 'ignore' or 'throw'", onMissing)
  }
  return {
    name,
    check,
    interval: parsePeriod(interval, `${option}.interval`),
    timeout: parsePeriod(timeout, `${option}.timeout`, true),
    for: condition.for === undefined ? 0 : parseDuration(condition.for, `${option}.for`),
    clearFor: condition.clearFor === undefined ? 0 : parseDuration(condition.clearFor, `${option}.clearFor`),
    onMissing,
  }
}

/** What a breach of a condition rests on. */
export interface ConditionProof {
  /** 0, or NaN where the check failed. */
  readonly value: number
  /** What it failed with. */
  readonly error?: unknown
}

/** The checks of one condition of a guard. */
export class ConditionWatch {
  readonly #condition: ParsedCondition
  readonly #poll: Poll
  readonly #step: (value: number, late: number) => boolean
  #proof: ConditionProof = { value: 0 }
  #lost: ConditionUnknownError | undefined

  /**
   * @param isReal whether it keeps to the real clock, whichever is in force
   * @param step takes an outcome: 1 where the condition does not hold, 0, NaN; whether that is the proof of a breach
   */
  constructor(condition: ParsedCondition, isReal: boolean, step: (value: number, late: number) => boolean) {
    this.#condition = condition
    this.#step = step
    this.#poll = new Poll(condition, (outcome) => this.#take(outcome), isReal)
  }

  get name(): string {
    return this.#condition.name
  }

  /** Of the latest breach. */
  get proof(): ConditionProof {
    return this.#proof
  }

  /** Why it is unknown whether the condition holds, where a failed check means that. */
  get lost(): ConditionUnknownError | undefined {
    return this.#lost
  }

  /** Runs the first check. @throws ConditionUnknownError where it fails at once, and `onMissing` is 'throw' */
  start(): void {
    this.#poll.start()
    if (this.#lost !== undefined) throw this.#lost
  }

  stop(): void {
    this.#poll.stop()
  }

  #take(outcome: Outcome): void {
    const { name, onMissing } = this.#condition
    const late = outcome.late >= LATE ? outcome.late : 0
    if (!outcome.failed && typeof outcome.value === 'boolean') {
      this.#lost = undefined
      if (this.#step(outcome.value ? 0 : 1, late)) this.#proof = { value: 0 }
      return
    }
    const error = outcome.failed ? outcome.error : invalidType(`result of '${name}'`, 'true or false', outcome.value)
    if (onMissing === 'throw') this.#lost = new ConditionUnknownError(name, messageOf(error), error)
    if (this.#step(onMissing === 'breach' ? 1 : NaN, late)) this.#proof = { value: NaN, error }
  }
}
