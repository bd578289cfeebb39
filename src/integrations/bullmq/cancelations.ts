/** Cancelations of jobs by their ids: written by any machine, read by every worker of the queue. */
import { reportError } from '../../base/diagnostics.js'
import { invalidType, invalidValue } from '../../base/errors.js'
import { readOptions } from '../../base/options.js'
import { realTimers } from '../../base/real-timers.js'
import {
  CANCEL_FIELD,
  clientOf,
  keysOf,
  RefusedCommands,
  runScript,
  type ConnectedQueue,
  type RedisClient,
} from './redis.js'

/** The options of a cancelation, all optional. */
export interface CancelJobOptions {
  /** Human-readable; at most 1000 characters. @default 'Canceled' */
  reason?: string | undefined
  /** What is behind it, such as a user: the `by` of the reason; at most 200 characters. @default none */
  by?: string | undefined
}

/**
 * The state in which a job was when it was canceled.
 *
 * - `waiting`: it will not start. BullMQ fails it, without calling a processor, when its turn comes
 * - `active`: the worker that runs it was notified
 * - `finished`: it is completed or failed, and nothing was done
 * - `unknown`: the queue has no such job
 */
export type CanceledJobState = 'waiting' | 'active' | 'finished' | 'unknown'

/** A cancelation as a worker reads it. */
export interface JobCancelation {
  /** When BullMQ started the job, in milliseconds since 1970: a later start of the same job is another one. */
  readonly started: number
  readonly reason: string
  readonly by: string | undefined
}

const MAX_ID_LENGTH = 512
const MAX_REASON_LENGTH = 1000
const MAX_BY_LENGTH = 200
// Each character of a reason may be escaped as six.
const MAX_TEXT_LENGTH = 8192
/** How long one read of the stream waits, in milliseconds. */
const BLOCK_MS = 5000
const PAUSE_MS = 1000
const MAX_KEPT = 1000
const MAX_READ = 100

const STATES: readonly CanceledJobState[] = ['waiting', 'active', 'finished', 'unknown']

/** @throws TypeError with Node's codes; whatever the Redis client rejects with */
export async function cancelIn(
  queue: ConnectedQueue,
  jobId: string,
  options: CancelJobOptions,
): Promise<CanceledJobState> {
  const ready = clientOf(queue)
  if (typeof jobId !== 'string') throw invalidType('jobId argument', 'a string', jobId)
  if (jobId === '' || jobId.length > MAX_ID_LENGTH)
    throw invalidValue('jobId argument', `1 to ${MAX_ID_LENGTH} characters long`, jobId)
  const own = readOptions(options, 'option', ['reason', 'by'])
  const reason = checkText(own.reason ?? 'Canceled', 'reason', MAX_REASON_LENGTH)
  const by = own.by === undefined ? undefined : checkText(own.by, 'by', MAX_BY_LENGTH)
  const client = await ready
  const job = queue.toKey(jobId)
  const keys = [job, `${job}:lock`, keysOf(queue).cancelations]
  const state = await runScript(client, 'cancel', ...keys, jobId, reason, JSON.stringify({ reason, by }))
  return STATES.find((each) => each === state) ?? 'unknown'
}

function checkText(value: unknown, name: string, most: number): string {
  if (typeof value !== 'string') throw invalidType(name, 'a string', value)
  if (value === '' || value.length > most) throw invalidValue(name, `1 to ${most} characters long`, value)
  return value
}

/** Reads text from Redis, which any program with access to it may have written. @returns `undefined` if it is malformed */
export function parseCancelation(text: unknown): JobCancelation | undefined {
  if (typeof text !== 'string' || text.length > MAX_TEXT_LENGTH) return undefined
  const [, started, json] = /^(\d{1,15}) (\{.*\})$/su.exec(text) ?? []
  if (json === undefined) return undefined
  try {
    const { reason, by } = JSON.parse(json) as { reason?: unknown; by?: unknown }
    return {
      started: Number(started),
      reason: checkText(reason, 'reason', MAX_REASON_LENGTH),
      by: by === undefined ? undefined : checkText(by, 'by', MAX_BY_LENGTH),
    }
  } catch {
    return undefined
  }
}

/** An object of BullMQ that has a connection of its own for reads that block. */
interface Connection extends ConnectedQueue {
  close(): Promise<void>
}

/** What gets the cancelations. */
export interface CancelationSink {
  /** The ids of the jobs that run here. */
  ids(): Iterable<string>
  canceled(jobId: string, cancelation: JobCancelation): void
}

/** Reads the cancelations of one queue, until it is closed. Those from while Redis was away are read when it is back. */
export class CancelationReader {
  readonly #connection: Connection
  readonly #sink: CancelationSink
  readonly #key: string
  /** Those of jobs that do not run here: the answer with the job may still be on its way. */
  readonly #early = new Map<string, JobCancelation>()
  readonly #refused: RefusedCommands
  #client: RedisClient | undefined
  #closed = false
  readonly #catchUp = (): void => void this.#readFields().catch((error) => this.#refused.report(error))

  constructor(connection: Connection, sink: CancelationSink) {
    this.#connection = connection
    this.#sink = sink
    this.#key = keysOf(connection).cancelations
    this.#refused = new RefusedCommands(connection.name)
    void this.#run()
  }

  /** The cancelation that came before the start of a job was known here. */
  early(jobId: string): JobCancelation | undefined {
    return this.#early.get(jobId)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#client?.off('ready', this.#catchUp)
    await this.#connection.close()
  }

  async #run(): Promise<void> {
    let last: string | undefined
    let isBehind = false
    while (!this.#closed) {
      try {
        const client = await clientOf(this.#connection)
        if (last === undefined) {
          this.#client = client
          last = String(await runScript(client, 'newest', this.#key))
          client.on('ready', this.#catchUp)
          // Canceled before this reader knew where to begin.
          await this.#readFields()
        }
        const entries = [...entriesOf(await this.#read(client, last))]
        for (const [id, fields] of entries) {
          last = id
          this.#take(fields)
        }
        if (entries.length === MAX_READ) {
          isBehind = true
        } else if (isBehind) {
          // Redis keeps the last thousand: others may be gone that were not read yet.
          await this.#readFields()
          isBehind = false
        }
      } catch (error) {
        this.#refused.report(error)
        if (!this.#closed) await new Promise((resolve) => realTimers.setTimeout(resolve, PAUSE_MS).unref())
      }
    }
  }

  /** One read. A connection that does not answer in time although it counts as alive is renewed. */
  async #read(client: RedisClient, last: string): Promise<unknown> {
    const reply = client.xread([{ key: this.#key, id: last }], { BLOCK: BLOCK_MS, COUNT: MAX_READ })
    const watch = realTimers.setInterval(() => client.status === 'ready' && client.disconnect(true), 3 * BLOCK_MS)
    watch.unref()
    try {
      return await reply
    } finally {
      realTimers.clearInterval(watch)
    }
  }

  /** Checks the jobs that run here for cancelations that the stream no longer has. */
  async #readFields(): Promise<void> {
    const client = this.#client!
    const check = async (id: string): Promise<void> => {
      const text = await client.hget(this.#connection.toKey(id), CANCEL_FIELD)
      const cancelation = parseCancelation(text)
      if (cancelation !== undefined) this.#sink.canceled(id, cancelation)
    }
    await Promise.all(Array.from(this.#sink.ids(), check))
  }

  #take(fields: ReadonlyMap<string, unknown>): void {
    const id = fields.get('id')
    const cancelation = parseCancelation(fields.get('cancelation'))
    if (typeof id !== 'string' || id === '' || id.length > MAX_ID_LENGTH || cancelation === undefined) {
      reportError(new Error('A malformed cancelation was ignored'), 'job queue', this.#connection.name)
      return
    }
    this.#early.delete(id)
    this.#early.set(id, cancelation)
    if (this.#early.size > MAX_KEPT) this.#early.delete(this.#early.keys().next().value!)
    this.#sink.canceled(id, cancelation)
  }
}

/** The entries of an answer to XREAD: `[[stream, [[id, [field, value, ...]], ...]]]`, or null if there is none. */
function* entriesOf(answer: unknown): Generator<[string, Map<string, unknown>]> {
  if (!Array.isArray(answer)) return
  for (const stream of answer as unknown[]) {
    for (const entry of listIn(listIn(stream)[1])) {
      const [id, pairs] = listIn(entry)
      const list = listIn(pairs)
      const fields = new Map<string, unknown>()
      for (let index = 0; index + 1 < list.length; index += 2) fields.set(String(list[index]), list[index + 1])
      yield [String(id), fields]
    }
  }
}

function listIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
