/** What the library keeps in Redis beside BullMQ's own keys, and the scripts that read and write it. */
import { reportError } from '../../base/diagnostics.js'
import { invalidType } from '../../base/errors.js'

/** A BullMQ queue, worker or other object that is connected to one; recognized by its shape. */
export interface ConnectedQueue {
  /** The name of the queue. */
  readonly name: string
  /** The key of something that belongs to the queue. */
  toKey(type: string): string
  /** What connects it. */
  getBackend(): object
}

/** The commands that are used of BullMQ's Redis client, which has adapters for several packages. */
export interface RedisClient {
  readonly status: string
  defineCommand(name: string, definition: { numberOfKeys: number; lua: string }): void
  runCommand(name: string, args: readonly (string | number)[]): Promise<unknown>
  xread(streams: { key: string; id: string }[], options: { BLOCK?: number; COUNT?: number }): Promise<unknown>
  hget(key: string, field: string): Promise<string | null>
  del(...keys: string[]): Promise<number>
  disconnect(reconnect?: boolean): void
  on(event: 'ready', listener: () => void): unknown
  off(event: 'ready', listener: () => void): unknown
}

/** The field of a job that says why it was canceled. */
export const CANCEL_FIELD = 'tripline'

/** The keys of one queue. BullMQ's ids of jobs contain no such names. */
export function keysOf(
  queue: ConnectedQueue,
): Readonly<Record<'cancelations' | 'workers' | 'workerPrefix' | 'marker', string>> {
  return {
    // BullMQ's own: workers that wait for a job pop it.
    marker: queue.toKey('marker'),
    cancelations: queue.toKey('tripline:cancelations'),
    workers: queue.toKey('tripline:workers'),
    workerPrefix: queue.toKey('tripline:worker:'),
  }
}

// Times are Redis's own, so that the clocks of the machines need not agree.
const NOW = `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`

type ScriptName = 'cancel' | 'newest' | 'wake' | 'beat' | 'list'

/** The scripts. Each runs as a whole, so no worker sees half of it. */
const SCRIPTS: Readonly<Record<ScriptName, { numberOfKeys: number; lua: string }>> = {
  // BullMQ itself fails a job with the field 'defa' instead of starting it, and removes the field when it has failed.
  cancel: {
    numberOfKeys: 3,
    lua: `local job, lock, stream = KEYS[1], KEYS[2], KEYS[3]
if redis.call('TYPE', job).ok ~= 'hash' then return 'unknown' end
if redis.call('HEXISTS', job, 'timestamp') == 0 or redis.call('HEXISTS', job, 'data') == 0 then return 'unknown' end
if redis.call('HEXISTS', job, 'finishedOn') == 1 then return 'finished' end
local started = redis.call('HGET', job, 'processedOn') or ''
local active = redis.call('EXISTS', lock) == 1
if active then
  -- First, because it fails if the key is something else, and then the job is as it was.
  redis.call('XADD', stream, 'MAXLEN', '~', 1000, '*', 'id', ARGV[1], 'cancelation', started .. ' ' .. ARGV[3])
  redis.call('EXPIRE', stream, 86400)
end
redis.call('HSETNX', job, 'defa', ARGV[2])
redis.call('HSET', job, '${CANCEL_FIELD}', started .. ' ' .. ARGV[3])
return active and 'active' or 'waiting'`,
  },
  newest: {
    numberOfKeys: 1,
    lua: `local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
return last[1] and last[1][1] or '0-0'`,
  },
  // A worker that is woken without a job finds none, and waits again.
  wake: {
    numberOfKeys: 1,
    lua: `redis.call('ZADD', KEYS[1], 0, '0')`,
  },
  beat: {
    numberOfKeys: 2,
    lua: `${NOW}redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3] * 10)`,
  },
  list: {
    numberOfKeys: 1,
    lua: `${NOW}local found = {}
local known = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for index = 1, #known, 2 do
  local report = redis.call('GET', ARGV[1] .. known[index])
  if report then
    found[#found + 1] = known[index]
    found[#found + 1] = report
    found[#found + 1] = tostring(now - tonumber(known[index + 1]))
  else
    redis.call('ZREM', KEYS[1], known[index])
  end
end
return found`,
  },
}

// Every client passes an error of the server on as it came: `WRONGTYPE Operation against ...`
const SERVER_ERROR = /^(?!LOADING)[A-Z]{3,} /

/** Reports what the server refuses, each message once in a row. Errors of connections are reported by BullMQ. */
export class RefusedCommands {
  readonly #queue: string
  #last: string | undefined

  constructor(queue: string) {
    this.#queue = queue
  }

  report(error: unknown): void {
    const { message } = error as Error
    if (!SERVER_ERROR.test(message) || message === this.#last) return
    this.#last = message
    reportError(error, 'job queue', this.#queue)
  }
}

const defined = new WeakSet<RedisClient>()

/** Runs one of the scripts. */
export function runScript(
  client: RedisClient,
  name: ScriptName,
  ...args: readonly (string | number)[]
): Promise<unknown> {
  if (!defined.has(client)) {
    for (const [each, definition] of Object.entries(SCRIPTS)) client.defineCommand(commandOf(each), definition)
    defined.add(client)
  }
  return client.runCommand(commandOf(name), args)
}

function commandOf(name: string): string {
  return `tripline:${name}`
}

/**
 * The Redis client of a queue.
 *
 * @throws TypeError `ERR_INVALID_ARG_TYPE` for anything but a BullMQ object that is connected to Redis
 */
export function clientOf(queue: ConnectedQueue): Promise<RedisClient> {
  const { name, toKey, getBackend } = (queue ?? {}) as Partial<ConnectedQueue>
  if (typeof name === 'string' && typeof toKey === 'function' && typeof getBackend === 'function') {
    const { client } = queue.getBackend() as { readonly client?: Promise<RedisClient> }
    if (client !== undefined) return client
  }
  throw invalidType('queue argument', 'a Queue, Worker or QueueEvents of BullMQ 6 or later, connected to Redis', queue)
}
