/** Queues of other packages that a limiter drives, recognized by their shape. */
import { invalidType, invalidValue } from '../base/errors.js'

/** A queue or worker with a number `concurrency` that may be set at any time: a p-queue, a BullMQ worker. */
export interface DrivenQueue {
  /** How many tasks may run at the same time. */
  concurrency: number
}

/** Returns how many tasks a queue runs now. */
export type DrivenUsage = () => number

/** What a BullMQ worker has: it has no count of its running jobs, but says when they begin and end. */
interface Emitter {
  on(event: string, listener: (job?: Job) => void): unknown
  off(event: string, listener: (job?: Job) => void): unknown
}
interface Job {
  readonly id?: unknown
}

/** A queue whose concurrency is the limit. */
export class Driven implements Disposable {
  readonly #set: (limit: number) => void
  readonly #usage: DrivenUsage
  readonly #end: () => void

  constructor(set: (limit: number) => void, usage: DrivenUsage, end: () => void = () => undefined) {
    this.#set = set
    this.#usage = usage
    this.#end = end
  }

  set(limit: number): void {
    this.#set(limit)
  }

  running(): number {
    try {
      const running = this.#usage()
      return typeof running === 'number' && running >= 0 ? running : 0
    } catch {
      // Unknown, so the limit does not grow for it.
      return 0
    }
  }

  isFull(limit: number): boolean {
    return this.running() >= limit
  }

  [Symbol.dispose](): void {
    this.#end()
  }
}

/** @throws TypeError with Node's codes */
export function driven(queue: DrivenQueue | ((limit: number) => void), usage: DrivenUsage | undefined): Driven {
  if (usage !== undefined && typeof usage !== 'function') throw invalidType('usage argument', 'a function', usage)
  if (typeof queue === 'function') {
    if (usage === undefined) throw invalidType('usage argument', 'a function, because a function is driven', usage)
    return new Driven(queue, usage)
  }
  if (typeof queue !== 'object' || queue === null || typeof queue.concurrency !== 'number') {
    throw invalidType('queue argument', 'a queue with a number `concurrency`, or a function', queue)
  }
  const set = (limit: number): void => {
    queue.concurrency = limit
  }
  if (usage !== undefined) return new Driven(set, usage)
  if (isCounting(queue)) return new Driven(set, () => queue.pending)
  if (isEmitter(queue)) return new JobCount(queue).drive(set)
  throw invalidValue('usage argument', 'given for a queue that does not say how many tasks it runs', usage)
}

function isCounting(queue: object): queue is { readonly pending: number } {
  return typeof (queue as { pending?: unknown }).pending === 'number'
}

function isEmitter(queue: object): queue is Emitter {
  const { on, off } = queue as Partial<Emitter>
  return typeof on === 'function' && typeof off === 'function'
}

/** Counts the jobs of a BullMQ worker by its events. */
class JobCount {
  readonly #worker: Emitter
  readonly #jobs = new Set<unknown>()
  #limit = 1
  readonly #began = (job?: Job): void => {
    this.#jobs.add(job?.id)
    // A job whose lock was lost ends elsewhere, without an event here. No more can run than the highest limit allows.
    if (this.#jobs.size > this.#limit) this.#jobs.delete(this.#jobs.values().next().value)
  }
  readonly #ended = (job?: Job): void => void this.#jobs.delete(job?.id)

  constructor(worker: Emitter) {
    this.#worker = worker
    worker.on('active', this.#began)
    worker.on('completed', this.#ended)
    worker.on('failed', this.#ended)
  }

  drive(set: (limit: number) => void): Driven {
    const setLimit = (limit: number): void => {
      this.#limit = Math.max(this.#limit, limit)
      set(limit)
    }
    return new Driven(
      setLimit,
      () => this.#jobs.size,
      () => {
        this.#worker.off('active', this.#began)
        this.#worker.off('completed', this.#ended)
        this.#worker.off('failed', this.#ended)
      },
    )
  }
}
