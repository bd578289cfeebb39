/** The entry point `tripline/bullmq`: workers that respect their machine, and jobs that can be canceled from anywhere. */
// Adds Symbol.dispose in vm contexts, before any class uses it.
import '../../base/symbols.js'
import type { Job, WorkerOptions } from 'bullmq'
import { loadPeer } from '../peer.js'
import { cancelIn, type CancelJobOptions, type CanceledJobState } from './cancelations.js'
import { listWorkers, type WorkerReport } from './heartbeat.js'
import type { JobProcessor } from './jobs.js'
import type { ProtectWorkerOptions } from './options.js'
import type { ConnectedQueue } from './redis.js'
import { makeWorker, type BullMQ, type ProtectedWorker } from './worker.js'

export type { CancelJobOptions, CanceledJobState } from './cancelations.js'
export type { HeartbeatOptions, ReportedBreach, WorkerReport, WorkerState } from './heartbeat.js'
export type { JobProcessor, JobReason } from './jobs.js'
export type { CanceledJobDecision, CanceledJobOutcome, ProtectWorkerOptions } from './options.js'
export type { ConnectedQueue } from './redis.js'
export type { ProtectedWorker, WorkerProtection } from './worker.js'

/**
 * A BullMQ worker that takes no jobs while limits are crossed, and runs each job as an operation. It is a `Worker` of BullMQ, with
 * all its events and methods.
 *
 * @example
 * const worker = protectWorker('reports', async (job, cancel) => {
 *   return await render(job.data, { signal: cancel.signal })
 * }, { connection, concurrency: 8 }, {
 *   resources: { memory: 90, 'pressure.cpu': 60 },
 *   operation: { timeout: '5m' },
 * })
 * @param workerOptions BullMQ's own options
 * @throws TypeError, RangeError (`ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`) for bad input;
 *   PeerMissingError (`ERR_TRIPLINE_PEER_MISSING`) if BullMQ is not installed; MetricUnavailableError
 *   (`ERR_TRIPLINE_METRIC_UNAVAILABLE`) where this machine has no such metric; NativeMissingError
 *   (`ERR_TRIPLINE_NATIVE_MISSING`); whatever BullMQ throws for its own options
 */
export function protectWorker<D = Job['data'], R = Job['returnvalue'], N extends string = string>(
  name: string,
  processor: JobProcessor<D, R, N>,
  workerOptions: WorkerOptions,
  options: ProtectWorkerOptions = {},
): ProtectedWorker<D, R, N> {
  return makeWorker(loadPeer('bullmq', 'tripline/bullmq') as BullMQ, name, processor, workerOptions, options)
}

/**
 * Cancels a job by its id, from any machine. A job that waits never starts, whichever worker of BullMQ 6 takes it; one that runs
 * is canceled where it runs, if its worker is a protected one. The first cancelation of a job counts.
 *
 * @example
 * await cancelJob(queue, job.id!, { reason: 'The order was withdrawn', by: 'support' })
 * @param queue a `Queue` or any other BullMQ object of that queue
 * @throws TypeError (`ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`); whatever the Redis client rejects with
 */
export function cancelJob(
  queue: ConnectedQueue,
  jobId: string,
  options: CancelJobOptions = {},
): Promise<CanceledJobState> {
  return cancelIn(queue, jobId, options)
}

/**
 * The protected workers of a queue, on all machines, as they have reported last. A worker that has ended without a word is listed
 * until its report expires.
 *
 * @example
 * for (const { host, state, active, metrics } of await workers(queue)) console.log(host, state, active, metrics.cpu)
 * @param queue a `Queue` or any other BullMQ object of that queue
 * @throws TypeError `ERR_INVALID_ARG_TYPE`; whatever the Redis client rejects with
 */
export function workers(queue: ConnectedQueue): Promise<WorkerReport[]> {
  return listWorkers(queue)
}
