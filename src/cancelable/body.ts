/** Runs a body in an operation. */
import { isThenable } from '../base/diagnostics.js'
import { callAs, tracker } from './current.js'
import { notStarted, start } from './lifecycle.js'
import { startGrace } from './notify.js'
import { kExtras, kFlags, kReject, kResolve, kStatus, type Operation } from './operation.js'
import { isSharedPromise, joinSharedBody } from './shared-body.js'
import { fulfilled, neverRun, rejected } from './settle.js'
import { BODY, ENDED, RUNNING } from './state.js'

/** Starts an unused operation with a body, and settles by one of the callbacks, neither of which may throw. */
export function runBody<O extends Operation>(
  operation: O,
  body: (operation: O) => unknown,
  resolve: (value: unknown) => void,
  reject: (error: unknown) => void,
): void {
  try {
    start(operation)
  } catch (error) {
    reject(error)
    return
  }
  if (operation[kStatus] !== RUNNING) {
    skipBody(operation, resolve, reject)
    return
  }
  operation[kResolve] = resolve
  operation[kReject] = reject
  operation[kFlags] |= BODY
  try {
    const around = operation[kExtras]?.around
    const result =
      around !== undefined
        ? callIn(around, operation, body)
        : tracker === null
          ? body(operation)
          : tracker.run(operation, body, operation)
    if (result instanceof Promise || isThenable(result)) {
      const settling = result instanceof Promise ? (result as Promise<unknown>) : Promise.resolve(result)
      if (isSharedPromise(settling)) joinSharedBody(operation, settling, settleAs)
      else
        settling.then(
          (value) => fulfilled(operation, value),
          (error: unknown) => rejected(operation, error),
        )
    } else {
      fulfilled(operation, result)
    }
  } catch (error) {
    rejected(operation, error)
  }
}

function settleAs(operation: Operation, outcome: PromiseSettledResult<unknown>): void {
  if (outcome.status === 'fulfilled') fulfilled(operation, outcome.value)
  else rejected(operation, outcome.reason)
}

/** A function of its own, so that other runs need no closure over their body. */
function callIn<O extends Operation>(
  around: (body: () => unknown) => unknown,
  operation: O,
  body: (operation: O) => unknown,
): unknown {
  return around(() => callAs(operation, body, operation))
}

/** It was canceled before its body could start. */
function skipBody(operation: Operation, resolve: (value: unknown) => void, reject: (error: unknown) => void): void {
  const error = notStarted(operation)
  if ((operation[kFlags] & ENDED) !== 0) {
    reject(error)
    return
  }
  // Cleanups may take as long as the grace period.
  if (operation[kExtras]?.cleanups !== undefined) startGrace(operation)
  neverRun(operation, resolve, reject, error)
}
