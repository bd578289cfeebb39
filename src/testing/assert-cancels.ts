/** Asserts that an operation or a function is canceled in time, for the right reason. */
import { AssertionError } from 'node:assert'
import { ofThisCopy } from '../base/copies.js'
import { CancelationError } from '../base/cancelation-error.js'
import { describe, invalidType, unknownName } from '../base/errors.js'
import { readOptions } from '../base/options.js'
import type { OperationStatus } from '../base/operation-context.js'
import { printable } from '../base/printable.js'
import { REASON_KINDS, toReason, type CancelationReason } from '../base/reason.js'
import { formatDuration, parseDuration, type Duration } from '../base/units.js'
import { Cancelable } from '../cancelable/cancelable.js'
import { whenEnded } from '../cancelable/ended.js'
import { Timer } from '../engine/timers.js'
import { clockInForce } from './clock.js'

/** The options of {@link assertCancelsWithin}, all optional. */
export interface CancelsWithinOptions {
  /** The required kind of reason. @default any */
  kind?: CancelationReason['kind'] | undefined
  /** For a function: cancels its operation with this reason as soon as the function has started. @default no cancelation */
  cancel?: string | Error | CancelationReason | undefined
}

/** The outcome: a reason, an error, or a final status; empty if the time is over. */
interface Outcome {
  readonly reason?: CancelationReason | undefined
  readonly status?: OperationStatus
  readonly error?: unknown
}

/**
 * Asserts that an operation or a function is canceled within `duration` from now. A function is called with an operation of
 * its own and must reject (or throw) with a `CancelationError`, of that operation or of another one inside it. With the
 * option `cancel`, its operation is canceled as soon as the function has started, to assert that the function reacts: it
 * passes if it rejects or ends with a result in time. An operation that is canceled already passes too.
 *
 * The time is measured on the clock in force. A {@link useClock} is advanced as far as needed, at most by `duration`.
 *
 * @returns the reason
 * @example
 * await assertCancelsWithin(() => fetchAll({ timeout: '1s' }), '2s', { kind: 'timeout' })
 * await assertCancelsWithin((cancel) => copy(source, target, cancel), '100ms', { cancel: 'stop' })
 * @throws AssertionError `ERR_ASSERTION` (rejection) if it is not canceled in time, or for another kind of reason;
 *   TypeError, RangeError (rejections) for bad input
 */
export async function assertCancelsWithin(
  work: Cancelable | ((cancel: Cancelable) => unknown),
  duration: Duration,
  options: CancelsWithinOptions = {},
): Promise<CancelationReason> {
  const ms = parseDuration(duration, 'duration argument')
  readOptions(options, 'option', ['kind', 'cancel'])
  const { kind, cancel } = options
  if (kind !== undefined && typeof kind !== 'string') throw invalidType('kind', 'the kind of a reason', kind)
  if (kind !== undefined && !REASON_KINDS.has(kind)) throw unknownName('kind of reason', kind, [...REASON_KINDS])
  const reason = cancel === undefined ? undefined : toReason(cancel)
  if (work instanceof Cancelable) {
    if (reason !== undefined) throw invalidType('cancel', 'left out where an operation is given', cancel)
    return judge(work, await within(ms, watch(work)), ms, kind)
  }
  if (typeof work !== 'function') {
    throw invalidType('work', `a Cancelable${ofThisCopy(work)} or a function`, work)
  }
  // A canceled operation may take any time to end.
  const operation = new Cancelable({ name: work.name || 'function', grace: ms })
  const outcome = await within(ms, start(operation, work, reason))
  try {
    return judge(operation, outcome, ms, kind)
  } finally {
    // Remove the timer and the listeners.
    operation.cancel('assertCancelsWithin() is over')
  }
}

/** Runs the function and resolves with its outcome. */
async function start(
  operation: Cancelable,
  work: (cancel: Cancelable) => unknown,
  reason: CancelationReason | undefined,
): Promise<Outcome> {
  try {
    await operation.run((cancel) => {
      const result = work(cancel)
      if (reason !== undefined) cancel.cancel(reason)
      return result
    })
    // A function that ends with a result after its cancelation has reacted.
    return { reason: operation.reason, status: 'completed' }
  } catch (error) {
    const { status } = operation.context
    return CancelationError.is(error) && status !== 'abandoned' ? { reason: error.reason } : { status, error }
  }
}

/** Resolves as soon as the operation is canceled, or has ended. */
function watch(operation: Cancelable): Promise<Outcome> {
  const { reason, status } = operation.context
  if (reason !== undefined) return Promise.resolve({ reason })
  if (status !== 'pending' && status !== 'running') return Promise.resolve({ status, error: operation.context.error })
  return new Promise((resolve) => {
    operation.onCancel((canceledFor) => resolve({ reason: canceledFor }))
    operation.onError((error) => resolve({ status: 'failed', error }))
    operation.onComplete(() => resolve({ status: 'completed' }))
    whenEnded(operation, (ended) => {
      if (ended === 'disposed') resolve({ status: ended })
    })
  })
}

/** The outcome, or an empty one when `ms` milliseconds have passed on the clock in force. */
async function within(ms: number, outcome: Promise<Outcome>): Promise<Outcome> {
  const clock = clockInForce()
  if (clock !== undefined) {
    let found: Outcome | undefined
    outcome.then(
      (each) => (found = each),
      () => undefined,
    )
    await clock.advanceUntil(ms, () => found !== undefined)
    return found ?? {}
  }
  return new Promise((resolve) => {
    const timer = new Timer(() => resolve({}), true)
    timer.start(ms)
    const stop = (found: Outcome): void => {
      timer.stop()
      resolve(found)
    }
    void outcome.then(stop)
  })
}

/** @throws AssertionError unless the outcome is a cancelation of the kind */
function judge(
  operation: Cancelable,
  { reason, status, error }: Outcome,
  ms: number,
  kind: string | undefined,
): CancelationReason {
  if (reason !== undefined && (kind === undefined || reason.kind === kind)) return reason
  const { name, id } = operation.context
  const subject = `'${printable(name ?? id)}'`
  let message: string
  if (reason !== undefined) {
    message = `${subject} was canceled for the reason '${reason.kind}' (${printable(reason.message)}), not '${kind!}'`
  } else {
    const late = `within ${formatDuration(ms)}`
    message = `${subject} was not canceled ${late}: ${stateOf(operation, status, error)}`
  }
  throw Object.assign(
    new AssertionError({
      message,
      actual: reason?.kind ?? status ?? operation.context.status,
      expected: kind ?? 'canceled',
      operator: 'assertCancelsWithin',
    }),
    error === undefined ? {} : { cause: error },
  )
}

function stateOf(operation: Cancelable, status: OperationStatus | undefined, error: unknown): string {
  const now = operation.reason
  if (status === 'abandoned' || (status === undefined && now !== undefined)) {
    return `it goes on in spite of the cancelation (${printable(now?.message ?? '')})`
  }
  if (status === 'failed') return `it failed with ${error instanceof Error ? String(error) : describe(error)}`
  return `it ${status === undefined ? `is still ${operation.context.status}` : `was ${status}`}`
}
