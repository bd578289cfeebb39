/** The errors that canceled operations reject with: one class per kind of reason. */
import { kContext, type OperationContext } from './operation-context.js'
import type {
  AbortReason,
  AllReason,
  CancelationReason,
  ConditionReason,
  ErrorReason,
  ManualReason,
  ParentReason,
  ResourceReason,
  SignalReason,
  TimeoutReason,
} from './reason.js'

/** The operation that an error is about. */
interface Canceled {
  readonly [kContext]: OperationContext
}

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
  /** Why it was canceled; narrow it by `kind`. */
  readonly reason: R
  readonly #operation: Canceled | undefined

  /** @internal Made by operations and tokens; see {@link cancelationError}. */
  constructor(reason: R, operation?: Canceled) {
    super()
    this.reason = reason
    this.#operation = operation
  }

  /** The reason's message: one line for people. */
  override get message(): string {
    // Some engines read the message while the error is being constructed.
    return (this.reason as R | undefined)?.message ?? ''
  }
  override set message(message: string) {
    Object.defineProperty(this, 'message', { value: message, writable: true, configurable: true })
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

  static {
    Object.assign(this.prototype, { name: 'CancelationError', code: 'ERR_TRIPLINE_CANCELED', [BRAND]: true })
  }
}

/** The time ran out. The error's `name` is `'TimeoutError'`, as with `AbortSignal.timeout`. */
export class TimeoutCancelation extends CancelationError<TimeoutReason> {
  static {
    this.prototype.name = 'TimeoutError'
  }
}
/** `cancel()` was called on the operation or on one of its tokens. */
export class ManualCancelation extends CancelationError<ManualReason> {
  static {
    this.prototype.name = 'ManualCancelation'
  }
}
/** The process received an OS signal. */
export class SignalCancelation extends CancelationError<SignalReason> {
  static {
    this.prototype.name = 'SignalCancelation'
  }
}
/** A condition held. */
export class ConditionCancelation extends CancelationError<ConditionReason> {
  static {
    this.prototype.name = 'ConditionCancelation'
  }
}
/** A guard's limit was crossed. */
export class ResourceCancelation extends CancelationError<ResourceReason> {
  static {
    this.prototype.name = 'ResourceCancelation'
  }
}
/** A foreign `AbortSignal` aborted. */
export class AbortCancelation extends CancelationError<AbortReason> {
  static {
    this.prototype.name = 'AbortCancelation'
  }
}
/** The parent was canceled, or ended. */
export class ParentCancelation extends CancelationError<ParentReason> {
  static {
    this.prototype.name = 'ParentCancelation'
  }
}
/** All sources of an `allOf` have reported. */
export class AllCancelation extends CancelationError<AllReason> {
  static {
    this.prototype.name = 'AllCancelation'
  }
}
/** `cancel()` was called with an error. */
export class ErrorCancelation extends CancelationError<ErrorReason> {
  static {
    this.prototype.name = 'ErrorCancelation'
  }
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

function create(reason: CancelationReason, operation: Canceled | undefined): CancelationError {
  switch (reason.kind) {
    case 'timeout':
      return new TimeoutCancelation(reason, operation)
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
  }
}
