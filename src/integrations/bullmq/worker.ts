/** A BullMQ worker that takes no jobs while its guard is breached. */
import type { Job, Worker, WorkerOptions } from 'bullmq'
import { outsideContexts } from '../../base/async-context.js'
import { LONGEST_DELAY } from '../../base/clock.js'
import { reportError } from '../../base/diagnostics.js'
import { invalidState, invalidType } from '../../base/errors.js'
import { realTimers } from '../../base/real-timers.js'
import type { Cancelable } from '../../cancelable/cancelable.js'
import type { Guard } from '../../monitor/guard.js'
import { CancelationReader } from './cancelations.js'
import { Heartbeat, type WorkerState } from './heartbeat.js'
import { Jobs, type BullErrors, type JobProcessor } from './jobs.js'
import { parseWorkerOptions, type ParsedWorkerOptions, type ProtectWorkerOptions } from './options.js'
import { clientOf, keysOf, runScript, type RedisClient } from './redis.js'

/** What a protected worker has beside everything of a BullMQ worker. */
export interface WorkerProtection {
  /** The guard that holds it; `undefined` if it has none. */
  readonly guard: Guard | undefined
  /** Whether it takes no jobs because its guard is breached. */
  readonly isHeld: boolean
  /** What it does. */
  readonly state: WorkerState
  /** The operations of the jobs that run. */
  readonly operations: readonly Cancelable[]
}

/** A BullMQ worker with its protection; made by {@link protectWorker}. */
export type ProtectedWorker<D = Job['data'], R = Job['returnvalue'], N extends string = string> = Worker<D, R, N> &
  WorkerProtection

/** The package, as far as it is needed at run time. */
export interface BullMQ extends BullErrors {
  readonly Worker: typeof Worker
  readonly QueueEvents: typeof import('bullmq').QueueEvents
}

/** The part of BullMQ's Redis backend by which a read that waits for jobs is ended. */
interface BlockingBackend {
  readonly blockingClient?: Promise<RedisClient>
  disconnectBlocking?(wait?: boolean): Promise<void>
  reconnectBlocking?(): Promise<void>
}

/** @throws as `protectWorker()` */
export function makeWorker<D, R, N extends string>(
  bullmq: BullMQ,
  name: string,
  processor: JobProcessor<D, R, N>,
  workerOptions: WorkerOptions,
  options: ProtectWorkerOptions,
): ProtectedWorker<D, R, N> {
  if (typeof processor !== 'function') throw invalidType('processor argument', 'a function', processor)
  if (typeof workerOptions !== 'object' || workerOptions === null) {
    throw invalidType('workerOptions argument', "the options of BullMQ's worker", workerOptions)
  }
  if (typeof bullmq.Worker.prototype.getBackend !== 'function') {
    throw invalidState("'tripline/bullmq' needs BullMQ 6 or later, and an older one is installed")
  }
  const parsed = parseWorkerOptions(options, `worker of ${name}`)
  try {
    const Protected = protectedClass(bullmq)
    return new Protected(name, processor as JobProcessor<unknown, unknown, string>, workerOptions, parsed) as never
  } catch (error) {
    release(parsed)
    throw error
  }
}

function release({ guard, ownsGuard, heartbeat }: ParsedWorkerOptions): void {
  if (ownsGuard) guard?.close()
  heartbeat?.monitor?.close()
}

/** The class, which can only be made once the package is loaded. */
function protectedClass(bullmq: BullMQ) {
  return class extends bullmq.Worker implements WorkerProtection {
    readonly guard: Guard | undefined
    readonly #options: ParsedWorkerOptions
    readonly #jobs: Jobs
    readonly #subscriptions: readonly Disposable[]
    readonly #heartbeat: Heartbeat | undefined
    readonly #reader: CancelationReader | undefined
    /** Whether the program has paused it, and whether it was ever to run. */
    #paused = false
    #started = false
    #held = false
    #ending: Promise<void> | undefined

    constructor(
      name: string,
      processor: JobProcessor<unknown, unknown, string>,
      workerOptions: WorkerOptions,
      options: ParsedWorkerOptions,
    ) {
      // Three parameters, or BullMQ passes no signal. It is started below, when its fields are set.
      const run = (job: Job, token?: string, signal?: AbortSignal): Promise<unknown> =>
        this.#jobs.run(processor, job, token, signal)
      super(name, (job, token, signal) => run(job, token, signal), { ...workerOptions, autorun: false })
      const { lockDuration = 30_000, skipLockRenewal } = this.opts
      this.#options = options
      this.#jobs = new Jobs(name, options, bullmq, skipLockRenewal === true ? undefined : lockDuration)
      this.guard = options.guard
      this.on('locksRenewed', ({ jobIds }) => this.#jobs.renewed(jobIds))
      this.on('lockRenewalFailed', (ids) => ids.forEach((each) => this.#jobs.lockLost(each)))
      this.#subscriptions = outsideContexts(() => this.#watch())
      if (options.cancelations) this.#reader = this.#readCancelations(name)
      if (options.heartbeat !== undefined) {
        this.#heartbeat = new Heartbeat(this, this.id, options.heartbeat, () => this.#status())
      }
      this.#update()
      if (workerOptions.autorun !== false) this.run().catch((error: Error) => this.emit('error', error))
    }

    #watch(): Disposable[] {
      const { guard } = this
      if (guard === undefined) return []
      const update = (): void => this.#update()
      return [
        guard.on('breach', update),
        guard.on('clear', update),
        guard.on('unavailable', (error) => {
          reportError(error, 'guard', guard.name)
          this.#update()
        }),
      ]
    }

    #readCancelations(name: string): CancelationReader {
      const { connection, prefix, skipVersionCheck } = this.opts
      const events = new bullmq.QueueEvents(name, {
        connection,
        autorun: false,
        ...(prefix !== undefined && { prefix }),
        ...(skipVersionCheck !== undefined && { skipVersionCheck }),
      })
      events.on('error', (error) => this.emit('error', error))
      const reader = new CancelationReader(events, this.#jobs)
      this.#jobs.early = (id) => reader.early(id)
      return reader
    }

    get isHeld(): boolean {
      return this.#held
    }

    get operations(): readonly Cancelable[] {
      return this.#jobs.operations
    }

    get state(): WorkerState {
      if (this.#ending !== undefined) return 'closing'
      if (this.#held) return 'held'
      return this.#paused ? 'paused' : 'running'
    }

    #status(): ReturnType<ConstructorParameters<typeof Heartbeat>[3]> {
      const { state, concurrency, guard } = this
      return { state, concurrency, jobs: this.#jobs.ids(), breaches: this.#held ? (guard?.breaches ?? []) : [] }
    }

    /** Holds the worker, or lets it go on. The guard's flag is right even before its listeners were called. */
    #update(): void {
      const { guard } = this
      const held = guard !== undefined && guard.isBreached && !guard.dryRun
      if (held === this.#held || this.#ending !== undefined) return
      this.#held = held
      if (held) {
        // Sets `paused` at once; jobs that run are not waited for.
        super.pause(true).catch((error: Error) => this.emit('error', error))
        // A guard that is closed is clear, and calls no listener.
        guard.whenClear().catch(() => this.#update())
        this.#stopWaiting().catch((error: Error) => this.emit('error', error))
      } else if (!this.#paused) {
        this.#goOn().catch((error: Error) => this.emit('error', error))
      }
      this.#heartbeat?.beat()
    }

    /** Ends a read that waits for jobs: the pause does not, and the next job would wake this worker instead of another one. */
    async #stopWaiting(): Promise<void> {
      const backend = this.getBackend() as BlockingBackend
      const client = await backend.blockingClient
      // A connection that is lost just now comes back by itself.
      if (client?.status !== 'ready' || !this.#held || this.#ending !== undefined) return
      await backend.disconnectBlocking?.(false)
      // Redis may have given the marker of a job to that read. If it takes the connection for open still, it gives it the next one.
      for (let times = 0; times < 2; times++) await this.#wakeAnother()
    }

    /** Wakes a worker that waits for a job, as BullMQ does when one is added. */
    async #wakeAnother(): Promise<void> {
      // While Redis is away, workers ask for jobs again and again.
      await clientOf(this)
        .then((client) => runScript(client, 'wake', keysOf(this).marker))
        .catch(() => undefined)
    }

    async #goOn(): Promise<void> {
      const backend = this.getBackend() as BlockingBackend
      const client = await backend.blockingClient
      if (client?.status === 'end' && this.#ending === undefined) {
        // If Redis is away, the worker goes on trying.
        await backend.reconnectBlocking?.().catch(() => undefined)
      }
      if (this.#held || this.#paused || this.#ending !== undefined) return
      // Jobs may be waiting, and their marker be gone.
      void this.#wakeAnother()
      if (this.#started) await super.resume()
      // Not to be started yet: the pause of the guard is over all the same.
      else this.paused = false
    }

    override run(): Promise<void> {
      this.#started = true
      return super.run()
    }

    override async pause(doNotWaitActive?: boolean): Promise<void> {
      this.#paused = true
      this.#heartbeat?.beat()
      await super.pause(doNotWaitActive)
      // BullMQ does not wait for jobs if it was paused before.
      if (this.#held && doNotWaitActive !== true) await this.#jobs.whenIdle()
    }

    override async resume(): Promise<void> {
      this.#paused = false
      this.#started = true
      this.#heartbeat?.beat()
      if (!this.#held) await super.resume()
    }

    protected override async moveToActive(token: string, name?: string): Promise<Job> {
      this.#update()
      if (!this.#held) return await super.moveToActive(token, name)
      // It has the marker of a job that another worker must take now.
      void this.#wakeAnother()
      return undefined as never
    }

    override processJob(job: Job, token: string, fetchNext: () => boolean = () => true): Promise<void | Job> {
      return super.processJob(job, token, () => {
        this.#update()
        return !this.#held && fetchNext()
      })
    }

    override close(force: boolean = false): Promise<void> {
      if (force) this.#jobs.close('The worker was closed by force')
      return (this.#ending ??= this.#close(force))
    }

    async #close(force: boolean): Promise<void> {
      const { closeTimeout } = this.#options
      const late = (): void => this.#jobs.close('The worker is closing')
      const timer =
        closeTimeout === Infinity ? undefined : realTimers.setTimeout(late, Math.min(closeTimeout, LONGEST_DELAY))
      // Takes no jobs from here on.
      const closed = super.close(force)
      for (const each of this.#subscriptions) each[Symbol.dispose]()
      this.#heartbeat?.beat()
      if (!force) await this.#jobs.whenIdle()
      // Both use connections that are still open, or never come back.
      const stopped = [this.#heartbeat?.stop(), this.#reader?.close()]
      for (const each of stopped) each?.catch(() => undefined)
      release(this.#options)
      try {
        await closed
        if (!force) await this.#reader?.close().catch(() => undefined)
      } finally {
        realTimers.clearTimeout(timer)
      }
    }
  }
}
