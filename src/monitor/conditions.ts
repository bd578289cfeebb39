/** Conditions of a guard: the user's own checks, which the sampler judges in the same way as limits. */
import { checkKeys, ConditionUnknownError, invalidChoice, invalidType, invalidValue } from '../base/errors.js'
import { printable } from '../base/printable.js'
import { messageOf } from '../base/reason.js'
import { parseDuration, parsePeriod, type Duration } from '../base/units.js'
import { Poll, type Outcome } from '../engine/poll.js'

/**
 * Returns, or resolves to, `true` while the condition holds and `false` while it does not. The check fails if it returns
 * anything else, throws, rejects, or does not settle within `timeout`. The signal aborts after that time, and when the guard
 * is closed.
 */
export type GuardCheck = (signal: AbortSignal) => boolean | PromiseLike<boolean>

/**
 * A condition that must hold, beside the metrics of a guard. It is breached while its check returns false or fails. A check
 * that has not settled yet changes nothing.
 */
export interface GuardCondition {
  /** Checks the condition: first when the guard is made, and never again before the previous check has settled. */
  check: GuardCheck
  /** From the end of one check to the start of the next. @default 1 s */
  interval?: Duration | undefined
  /**
   * The longest time that a check may take; `Infinity` never ends the wait. A check that takes longer has failed, and fails again
   * after every `interval` until it settles. Its late result is not used. @default 5 s
   */
  timeout?: Duration | undefined
  /** How long it must not hold before it is a breach; judged at each check. @default 0 */
  for?: Duration | undefined
  /** How long it must hold again before the breach is over; judged at each check. @default 0 */
  clearFor?: Duration | undefined
  /**
   * What a failed check means. `'breach'`: the condition does not hold. `'ignore'`: nothing. `'throw'`: `guard()` throws if
   * the first check fails synchronously, and the guard becomes unavailable if checks fail later.
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

const DEFAULT_INTERVAL_MS = 1000
const DEFAULT_TIMEOUT_MS = 5000
const KEYS = ['check', 'interval', 'timeout', 'for', 'clearFor', 'onMissing']
const ON_MISSING = ['breach', 'ignore', 'throw'] as const

// If a check begins this much late, in milliseconds, the delay does not count as observed time.
const LATE_MS = 50

/** Whether a value was probably meant as a condition. */
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
  const { check, interval = DEFAULT_INTERVAL_MS, timeout = DEFAULT_TIMEOUT_MS, onMissing = 'breach' } = condition
  if (!ON_MISSING.includes(onMissing)) {
    throw invalidChoice(`${option}.onMissing`, ON_MISSING, onMissing)
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

/** The evidence for the breach of a condition. */
export interface ConditionProof {
  /** 0, or NaN if the check failed. */
  readonly value: number
  /** The error of a failed check. */
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
   * @param isReal whether it stays on the real clock, even if a test has replaced the clock
   * @param step takes an outcome: 0 if the condition holds, 1 if not, NaN if unknown. Returns whether that is the evidence
   *   of a breach
   */
  constructor(condition: ParsedCondition, isReal: boolean, step: (value: number, late: number) => boolean) {
    this.#condition = condition
    this.#step = step
    this.#poll = new Poll({ ...condition, abortable: true }, (outcome) => this.#take(outcome), isReal)
  }

  get name(): string {
    return this.#condition.name
  }

  /** The evidence for the latest breach. */
  get proof(): ConditionProof {
    return this.#proof
  }

  /** Why it is unknown whether the condition holds; undefined while it is known. */
  get lost(): ConditionUnknownError | undefined {
    return this.#lost
  }

  /** Runs the first check. @throws ConditionUnknownError if it fails synchronously and `onMissing` is 'throw' */
  start(): void {
    this.#poll.start()
    if (this.#lost !== undefined) throw this.#lost
  }

  stop(): void {
    this.#poll.stop()
  }

  #take(outcome: Outcome): void {
    const { name, onMissing } = this.#condition
    const late = outcome.late >= LATE_MS ? outcome.late : 0
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
