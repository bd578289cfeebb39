/** The jobs that a worker runs: each is an operation, and goes where its cancelation sends it. */
import type { Job } from 'bullmq'
import { CancelationError } from '../../base/cancelation-error.js'
import { LONGEST_DELAY } from '../../base/clock.js'
import { reportError } from '../../base/diagnostics.js'
import { invalidValue } from '../../base/errors.js'
import { realTimers } from '../../base/real-timers.js'
import { customReason, rootCause, type CancelationReason } from '../../base/reason.js'
import { Cancelable } from '../../cancelable/cancelable.js'
import { AbortSignalSource } from '../../sources/abort.js'
import type { CancelationSink, JobCancelation } from './cancelations.js'
import { OUTCOMES, OUTCOME_HELP, type CanceledJobOutcome, type ParsedWorkerOptions } from './options.js'

/** Does a job. What it returns or throws is the job's result or failure, as with BullMQ's own processors. */
export type JobProcessor<D, R, N extends string> = (
  job: Job<D, R, N>,
  cancel: Cancelable,
  token: string | undefined,
) => R | PromiseLike<R>

/** The errors by which BullMQ knows where a job has gone. */
export interface BullErrors {
  readonly WaitingError: new (message?: string) => Error
  readonly DelayedError: new (message?: string) => Error
  readonly UnrecoverableError: new (message?: string) => Error
}

/** By these errors a processor says that it has moved its job itself. */
const MOVED = new Set(['DelayedError', 'WaitingError', 'WaitingChildrenError', 'RateLimitError'])

/** Until the processor ends, which BullMQ would wait for as well: a hundred years. */
const ENDLESS_MS = 100 * 365 * 86_400_000

/** Where a cancelation by the library itself sends the job: back at once, nowhere, or nowhere because another worker has it. */
type Fate = 'return' | 'discard' | 'lost'

interface Running {
  readonly job: Job
  readonly operation: Cancelable
  fate: Fate | undefined
  lock: NodeJS.Timeout | undefined
}

/** The jobs of one worker. */
export class Jobs implements CancelationSink {
  readonly #queue: string
  readonly #options: ParsedWorkerOptions
  readonly #errors: BullErrors
  /** How long a lock lasts that is not renewed, in milliseconds; `undefined` if the program renews them itself. */
  readonly #lockDuration: number | undefined
  readonly #running = new Map<string, Running>()
  readonly #idle = new Set<() => void>()
  /** Checks for a cancelation that came before the job. */
  early: (id: string) => JobCancelation | undefined = () => undefined
  #closing: string | undefined

  constructor(queue: string, options: ParsedWorkerOptions, errors: BullErrors, lockDuration: number | undefined) {
    this.#queue = queue
    this.#options = options
    this.#errors = errors
    this.#lockDuration = lockDuration
  }

  get operations(): readonly Cancelable[] {
    return Array.from(this.#running.values(), ({ operation }) => operation)
  }

  ids(): readonly string[] {
    return [...this.#running.keys()]
  }

  whenIdle(): Promise<void> {
    if (this.#running.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.add(resolve))
  }

  /** Runs a job. BullMQ gets its result, or the error that says where it went. */
  async run<D, R, N extends string>(
    processor: JobProcessor<D, R, N>,
    job: Job<D, R, N>,
    token: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<R> {
    const running = this.#begin(job as Job, signal)
    try {
      return await running.operation.run((cancel) => processor(job, cancel, token))
    } catch (error) {
      throw await this.#ended(error, running, token)
    } finally {
      this.#end(running)
    }
  }

  #begin(job: Job, signal: AbortSignal | undefined): Running {
    const id = job.id ?? ''
    const operation = new Cancelable({
      name: `${this.#queue}/${job.name}`,
      metadata: { queue: this.#queue, job: id, attempt: job.attemptsMade + 1 },
      grace: ENDLESS_MS,
      ...this.#options.operationOf(job),
      parent: null,
    })
    if (signal !== undefined) operation.addSource(new AbortSignalSource(signal))
    const running: Running = { job, operation, fate: undefined, lock: undefined }
    this.#running.set(id, running)
    if (this.#lockDuration !== undefined) {
      const lost = (): void => this.lockLost(id, `Its lock was not renewed for ${this.#lockDuration} ms`)
      running.lock = realTimers.setTimeout(lost, Math.min(this.#lockDuration, LONGEST_DELAY)).unref()
    }
    const early = this.early(id)
    if (early !== undefined) this.canceled(id, early)
    if (this.#closing !== undefined) this.#cancel(running, 'return', closingReason(this.#closing))
    return running
  }

  #end(running: Running): void {
    realTimers.clearTimeout(running.lock)
    const id = running.job.id ?? ''
    // After its lock was lost, the same worker may have taken the job a second time.
    if (this.#running.get(id) === running) this.#running.delete(id)
    if (this.#running.size > 0) return
    for (const resolve of this.#idle) resolve()
    this.#idle.clear()
  }

  #cancel(running: Running, fate: Fate, reason: CancelationReason): void {
    if (running.operation.reason !== undefined) return
    running.fate = fate
    running.operation.cancel(reason)
  }

  /** Another machine has canceled a job. */
  canceled(id: string, { started, reason, by }: JobCancelation): void {
    const running = this.#running.get(id)
    // An earlier start of the job was canceled.
    if (running === undefined || running.job.processedOn !== started) return
    this.#cancel(running, 'discard', jobReason(reason, 'canceled', by))
  }

  /** Locks were renewed. */
  renewed(ids: readonly string[]): void {
    for (const each of ids) this.#running.get(each)?.lock?.refresh()
  }

  /** Another worker has the job, or will have it. */
  lockLost(id: string, message: string = 'Its lock could not be renewed'): void {
    const running = this.#running.get(id)
    if (running !== undefined) this.#cancel(running, 'lost', jobReason(message, 'lockLost'))
  }

  /** Ends all jobs, those that begin later as well. */
  close(message: string): void {
    this.#closing = message
    for (const each of this.#running.values()) this.#cancel(each, 'return', closingReason(message))
  }

  /** Moves a job whose operation was canceled. @returns what to throw */
  async #ended(error: unknown, running: Running, token: string | undefined): Promise<unknown> {
    const { operation, job, fate } = running
    const { reason } = operation
    if (reason === undefined || !CancelationError.is(error) || error.reason !== reason) return error
    // The job is elsewhere already.
    if (isMoved(error.cause)) return error.cause
    if (fate === 'lost') return new this.#errors.WaitingError(reason.message)
    if (fate === 'discard') return this.#unrecoverable(error)
    switch (this.#outcome(reason, job, fate === 'return')) {
      case 'fail':
        return error
      case 'discard':
        return this.#unrecoverable(error)
      case 'requeue':
        return await this.#requeue(job, token, fate === 'return' ? 0 : this.#options.requeueDelay)
    }
  }

  #outcome(reason: CancelationReason, job: Job, isClosing: boolean): CanceledJobOutcome {
    let outcome = defaultOutcome(reason, isClosing)
    try {
      const decided = this.#options.decide(reason, job)
      if (decided !== undefined && !OUTCOMES.includes(decided)) throw invalidValue('onCanceled', OUTCOME_HELP, decided)
      outcome = decided ?? outcome
    } catch (error) {
      reportError(error, 'onCanceled callback', this.#queue)
    }
    if (outcome !== 'requeue') return outcome
    // BullMQ counts starts, and attempts that have failed.
    const requeues = job.attemptsStarted - 1 - job.attemptsMade
    return requeues >= this.#options.maxRequeues ? 'fail' : 'requeue'
  }

  async #requeue(job: Job, token: string | undefined, delay: number): Promise<Error> {
    const { WaitingError, DelayedError } = this.#errors
    try {
      if (delay > 0) {
        await job.moveToDelayed(Date.now() + delay, token)
        return new DelayedError()
      }
      await job.moveToWait(token)
    } catch (error) {
      // It stays where it is: its lock expires, and BullMQ moves it back as a stalled one. A failure would count as an attempt.
      reportError(error, 'job queue', this.#queue)
    }
    return new WaitingError()
  }

  #unrecoverable(error: CancelationError): Error {
    const { UnrecoverableError } = this.#errors
    const shown = new UnrecoverableError(error.message)
    shown.cause = error
    return shown
  }
}

function isMoved(error: unknown): boolean {
  return error instanceof Error && MOVED.has(error.name)
}

function defaultOutcome(reason: CancelationReason, isClosing: boolean): CanceledJobOutcome {
  const { kind } = rootCause(reason)
  return isClosing || kind === 'resource' || kind === 'signal' ? 'requeue' : 'fail'
}

/** What a reason of a worker's own says beside its message. */
export interface JobReason {
  /** `canceled`: by its id; `lockLost`: another worker gets the job; `closing`: the worker ends. */
  readonly event: 'canceled' | 'lockLost' | 'closing'
}

function jobReason(message: string, event: JobReason['event'], by?: string): CancelationReason {
  return customReason<JobReason>(message, { event }, by === undefined ? {} : { by })
}

function closingReason(message: string): CancelationReason {
  return jobReason(message, 'closing')
}
