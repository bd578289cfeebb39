/** The options of a protected worker, and their checks. */
import type { Job } from 'bullmq'
import { invalidType, invalidValue } from '../../base/errors.js'
import { readOptions } from '../../base/options.js'
import type { CancelationReason } from '../../base/reason.js'
import { checkWhole, parseDuration, type Duration } from '../../base/units.js'
import { Cancelable } from '../../cancelable/cancelable.js'
import type { OperationOptions } from '../../cancelable/options.js'
import { guard, isGuard, type Guard } from '../../monitor/guard.js'
import type { Limits } from '../../monitor/limits.js'
import { checkResources } from '../../sources/resource.js'
import { parseHeartbeat, type HeartbeatOptions, type ParsedHeartbeat } from './heartbeat.js'

/**
 * What becomes of a job whose operation was canceled.
 *
 * - `requeue`: it goes back to waiting, and the attempt does not count
 * - `fail`: the attempt has failed, and BullMQ tries again as the job's `attempts` and `backoff` say
 * - `discard`: the job has failed, and is not tried again
 */
export type CanceledJobOutcome = 'requeue' | 'fail' | 'discard'

/** Decides what becomes of a job; `undefined` for what is the default. */
export type CanceledJobDecision = (reason: CancelationReason, job: Job) => CanceledJobOutcome | undefined

/** The options of a protected worker, all optional. */
export interface ProtectWorkerOptions {
  /** No jobs are taken while one of these limits is crossed. Jobs that run go on. @default none */
  resources?: Limits | Guard | undefined
  /** How long a breach of `resources` lasts at least; not together with a guard, which has its own. @default 1 s */
  minHold?: Duration | undefined
  /**
   * The options of each job's operation, such as `timeout` and `resources`, or a function that returns them. `grace` is how long
   * BullMQ keeps a job as active whose processor goes on after the cancelation. @default no limits; `grace`: until it ends
   */
  operation?: OperationOptions | ((job: Job) => OperationOptions) | undefined
  /**
   * What becomes of a job that was canceled. It is not called for a job that {@link cancelJob} has canceled, which is discarded,
   * or whose lock was lost, which BullMQ starts again.
   *
   * @default 'requeue' if the reason is a limit, an OS signal or the end of the worker, else 'fail'
   */
  onCanceled?: CanceledJobOutcome | CanceledJobDecision | undefined
  /** How long a job that was requeued is delayed; at the end of the worker it is not. @default 5 s */
  requeueDelay?: Duration | undefined
  /** How often a job may be started without a result, before it fails instead of being requeued. @default 10 */
  maxRequeues?: number | undefined
  /** How long `close()` waits for jobs that run, before it cancels them. @default Infinity */
  closeTimeout?: Duration | undefined
  /** Reports of this worker for {@link workers}, or `false` for none. @default true */
  heartbeat?: HeartbeatOptions | boolean | undefined
  /** Whether {@link cancelJob} reaches jobs that run here, for which the worker has one more connection. @default true */
  cancelations?: boolean | undefined
}

/** The options, checked and complete. */
export interface ParsedWorkerOptions {
  readonly guard: Guard | undefined
  /** Whether the guard was made here. */
  readonly ownsGuard: boolean
  readonly operationOf: (job: Job) => OperationOptions
  readonly decide: CanceledJobDecision
  readonly requeueDelay: number
  readonly maxRequeues: number
  readonly closeTimeout: number
  readonly heartbeat: ParsedHeartbeat | undefined
  readonly cancelations: boolean
}

const KEYS: readonly string[] = [
  'resources',
  'minHold',
  'operation',
  'onCanceled',
  'requeueDelay',
  'maxRequeues',
  'closeTimeout',
  'heartbeat',
  'cancelations',
]
export const OUTCOMES: readonly CanceledJobOutcome[] = ['requeue', 'fail', 'discard']
export const OUTCOME_HELP: string = "'requeue', 'fail' or 'discard'"

/**
 * Checks everything before anything is watched.
 *
 * @throws TypeError, RangeError with Node's codes, naming the option; MetricUnavailableError; NativeMissingError
 */
export function parseWorkerOptions(options: ProtectWorkerOptions, name: string): ParsedWorkerOptions {
  const own = readOptions(options, 'option', KEYS)
  const { operation = {}, onCanceled, maxRequeues = 10, cancelations = true } = own
  const { requeueDelay = 5000, closeTimeout = Infinity, heartbeat = true } = own
  if (typeof cancelations !== 'boolean') throw invalidType('cancelations', 'true or false', cancelations)
  checkWhole(maxRequeues, 'maxRequeues', 0)
  if (typeof operation !== 'function' && (typeof operation !== 'object' || operation === null)) {
    throw invalidType('operation', 'options of an operation, or a function that returns them', operation)
  }
  if (typeof operation === 'object') checkOperation(operation)
  const resources = own.resources && checkResources(own.resources)
  if (own.minHold !== undefined && (resources === undefined || isGuard(resources))) {
    throw invalidValue('minHold', "left out, unless 'resources' are limits", own.minHold)
  }
  if (isGuard(resources) && resources.closed) throw invalidValue('resources', 'a guard that is not closed', resources)
  const minHold = parseDuration(own.minHold ?? 1000, 'minHold')
  const parsed = {
    operationOf: typeof operation === 'function' ? operation : () => operation,
    decide: decisionOf(onCanceled),
    requeueDelay: parseDuration(requeueDelay, 'requeueDelay'),
    maxRequeues,
    closeTimeout: parseDuration(closeTimeout, 'closeTimeout', true),
    heartbeat: parseHeartbeat(heartbeat),
    cancelations,
  }
  const ownsGuard = resources !== undefined && !isGuard(resources)
  try {
    return { ...parsed, ownsGuard, guard: ownsGuard ? guard(resources, { minHold, name }) : resources }
  } catch (error) {
    parsed.heartbeat?.monitor?.close()
    throw error
  }
}

/** Checks the options that all jobs share at once, not with the first job. Nothing is watched before a start. */
function checkOperation(operation: OperationOptions & { readonly parent?: unknown }): void {
  if (operation.parent !== undefined) throw invalidValue('operation.parent', 'left out', operation.parent)
  new Cancelable({ ...operation, parent: null })[Symbol.dispose]()
}

function decisionOf(onCanceled: ProtectWorkerOptions['onCanceled']): CanceledJobDecision {
  if (typeof onCanceled === 'function') return onCanceled
  if (onCanceled !== undefined && !OUTCOMES.includes(onCanceled)) {
    throw invalidValue('onCanceled', `${OUTCOME_HELP}, or a function`, onCanceled)
  }
  return () => onCanceled
}
