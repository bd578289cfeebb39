/** `runInWorker`: a job in a worker thread of its own, as an operation. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Worker, type ResourceLimits, type TransferListItem, type WorkerOptions } from 'node:worker_threads'
import { invalidState, invalidType, invalidValue, WorkerExitedError } from '../base/errors.js'
import { ownOptions, readOptions } from '../base/options.js'
import { packageRoot } from '../base/package.js'
import { realTimers } from '../base/real-timers.js'
import { parseDuration } from '../base/units.js'
import { Cancelable, type CancelableOptions } from '../cancelable/cancelable.js'
import { CANCELABLE_OPTIONS } from '../cancelable/options.js'
import { drainShared } from '../cancelable/shared-operation.js'
import { errorOfFailure, type Outcome } from './outcome.js'
import { taskOf } from './task.js'
import type { ThreadData } from './thread.js'

/** The options of `runInWorker`. */
export interface RunInWorkerOptions<D = unknown> extends CancelableOptions {
  /** The second argument of the job; it is cloned. @default undefined */
  data?: D | undefined
  /** Parts of `data` that are moved instead of copied. @default none */
  transfer?: readonly TransferListItem[] | undefined
  /** Limits of the thread's memory, as for a `Worker`. @default Node's own */
  resourceLimits?: ResourceLimits | undefined
  /** Further options of the `Worker`. @default none */
  worker?:
    | Pick<WorkerOptions, 'argv' | 'env' | 'execArgv' | 'stdin' | 'stdout' | 'stderr' | 'trackUnmanagedFds'>
    | undefined
}

/** A function that can be run in another thread: it is sent as its text, and uses nothing from outside itself. */
export type WorkerJob<T, D> = (cancel: Cancelable, data: D) => T | PromiseLike<T>

const OPTIONS: readonly string[] = [...CANCELABLE_OPTIONS, 'data', 'transfer', 'resourceLimits', 'worker']
// All others of the Worker, such as `eval`, are set here.
const WORKER_OPTIONS: readonly string[] = ['argv', 'env', 'execArgv', 'stdin', 'stdout', 'stderr', 'trackUnmanagedFds']

/** In milliseconds: how long a canceled job may go on, by default. */
const DEFAULT_GRACE_MS = 1000
/** How long a terminated thread may take to end; native code cannot be interrupted. */
const TERMINATION_MS = 10_000
/** How long a thread may go on after its outcome, to write its output; then it is terminated. */
const LINGER_MS = 100

/**
 * Runs a job in a worker thread of its own and settles as it does. The job gets the operation, as a copy in its thread, and
 * `data`. When canceled, the job learns of it at once, even in a loop that never yields; after the grace period its thread is
 * terminated. The grace is 1 s by default. The thread ends with the job.
 *
 * @param job the path or URL of a module, relative to the current directory, with the function as its default export; or
 *   the function itself, which is sent as its text
 * @example
 * const primes = await runInWorker((cancel, limit) => {
 *   const found: number[] = []
 *   for (let n = 2; n < limit; n++) {
 *     cancel.throwIfCanceled()
 *     if (found.every((prime) => n % prime !== 0)) found.push(n)
 *   }
 *   return found
 * }, { data: 100_000, timeout: '5s' })
 * @throws TypeError, RangeError with Node's codes for bad options, and for a function that cannot be sent; Error
 *   `ERR_INVALID_STATE` in a bundle, which lacks the file of the thread
 * @throws WorkerExitedError `ERR_TRIPLINE_WORKER_EXITED` (rejection) if the thread ends without a result; CancelationError
 *   (rejection) if it is canceled
 */
export function runInWorker<T, D = unknown>(
  job: string | URL | WorkerJob<T, D>,
  options: RunInWorkerOptions<D> = {},
): Promise<Awaited<T>> {
  const task = taskOf(job)
  const { data, transfer = [], resourceLimits, worker, ...rest } = ownOptions(options, OPTIONS)
  if (!Array.isArray(transfer)) throw invalidType('transfer', 'an array', transfer)
  const own = worker === undefined ? {} : readOptions(worker, "option of 'worker'", WORKER_OPTIONS)
  const grace = rest.grace === undefined ? DEFAULT_GRACE_MS : parseDuration(rest.grace, 'grace')
  const named = task.name === undefined ? rest : { name: task.name, ...rest }
  const operation = new Cancelable({ ...named, grace: grace + TERMINATION_MS })
  const file = threadFile()
  return operation.run((cancel) => {
    const threadData: ThreadData = { shared: cancel.share(), task, data, grace: grace + TERMINATION_MS }
    const thread = startThread(file, {
      ...own,
      ...(resourceLimits === undefined ? {} : { resourceLimits }),
      workerData: threadData,
      transferList: [...transfer],
    })
    return outcomeOf(thread, cancel, grace)
  }) as Promise<Awaited<T>>
}

function startThread(file: string, options: WorkerOptions): Worker {
  try {
    return new Worker(file, options)
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'DataCloneError') throw error
    const { data } = options.workerData as ThreadData
    const refused = invalidValue(
      'data',
      `made of values that can be cloned, or are in "transfer" (${error.message})`,
      data,
    )
    refused.cause = error
    throw refused
  }
}

/** @throws Error `ERR_INVALID_STATE` if this code is part of a bundle */
function threadFile(): string {
  const file = fileBeside()
  if (file !== undefined && existsSync(file)) return file
  throw invalidState(
    'runInWorker needs the file dist/worker.cjs of the package tripline, which is missing here: make tripline an external ' +
      'package of the bundle, and copy the whole package',
  )
}

function fileBeside(): string | undefined {
  try {
    return join(packageRoot(), 'dist', 'worker.cjs')
  } catch {
    return undefined
  }
}

/** Settles when the thread has ended. */
function outcomeOf(thread: Worker, cancel: Cancelable, grace: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let outcome: Outcome | undefined
    let failed: unknown
    let ending: NodeJS.Timeout | undefined
    const endWithin = (ms: number): void => {
      realTimers.clearTimeout(ending)
      ending = realTimers.setTimeout(() => void thread.terminate(), ms)
    }
    cancel.onCancel(() => {
      if (outcome === undefined) endWithin(grace)
    })
    thread.on('message', (message: Outcome) => {
      outcome ??= message
      endWithin(LINGER_MS)
    })
    thread.on('messageerror', (error) => (failed ??= error))
    thread.on('error', (error) => (failed ??= error))
    thread.on('exit', (code) => {
      realTimers.clearTimeout(ending)
      drainShared(cancel)
      if (outcome?.kind === 'value') resolve(outcome.value)
      else if (outcome !== undefined && outcome.kind !== 'canceled') reject(errorOfFailure(outcome))
      else if (outcome !== undefined && cancel.isCanceled) rejectCanceled(cancel, reject)
      else reject(failed ?? new WorkerExitedError(code))
    })
  })
}

function rejectCanceled(cancel: Cancelable, reject: (error: unknown) => void): void {
  try {
    cancel.throwIfCanceled()
  } catch (error) {
    reject(error)
  }
}
