/** Why something was canceled, and the sink that sources report to. */

/** The proof of a crossed limit. Times are milliseconds on the clock of `performance.now()`. */
export interface Breach {
  /** Name of the metric: `'memory'`. */
  readonly metric: string
  /** The value that crossed the limit. */
  readonly value: number
  /** The line that was crossed, in the unit of the metric. */
  readonly limit: number
  readonly direction: 'above' | 'below'
  readonly unit: string
  /** When the value was first seen beyond the limit; `for` counts from here. */
  readonly since: number
  /** When the breach was decided. */
  readonly at: number
  /** Where the value was read: `'/sys/fs/cgroup/memory.current'`. */
  readonly origin: string
  /** The last values up to the breach, oldest first. */
  readonly recent: readonly number[]
}

interface ReasonBase {
  /** One line for a person. */
  readonly message: string
  /** When it happened, in milliseconds on the clock of `performance.now()`. */
  readonly at: number
}

export interface TimeoutReason extends ReasonBase {
  readonly kind: 'timeout'
  /** The time that was allowed, in milliseconds. */
  readonly timeout: number
  /** When it ran out, in milliseconds on the clock of `performance.now()`. */
  readonly deadline: number
}
export interface ManualReason extends ReasonBase {
  readonly kind: 'manual'
  /** Who asked, where they said so. */
  readonly by?: string
}
export interface SignalReason extends ReasonBase {
  readonly kind: 'signal'
  readonly signal: NodeJS.Signals
}
export interface ConditionReason extends ReasonBase {
  readonly kind: 'condition'
  /** The condition's name. */
  readonly condition: string
  /** How often it had been checked when it held. */
  readonly checks: number
}
export interface ResourceReason extends ReasonBase {
  readonly kind: 'resource'
  /** The guard's name. */
  readonly guard: string
  readonly breach: Breach
}
export interface AbortReason extends ReasonBase {
  readonly kind: 'abort'
  /** The foreign signal's own reason, whatever it is. */
  readonly cause: unknown
}
export interface ParentReason extends ReasonBase {
  readonly kind: 'parent'
  /** The parent's whole reason; absent where the parent simply ended. */
  readonly parent?: CancelationReason
  readonly parentId: string
}
export interface AllReason extends ReasonBase {
  readonly kind: 'all'
  /** The reasons that had to come together, in the order in which they came. */
  readonly causes: readonly CancelationReason[]
}
export interface ErrorReason extends ReasonBase {
  readonly kind: 'error'
  readonly cause: unknown
}

/** Why an operation was canceled. Narrow it by `kind`. Frozen once made. */
export type CancelationReason =
  | TimeoutReason
  | ManualReason
  | SignalReason
  | ConditionReason
  | ResourceReason
  | AbortReason
  | ParentReason
  | AllReason
  | ErrorReason

/** Where a source reports. Only the first report counts; later ones return false. */
export interface CancelSink {
  cancel(reason: CancelationReason): boolean
}

/** Digs through `parent` reasons down to what happened in the first place. */
export function rootCause(reason: CancelationReason): CancelationReason {
  let root = reason
  while (root.kind === 'parent' && root.parent !== undefined) root = root.parent
  return root
}
