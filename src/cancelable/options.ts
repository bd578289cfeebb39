/** The options of an operation, and their checks. */
import { AliveHold } from '../base/alive.js'
import { ofThisCopy } from '../base/copies.js'
import { invalidChoice, invalidType, invalidValue, unknownName } from '../base/errors.js'
import { ownOptions } from '../base/options.js'
import type { Guard } from '../monitor/guard.js'
import type { Limits } from '../monitor/limits.js'
import { abortLink, checkAbortSignal } from '../sources/abort.js'
import { ConditionSource, type Condition } from '../sources/condition.js'
import { checkResources, resourceLink } from '../sources/resource.js'
import { idleLink } from './idle.js'
import { addLink } from './links.js'
import { checkSignals, signalLink } from '../sources/signal.js'
import { checkSource, kLink, linkTo, type CancelationSource } from '../sources/source.js'
import { checkToken, tokenLink, type CancelationToken } from '../sources/token.js'
import { parseDuration, type Duration } from '../base/units.js'
import { kName, extrasOf, kFlags, kParent, kFirstChild, kLinks, kTimeout, type Operation } from './operation.js'
import { PARENTLESS } from './state.js'
import { registerAtStart, type Registrar } from './registration.js'

/** The shape of a `Temporal.Instant`, by which it is recognized: Node 20 has no Temporal. */
export interface InstantLike {
  /** `'Temporal.Instant'`. */
  readonly [Symbol.toStringTag]: string
  /** Milliseconds since 1970. */
  readonly epochMilliseconds: number
}

/** The options of an operation without its parent. */
export interface OperationOptions {
  /** How long it may take, counted from the start. 0 cancels at the start. @default Infinity */
  timeout?: Duration | undefined
  /**
   * Cancels it when nothing has happened in it or below it for this long: no progress, no item of a stream, no `touch()`. The
   * reason is of the kind `'idle'`. A `timeout` beside it limits the whole time.
   *
   * @default Infinity
   */
  idle?: Duration | undefined
  /** A moment of the wall clock at which it is canceled; with a `timeout`, the earlier counts. @default none */
  deadline?: Date | InstantLike | undefined
  /** Cancels it when one of these tokens is canceled. */
  token?: CancelationToken | readonly CancelationToken[] | undefined
  /** Cancels it when one of these signals aborts; `signal` is the name that `fetch` and Node's own functions use. */
  signal?: AbortSignal | readonly AbortSignal[] | undefined
  /** The same as `signal`; given both, either cancels. */
  abortSignal?: AbortSignal | readonly AbortSignal[] | undefined
  /**
   * OS signals that cancel it, by name: `['SIGINT', 'SIGTERM']`. While the operation runs, their default action is off. Only
   * on the main thread.
   */
  signals?: readonly NodeJS.Signals[] | undefined
  /** Cancels it as soon as one of these holds; they are first checked at the start. */
  condition?: Condition | readonly Condition[] | undefined
  /** Cancels it when a limit is crossed: limits, shared with every operation that has equal ones, or a guard. */
  resources?: Limits | Guard | undefined
  /** Any other sources: `anyOf(...)`, `allOf(...)`, or implementations of {@link CancelationSource}. */
  sources?: readonly CancelationSource[] | undefined
  /**
   * The grace period: how long the body, its children and its cleanups may go on after a cancelation before they are
   * abandoned. With 0 they have one turn of the event loop.
   *
   * @default 1 s for a body that has learned of the cancelation, and for cleanups; else 0. docs/nesting.md has the whole rule
   */
  grace?: Duration | undefined
  /**
   * Whether it keeps the process alive while it runs, as a program needs that waits for nothing else. `sleep` always does.
   *
   * @default false
   */
  ref?: boolean | undefined
  /**
   * What the error of a task does: cancel the other tasks and fail the operation, or nothing; see `task()`.
   *
   * @default 'cancel'
   */
  onChildError?: 'cancel' | 'ignore' | undefined
  /** Identifies it in logs and in reasons of its children. @default a new one, unique in this thread */
  id?: string | undefined
  /** For logs, messages and diagnostics. @default none */
  name?: string | undefined
  /** Any data of the caller's, for logs and listeners. @default none */
  metadata?: Readonly<Record<string, unknown>> | undefined
  /**
   * Registers it from its start to its end: in this registry, or with `true` in the one that `tripline/registry` exports.
   *
   * @default false
   */
  register?: boolean | Registrar | undefined
}

export type OptionName = keyof OperationOptions | 'parent'

/** The names of all options. */
export const CANCELABLE_OPTIONS: readonly OptionName[] = [
  'timeout',
  'idle',
  'deadline',
  'token',
  'signal',
  'abortSignal',
  'signals',
  'condition',
  'resources',
  'sources',
  'parent',
  'grace',
  'onChildError',
  'ref',
  'id',
  'name',
  'metadata',
  'register',
]

/**
 * Checks and applies the options; nothing is armed yet. It goes over the given options once, because looking up every
 * name for each operation would cost more than everything else.
 *
 * @throws TypeError, RangeError with Node's codes, naming the option
 */
export function configure(operation: Operation, options: OperationOptions): void {
  const own = ownOptions(options, CANCELABLE_OPTIONS)
  for (const key in own) {
    const value: unknown = own[key as keyof OperationOptions]
    if (value !== undefined) take(operation, key as OptionName, value)
  }
}

/** Applies one option, in addition to what was given before; of several times, the shortest counts. */
export function take(operation: Operation, key: OptionName, value: unknown): void {
  // The usual ones, in a function that is short enough to be inlined.
  if (key === 'timeout') {
    const timeout = parseDuration(value, key, true)
    const before = operation[kTimeout]
    if (timeout !== Infinity && (before === undefined || timeout < before)) operation[kTimeout] = timeout
  } else if (key === 'token') {
    if (Array.isArray(value)) takeTokens(operation, value)
    else addLink(operation, tokenLink(checkToken(value, key), operation))
  } else if (key === 'parent') {
    if (value === null) operation[kFlags] |= PARENTLESS
    else operation[kParent] = checkParent(value)
  } else {
    takeOther(operation, key, value)
  }
}

function takeTokens(operation: Operation, tokens: readonly unknown[]): void {
  let last = operation[kLinks]
  for (const each of tokens) last = addLink(operation, tokenLink(checkToken(each, 'token'), operation), last)
}

function takeOther(
  operation: Operation,
  key: Exclude<OptionName, 'timeout' | 'token' | 'parent'>,
  value: unknown,
): void {
  let last = operation[kLinks]
  switch (key) {
    case 'idle': {
      const idle = parseDuration(value, key, true)
      if (idle !== Infinity) addLink(operation, idleLink(idle, operation))
      break
    }
    case 'onChildError':
      if (value !== 'cancel' && value !== 'ignore') throw invalidChoice(key, ['cancel', 'ignore'], value)
      extrasOf(operation).ignoresTaskErrors = value === 'ignore'
      break
    case 'deadline': {
      const extras = extrasOf(operation)
      extras.deadline = Math.min(parseDeadline(value), extras.deadline)
      break
    }
    case 'signal':
    case 'abortSignal':
      for (const each of listOf(value))
        last = addLink(operation, abortLink(checkAbortSignal(each, key), operation), last)
      break
    case 'signals':
      for (const each of checkSignals(value, key)) addLink(operation, signalLink(each, operation))
      break
    case 'condition':
      for (const each of listOf(value))
        last = addLink(operation, new ConditionSource(each as Condition)[kLink](operation), last)
      break
    case 'resources':
      addLink(operation, resourceLink(checkResources(value as Limits | Guard), operation))
      break
    case 'sources':
      if (!Array.isArray(value)) throw invalidType(key, 'an array of sources', value)
      for (const each of value) last = addLink(operation, linkTo(checkSource(each, key), operation), last)
      break
    case 'grace':
      extrasOf(operation).grace = parseDuration(value, key)
      break
    case 'ref':
      if (typeof value !== 'boolean') throw invalidType(key, 'true or false', value)
      extrasOf(operation).alive = value ? new AliveHold() : undefined
      break
    case 'id':
      if (typeof value !== 'string') throw invalidType(key, 'a string', value)
      extrasOf(operation).id = value
      break
    case 'name':
      if (typeof value !== 'string') throw invalidType(key, 'a string', value)
      operation[kName] = value
      break
    case 'metadata':
      if (typeof value !== 'object' || value === null) throw invalidType(key, 'an object', value)
      extrasOf(operation).metadata = value as Record<string, unknown>
      break
    case 'register':
      registerAtStart(operation, value)
      break
    default:
      throw unknownName('option', key, CANCELABLE_OPTIONS)
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value]
}

function checkParent(value: unknown): Operation {
  // Checked by shape, because this file is below the class.
  if (typeof value === 'object' && value !== null && kFirstChild in value) return value as Operation
  const foreign = ofThisCopy(value)
  throw invalidType('parent', `a Cancelable${foreign === '' ? ', or null for none' : foreign}`, value)
}

/** Milliseconds since 1970. */
function parseDeadline(value: unknown): number {
  const help = 'a Date or a Temporal.Instant'
  if (typeof value !== 'object' || value === null) throw invalidType('deadline', help, value)
  const time =
    value instanceof Date
      ? value.getTime()
      : (value as InstantLike)[Symbol.toStringTag] === 'Temporal.Instant'
        ? (value as InstantLike).epochMilliseconds
        : undefined
  if (time === undefined) throw invalidType('deadline', help, value)
  if (Number.isNaN(time)) throw invalidValue('deadline', 'a valid date', value)
  return time
}
