/**
 * The record of one operation, which every file of this folder works on. `Cancelable` implements it; all other files know
 * only the record. All keys are symbols: nothing that a user's subclass declares or overrides can reach the record.
 */
import { cancelationError, type CancelationError } from '../base/cancelation-error.js'
import { kName, type kContext, type OperationContext } from '../base/operation-context.js'
import type { CancelationReason } from '../base/reason.js'
import type { Link } from '../engine/link.js'
import type { Target } from '../engine/propagation.js'
import type { Timed } from '../engine/timers.js'
import { Extras } from './extras.js'

export const kStatus: unique symbol = Symbol('tripline.status')
export const kFlags: unique symbol = Symbol('tripline.flags')
export const kReason: unique symbol = Symbol('tripline.reason')
export const kParent: unique symbol = Symbol('tripline.parent')
export const kFirstChild: unique symbol = Symbol('tripline.firstChild')
export const kPreviousSibling: unique symbol = Symbol('tripline.previousSibling')
export const kNextSibling: unique symbol = Symbol('tripline.nextSibling')
export const kLinks: unique symbol = Symbol('tripline.links')
export const kTimeout: unique symbol = Symbol('tripline.timeout')
export const kStartedAt: unique symbol = Symbol('tripline.startedAt')
export const kEndedAt: unique symbol = Symbol('tripline.endedAt')
export const kResolve: unique symbol = Symbol('tripline.resolve')
export const kReject: unique symbol = Symbol('tripline.reject')
export const kExtras: unique symbol = Symbol('tripline.extras')

export { kName }

export interface Operation extends Target, Timed {
  /** One of the statuses of `state.ts`. */
  [kStatus]: number
  /** Flags of `state.ts`, and `WATCH_*` bits. */
  [kFlags]: number
  [kReason]: CancelationReason | null
  [kParent]: Operation | null
  [kFirstChild]: Operation | null
  /** For the first child, this is the last child. */
  [kPreviousSibling]: Operation | null
  [kNextSibling]: Operation | null
  [kLinks]: Link | null
  /** In milliseconds. */
  [kTimeout]: number | undefined
  [kStartedAt]: number | undefined
  /** In milliseconds. Until then, the promise of a run inside a parent; see `keepPromise`. */
  [kEndedAt]: number | Promise<unknown> | undefined
  [kResolve]: ((value: unknown) => void) | null
  /** Rejects the run. Afterwards, if there are no extras to hold it, the error itself. */
  [kReject]: ((error: unknown) => void) | CancelationError | null
  /** Here and not in the extras, because a name alone should cost little. */
  [kName]: string | undefined
  [kExtras]: Extras | null
  readonly [kContext]: OperationContext
}

/** When it ended, in milliseconds; undefined if that was not recorded. */
export function endedAtOf(operation: Operation): number | undefined {
  const endedAt = operation[kEndedAt]
  return typeof endedAt === 'number' ? endedAt : undefined
}

/** The extras, made on first use. */
export function extrasOf(operation: Operation): Extras {
  return (operation[kExtras] ??= new Extras())
}

/** The one error of a canceled operation. */
export function errorOf(operation: Operation): CancelationError {
  const kept = operation[kReject]
  if (typeof kept === 'object' && kept !== null) return kept
  const extras = extrasOf(operation)
  return (extras.error ??= cancelationError(operation[kReason]!, operation))
}
