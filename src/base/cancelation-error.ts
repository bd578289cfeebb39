/** The errors that canceled operations reject with: one class per kind of reason. */
import { cloneable } from './cloneable-reason.js'
import { invalidType, invalidValue } from './errors.js'
import { kContext, kName, type OperationContext } from './operation-context.js'
import { inspectWith, kInspect, type Inspect, type InspectOptions } from './printing.js'
import { completeReason, type ReasonFields } from './reason-fields.js'
import { Reason } from './reason-record.js'
import {
  amended,
  isReason,
  manualReason,
  type AbortReason,
  type AllReason,
  type CancelationReason,
  type ConditionReason,
  type CustomReason,
  type ErrorReason,
  type IdleReason,
  type ManualReason,
  type OomReason,
  type ParentReason,
  type ResourceReason,
  type SignalReason,
  type TimeoutReason,
} from './reason.js'

/** The operation that an error is about. */
interface Canceled {
  readonly [kContext]: OperationContext
  readonly [kName]: string | undefined
}

/**
 * What an error can be made of: for an error of a certain kind the reason's own fields, for one of the kind `'manual'` also
 * its message.
 */
export type GivenReason<R extends CancelationReason> =
  | (ManualReason extends R ? string : never)
  | (CancelationReason extends R ? never : ReasonFields<R>)

const kKind = Symbol('tripline.kind')
const BRAND = Symbol.for('tripline.CancelationError')

/**
 * The error of a canceled operation; `reason` says why. It is the same object as the operation's `signal.reason`. If the
 * body itself failed after the cancelation, that error is the `cause`.
 *
 * @example
 * try {
 *   await Cancelable.run(work, { timeout: '5s' })
 * } catch (error) {
 *   if (!CancelationError.is(error)) throw error
 *   console.log(error.reason.kind, error.message)
 * }
 */
export class CancelationError<R extends CancelationReason = CancelationReason> extends Error {
  /**
   * Whether new errors get a stack trace. Capturing one costs more than all the rest of a cancelation.
   *
   * @default false
   */
  static captureStack: boolean = false

  /** The code of this class, which is the same for every kind of reason. */
  declare readonly code: 'ERR_TRIPLINE_CANCELED'
  /** The name of the operation that was canceled; absent if it has none. */
  declare readonly operationName?: string
  // Not an own property: Node prints those of an error that nothing catches, and the reason is the `cause` already.
  readonly #reason: R
  readonly #operation: Canceled | undefined

  /**
   * An error to throw in a body, which cancels the operation with its reason.
   *
   * @example
   * throw new ManualCancelation('The user left the page')
   * throw new TimeoutCancelation({ timeout: 5000, message: 'The device did not answer' })
   * @param reason a whole reason, its fields without `kind` and `at`, or a message, for a reason of the kind `'manual'`
   * @param options its `cause` replaces the reason as the error's `cause`
   * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` for anything else, or a reason of another kind
   */
  constructor(reason: R | GivenReason<R>, options?: ErrorOptions) {
    const own = toOwn(reason, new.target.prototype as Kinded)
    super(own.message)
    this.#reason = own as R
    const canceled = options !== undefined && kContext in options ? (options as Canceled) : undefined
    this.#operation = canceled
    if (canceled?.[kName]) this.operationName = canceled[kName]
    // The only field that a structured clone keeps beside the message.
    this.cause = cloneable(own)
    if (canceled === undefined && options?.cause !== undefined) replaceCause(this, options.cause)
  }

  /** Why it was canceled; narrow it by `kind`. */
  get reason(): R {
    return this.#reason
  }

  /** The operation that was canceled; `undefined` where a token or a signal threw on its own. */
  get context(): OperationContext | undefined {
    return this.#operation?.[kContext]
  }

  /** The operation's partial result, as it is now; `undefined` where there is no operation. */
  get partialResult(): unknown {
    return this.#operation?.[kContext].partialResult
  }

  /** Whether `error` is a cancelation error, of this or any other copy of the package. Never throws. */
  static is(error: unknown): error is CancelationError {
    try {
      return typeof error === 'object' && error !== null && BRAND in error
    } catch {
      // The value is a revoked proxy.
      return false
    }
  }

  /**
   * The error again from what a structured clone (`postMessage`, `structuredClone`) has left of it: a plain `Error` with the
   * message, and the reason as its `cause`. It has no operation, and its times are on the clock of the thread it came from.
   *
   * @returns `undefined` if `error` is neither a cancelation error nor the clone of one
   */
  static from(error: unknown): CancelationError | undefined {
    if (this.is(error)) return error
    const reason: unknown = error instanceof Error ? error.cause : undefined
    if (!isReason(reason) || reason.message !== (error as Error).message) return undefined
    return cancelationError(amended(reason, {}))
  }

  /** For logs: `name`, `message`, `code`, `reason`, and the `operation` with its id and name. */
  toJSON(): Record<string, unknown> {
    const { name, message, code, reason, context } = this
    return { name, message, code, reason, operation: context && { id: context.id, name: context.name } }
  }

  /** @internal */
  [kInspect](depth: number, options: InspectOptions, inspect: Inspect): string {
    const { operationName, reason, cause } = this
    const head = this.stack ?? String(this)
    const shown = head.includes('\n') ? head : `[${head}]`
    return depth < 0
      ? shown
      : `${shown} ${inspectWith({ operationName, reason, cause: isReason(cause) ? undefined : cause }, depth, options, inspect)}`
  }

  static {
    Object.assign(this.prototype, { name: 'CancelationError', code: 'ERR_TRIPLINE_CANCELED', [BRAND]: true })
    // For loggers that go through the properties of errors with `for in`.
    Object.defineProperty(this.prototype, 'reason', { enumerable: true })
  }
}

/** Sets the cause to something else than the reason, which then becomes visible as a property of its own. */
export function replaceCause(error: CancelationError, cause: unknown): void {
  error.cause = cause
  Object.defineProperty(error, 'reason', { value: error.reason, enumerable: true, configurable: true })
}

/** The time ran out. The error's `name` is `'TimeoutError'`, as with `AbortSignal.timeout`. */
export class TimeoutCancelation extends CancelationError<TimeoutReason> {
  static {
    define(this, 'timeout', 'TimeoutError')
  }
}
/** Nothing has happened for the time of an option `idle`. */
export class IdleCancelation extends CancelationError<IdleReason> {
  static {
    define(this, 'idle', 'IdleCancelation')
  }
}
/** `cancel()` was called on the operation or on one of its tokens. */
export class ManualCancelation extends CancelationError<ManualReason> {
  static {
    define(this, 'manual', 'ManualCancelation')
  }
}
/** The process received an OS signal. */
export class SignalCancelation extends CancelationError<SignalReason> {
  static {
    define(this, 'signal', 'SignalCancelation')
  }
}
/** A condition held. */
export class ConditionCancelation extends CancelationError<ConditionReason> {
  static {
    define(this, 'condition', 'ConditionCancelation')
  }
}
/** A guard's limit was crossed. */
export class ResourceCancelation extends CancelationError<ResourceReason> {
  static {
    define(this, 'resource', 'ResourceCancelation')
  }
}
/** A foreign `AbortSignal` aborted. */
export class AbortCancelation extends CancelationError<AbortReason> {
  static {
    define(this, 'abort', 'AbortCancelation')
  }
}
/** The parent was canceled, or ended. */
export class ParentCancelation extends CancelationError<ParentReason> {
  static {
    define(this, 'parent', 'ParentCancelation')
  }
}
/** All sources of an `allOf` have reported. */
export class AllCancelation extends CancelationError<AllReason> {
  static {
    define(this, 'all', 'AllCancelation')
  }
}
/** `cancel()` was called with an error. */
export class ErrorCancelation extends CancelationError<ErrorReason> {
  static {
    define(this, 'error', 'ErrorCancelation')
  }
}

/** A source of one's own canceled, or `cancel()` was called with a {@link customReason}. */
export class CustomCancelation<D = unknown> extends CancelationError<CustomReason<D>> {
  static {
    define(this, 'custom', 'CustomCancelation')
  }
}

/** The reason was that of a command which the kernel's out-of-memory killer ended. */
export class OomCancelation extends CancelationError<OomReason> {
  static {
    define(this, 'oom', 'OomCancelation')
  }
}

/** The prototype of a class; that of the base class takes reasons of all kinds. */
interface Kinded {
  readonly [kKind]?: CancelationReason['kind']
}

function define(of: { readonly prototype: object }, kind: CancelationReason['kind'], name: string): void {
  Object.assign(of.prototype, { name, [kKind]: kind })
}

/** The reason of a new error. @throws TypeError */
function toOwn(given: unknown, of: Kinded): CancelationReason {
  const kind = of[kKind]
  const reason = given instanceof Reason ? (given as CancelationReason) : toReasonOf(kind, given)
  if (kind !== undefined && reason.kind !== kind)
    throw invalidValue('reason argument', `of the kind '${kind}'`, reason.kind)
  return reason
}

function toReasonOf(kind: CancelationReason['kind'] | undefined, given: unknown): CancelationReason {
  if (typeof given === 'string' && (kind ?? 'manual') === 'manual') return manualReason(given)
  if (isReason(given)) return amended(given, {})
  const help = kind === undefined ? 'a message or a CancelationReason' : `the fields of a reason of the kind '${kind}'`
  if (typeof given !== 'object' || given === null || kind === undefined)
    throw invalidType('reason argument', help, given)
  return completeReason(kind, given)
}

/** Creates an error of the class that belongs to the reason's kind. */
export function cancelationError(reason: CancelationReason, operation?: Canceled): CancelationError {
  if (CancelationError.captureStack) return create(reason, operation)
  const limit = Error.stackTraceLimit
  if (!Reflect.set(Error, 'stackTraceLimit', 0)) return create(reason, operation)
  const error = create(reason, operation)
  Error.stackTraceLimit = limit
  return error
}

/** @param operation recognized by the constructor, in place of its public options */
function create(reason: CancelationReason, canceled: Canceled | undefined): CancelationError {
  const operation = canceled as ErrorOptions | undefined
  switch (reason.kind) {
    case 'timeout':
      return new TimeoutCancelation(reason, operation)
    case 'idle':
      return new IdleCancelation(reason, operation)
    case 'manual':
      return new ManualCancelation(reason, operation)
    case 'signal':
      return new SignalCancelation(reason, operation)
    case 'condition':
      return new ConditionCancelation(reason, operation)
    case 'resource':
      return new ResourceCancelation(reason, operation)
    case 'abort':
      return new AbortCancelation(reason, operation)
    case 'parent':
      return new ParentCancelation(reason, operation)
    case 'all':
      return new AllCancelation(reason, operation)
    case 'error':
      return new ErrorCancelation(reason, operation)
    case 'custom':
      return new CustomCancelation(reason, operation)
    case 'oom':
      return new OomCancelation(reason, operation)
  }
}
