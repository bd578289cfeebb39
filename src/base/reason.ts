/** Why something was canceled, and the sink that sources report to. */
import { types } from 'node:util'
import { now } from './clock.js'
import { invalidType, invalidValue } from './errors.js'
import { readOptions } from './options.js'
import { Reason } from './reason-record.js'
import { oomText, type OomKill } from './oom.js'
import type { Selector } from './selector.js'
import { formatDuration } from './units.js'

/** A function that was running, and where in it. */
export interface StackFrame {
  /** Its name, cut off after 127 bytes; empty if it has none. */
  readonly function: string
  /**
   * The script as V8 knows it: a path, a URL (`file:`, `node:`, `wasm:`), or the `filename` of a `vm.Script`. Empty for code
   * from `eval` and `new Function`. Not to be trusted: code chooses its names.
   */
  readonly file: string
  /** Counted from 1. */
  readonly line: number
  /** Counted from 1; in WebAssembly the offset of the instruction in bytes. */
  readonly column: number
}

/**
 * The evidence of a crossed limit, or of a condition that does not hold. All times are in milliseconds on the clock of
 * `performance.now()`.
 */
export interface Breach {
  /** Name of the metric: `'memory'`; or of the condition. */
  readonly metric: string
  /** Which disk, sensor, process and so on, as the limit names it, with a `path` made absolute; absent if it names none. */
  readonly selector?: Selector
  /**
   * The value that crossed the limit, in the unit of the metric; NaN if the metric went missing. For a condition 0, or NaN
   * where its check failed.
   */
  readonly value: number
  /** The line that was crossed, in the unit of the metric; 1 for a condition. */
  readonly limit: number
  /** The side of the line that the value was on. */
  readonly direction: 'above' | 'below'
  /** The unit of the metric: `'%'`, `'bytes'`; or `'condition'`. */
  readonly unit: string
  /** When the value was first seen beyond the limit; `for` counts from here. */
  readonly since: number
  /** When the breach was decided. */
  readonly at: number
  /** The file or API that the value was read from: `'/sys/fs/cgroup/memory.current'`; `'check'` for a condition. */
  readonly origin: string
  /** The last values up to the breach, oldest first. */
  readonly recent: readonly number[]
  /**
   * For a limit on `eventLoop.delay` with `stack: true`: what was running when the loop was seen to be blocked, the newest
   * call first, 32 at most. Absent if the block ended before that was known, and where the runtime does not allow it.
   */
  readonly stack?: readonly StackFrame[]
  /** For a condition, the error of its check; absent if the check returned false. */
  readonly error?: unknown
}

/** What canceled, as far as it has a name. */
export interface Origin {
  /** What is behind the cancelation, if the caller of `cancel` named it, such as a user or a rule: `'admin'`, `'deploy 17'`. */
  readonly by?: string | undefined
  /** The name of the token or source that canceled; absent if it has none. */
  readonly source?: string | undefined
}

/** The properties that all reasons have. */
interface ReasonBase<K extends string> extends Origin {
  /** The kind of reason; it narrows the type. */
  readonly kind: K
  /** One line for people. */
  readonly message: string
  /** When it happened, in milliseconds on the clock of `performance.now()`. */
  readonly at: number
}

/** The time ran out: a `timeout`, a `deadline`, or a `TimeoutSource`. */
export interface TimeoutReason extends ReasonBase<'timeout'> {
  /** The time that was allowed, in milliseconds. */
  readonly timeout: number
  /** When it ran out, in milliseconds on the clock of `performance.now()`. */
  readonly deadline: number
}
/** Nothing has happened for the time of an option `idle`: no progress, no item, no touch; or a command has written nothing. */
export interface IdleReason extends ReasonBase<'idle'> {
  /** For how long, in milliseconds. */
  readonly idle: number
}
/** `cancel()` was called with a message, or without an argument. */
export interface ManualReason extends ReasonBase<'manual'> {
  /** What is behind the cancelation, if the caller of `cancel` named it. */
  readonly by?: string | undefined
}
/** The process received an OS signal. */
export interface SignalReason extends ReasonBase<'signal'> {
  /** Its name: `'SIGTERM'`. */
  readonly signal: NodeJS.Signals
}
/** A condition held. */
export interface ConditionReason extends ReasonBase<'condition'> {
  /** The condition's name. */
  readonly condition: string
  /** How often it was checked, including the check that found it to hold. */
  readonly checks: number
}
/** A guard's limit was crossed. */
export interface ResourceReason extends ReasonBase<'resource'> {
  /** The guard's name. */
  readonly guard: string
  /** The evidence. */
  readonly breach: Breach
}
/** A foreign `AbortSignal` aborted. */
export interface AbortReason extends ReasonBase<'abort'> {
  /** The foreign signal's own reason, whatever it is. */
  readonly cause: unknown
}
/** The parent was canceled, or ended. */
export interface ParentReason extends ReasonBase<'parent'> {
  /** The parent's own reason; absent if the parent simply ended. */
  readonly parent?: CancelationReason
  /** The parent's id. */
  readonly parentId: string
}
/** All sources of an `allOf` have reported. */
export interface AllReason extends ReasonBase<'all'> {
  /** The reasons of the sources, in the order in which they reported. */
  readonly causes: readonly CancelationReason[]
}
/** `cancel()` was called with an error, or a condition with `onError: 'cancel'` failed. */
export interface ErrorReason extends ReasonBase<'error'> {
  /** The error. */
  readonly cause: unknown
}

/** The reason of a source of one's own; see {@link customReason}. */
export interface CustomReason<D = unknown> extends ReasonBase<'custom'> {
  /** Whatever the source has to say. */
  readonly data: D
}

/** The kernel's out-of-memory killer ended a command, or a part of its tree. Only the result of `run` has this reason. */
export interface OomReason extends ReasonBase<'oom'>, OomKill {
  /** The kind of this reason. */
  readonly kind: 'oom'
}

/**
 * Why an operation was canceled. Narrow it by `kind`. Frozen once made. Its text is its message, and its JSON is short and
 * safe to log.
 */
export type CancelationReason =
  | TimeoutReason
  | IdleReason
  | ManualReason
  | SignalReason
  | ConditionReason
  | ResourceReason
  | AbortReason
  | ParentReason
  | AllReason
  | ErrorReason
  | CustomReason
  | OomReason

/** Receives the reason of a source. */
export interface CancelSink {
  /** Cancels. Only the first report counts; later ones return false. */
  cancel(reason: CancelationReason): boolean
}

/**
 * Follows `parent` reasons down to what happened in the first place.
 *
 * @example
 * if (rootCause(error.reason).kind === 'timeout') retry()
 */
export function rootCause(reason: CancelationReason): CancelationReason {
  let root = reason
  while (root.kind === 'parent' && root.parent !== undefined) root = root.parent
  return root
}

/** Makes a reason. It is frozen, because all operations that it reaches share it. */
function made<R extends CancelationReason>(kind: R['kind'], message: string, fields: Own<R>): R {
  return Object.freeze(Object.assign(new Reason(kind, message, now()), fields)) as unknown as R
}

/** The fields that only reasons of this kind have. */
type Own<R extends CancelationReason> = Omit<R, keyof ReasonBase<string>> & Origin

/** A copy of the reason with other fields. @internal */
export function amended<R extends CancelationReason>(reason: R, fields: Partial<R>): R {
  const { kind, message, at } = reason
  return Object.freeze(Object.assign(new Reason(kind, message, at), reason, fields))
}

/** @internal */
export function timeoutReason(timeout: number, deadline: number): TimeoutReason {
  const message = timeout === 0 ? 'The time had run out already' : `Timed out after ${formatDuration(timeout)}`
  return made<TimeoutReason>('timeout', message, { timeout, deadline })
}

/** @param what has not come: `'progress'`, `'item'` @internal */
export function idleReason(idle: number, what: string = 'progress'): IdleReason {
  return made<IdleReason>('idle', `No ${what} for ${formatDuration(idle)}`, { idle })
}

/** @internal */
export function manualReason(message: string = 'Canceled'): ManualReason {
  return made<ManualReason>('manual', message, {})
}

/** @internal */
export function signalReason(signal: NodeJS.Signals): SignalReason {
  return made<SignalReason>('signal', `Received ${signal}`, { signal })
}

/** @internal */
export function conditionReason(condition: string, checks: number): ConditionReason {
  return made<ConditionReason>('condition', `The condition '${condition}' held`, { condition, checks })
}

/** @internal */
export function resourceReason(guard: string, breach: Breach, message: string): ResourceReason {
  return made<ResourceReason>('resource', message, { guard, breach })
}

/** @internal */
export function abortReason(cause: unknown): AbortReason {
  return made<AbortReason>('abort', `Aborted: ${messageOf(cause)}`, { cause })
}

/** The reason for a child whose parent was canceled for the reason `parent`, or simply ended. @internal */
export function parentReason(parentId: string, parent: CancelationReason | null): ParentReason {
  if (parent === null) return made<ParentReason>('parent', 'The parent operation ended', { parentId })
  // Do not prefix the message at every level: it would grow with the depth of the chain.
  const message = parent.kind === 'parent' ? parent.message : `The parent operation was canceled: ${parent.message}`
  return made<ParentReason>('parent', message, { parent, parentId })
}

/** @internal */
export function allReason(causes: readonly CancelationReason[]): AllReason {
  const message = `All of: ${causes.map((cause) => cause.message).join('; ')}`
  return made<AllReason>('all', message, { causes: Object.freeze([...causes]) })
}

/** @internal */
export function errorReason(cause: unknown): ErrorReason {
  return made<ErrorReason>('error', messageOf(cause), { cause })
}

/** @internal */
export function oomReason(kill: OomKill): OomReason {
  return made<OomReason>('oom', oomText(kill), kill)
}

/**
 * A reason of the kind `'custom'`, for sources of one's own and for `cancel()`.
 *
 * @example
 * token.cancel(customReason('The queue is full', { queue: 'mail', length: 10_000 }))
 * @param data anything that says more; keep it small, because logs and other threads get it
 * @throws TypeError `ERR_INVALID_ARG_TYPE` for a message that is not a string
 */
export function customReason<D>(message: string, data: D, origin: Origin = {}): CustomReason<D> {
  if (typeof message !== 'string') throw invalidType('message argument', 'a string', message)
  const { by, source } = checkOrigin(origin)
  return made<CustomReason<D>>('custom', message, { data, ...(by && { by }), ...(source && { source }) })
}

/** @throws TypeError `ERR_INVALID_ARG_TYPE` @internal */
export function checkOrigin(origin: Origin): Origin {
  const own = readOptions(origin, 'option', ['by', 'source'])
  for (const key of ['by', 'source'] as const) {
    const value: unknown = own[key]
    if (value !== undefined && typeof value !== 'string') throw invalidType(key, 'a string', value)
  }
  return own
}

/** The kinds of reasons. @internal */
export const REASON_KINDS: ReadonlySet<string> = new Set<CancelationReason['kind']>([
  'timeout',
  'idle',
  'manual',
  'signal',
  'condition',
  'resource',
  'abort',
  'parent',
  'all',
  'error',
  'custom',
  'oom',
])

/**
 * The reason for an argument of `cancel()`.
 *
 * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`
 * @internal
 */
export function toReason(given: unknown): CancelationReason {
  if (given === undefined) return manualReason()
  if (typeof given === 'string') return manualReason(given)
  // Do not check the class: this layer is below the error classes, and errors of another copy of the package count too.
  if (isError(given)) {
    const reason = (given as { reason?: unknown }).reason
    return isReason(reason) ? reason : errorReason(given)
  }
  if (isReason(given)) return given instanceof Reason && Object.isFrozen(given) ? given : amended(given, {})
  if (typeof given === 'object' && given !== null && 'kind' in given) {
    throw invalidValue('reason argument', `one with a known kind, a message and a time`, given)
  }
  throw invalidType('reason argument', 'a string, an Error or a CancelationReason', given)
}

/** The reason for whatever the listener of an event is called with. @throws TypeError as {@link toReason} @internal */
export function eventReason(given: unknown): CancelationReason {
  const says =
    typeof given === 'string' || isError(given) || (typeof given === 'object' && given !== null && 'kind' in given)
  return toReason(says ? given : undefined)
}

/** The reason with its origin, unless it names one already. @internal */
export function fromOrigin(reason: CancelationReason, { by, source }: Origin): CancelationReason {
  const added = {
    ...(by !== undefined && reason.by === undefined && { by }),
    ...(source !== undefined && reason.source === undefined && { source }),
  }
  return Object.keys(added).length === 0 ? reason : amended(reason, added)
}

/** @internal */
export function isReason(value: unknown): value is CancelationReason {
  if (typeof value !== 'object' || value === null) return false
  const { kind, message, at } = value as Partial<CancelationReason>
  return typeof kind === 'string' && REASON_KINDS.has(kind) && typeof message === 'string' && typeof at === 'number'
}

/** One line about anything that can be thrown. @internal */
export function messageOf(cause: unknown): string {
  try {
    const text: unknown = isError(cause) ? cause.message || cause.name : cause
    return String(text)
  } catch {
    return 'something that cannot be printed'
  }
}

/** Whether the value is an error, of this realm or another. */
function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value)
}
