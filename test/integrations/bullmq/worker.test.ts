/** Workers of `tripline/bullmq` on a real Redis: held by guards, and never losing or doubling a job. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Queue, Worker, type Job, type WorkerOptions } from 'bullmq'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CancelationToken, guard, type Guard } from '../../../src/index.js'
import {
  cancelJob,
  protectWorker,
  workers,
  type JobProcessor,
  type ProtectedWorker,
  type ProtectWorkerOptions,
} from '../../../src/integrations/bullmq/index.js'
import { makeWorker, type BullMQ } from '../../../src/integrations/bullmq/worker.js'
import { fakeBreach } from '../../../src/testing/index.js'
import { thrown } from '../../cancelable/helpers.js'
import { eventually } from '../../helpers/eventually.js'
import { Redis } from '../redis.js'

let redis: Redis
let queue: Queue
let memory: Guard
const open: { close(force?: boolean): unknown }[] = []

beforeEach(async () => {
  redis = await Redis.start()
  queue = new Queue('jobs', { connection: redis.connection })
  queue.on('error', () => undefined)
  memory = guard({ memory: '99.9%' })
})

afterEach(async () => {
  for (const each of open.splice(0)) await each.close(true)
  await queue.close()
  memory.close()
  await redis[Symbol.asyncDispose]()
})

function worker(
  processor: JobProcessor<unknown, unknown, string>,
  options: ProtectWorkerOptions = {},
  own: Partial<WorkerOptions> = {},
): ProtectedWorker {
  const made = protectWorker('jobs', processor, { connection: redis.connection, drainDelay: 1, ...own }, options)
  made.on('error', () => undefined)
  open.push(made)
  return made
}

const stateOf = (job: Job): Promise<string> => queue.getJobState(job.id!)

async function eventuallyState(job: Job, state: string): Promise<void> {
  let now = ''
  const deadline = performance.now() + 20_000
  while (performance.now() < deadline && (now = await stateOf(job)) !== state) await rest(20)
  expect(now).toBe(state)
}

const rest = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function codeOf(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return await call()
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  }
}

/** The message with which a worker with these options is refused. */
function refusal(options: object, own: unknown = { connection: redis.connection }): string {
  const make = (): unknown => protectWorker('jobs', async () => 1, own as WorkerOptions, options)
  return (thrown(make) as Error).message
}

/** A job that runs until the test lets it end, or until it is canceled. */
class Gate {
  readonly starts: string[] = []
  readonly #open = new CancelationToken()
  readonly processor: JobProcessor<unknown, unknown, string> = async (job, cancel) => {
    this.starts.push(job.id!)
    await cancel.race(this.#open.whenCanceled())
    return 'done'
  }
  open(): void {
    this.#open.cancel()
  }
}

describe('a worker whose guard is breached', () => {
  it('takes no jobs, lets active ones go on, and takes the rest after the breach, each once', async () => {
    const gate = new Gate()
    const held = worker(gate.processor, { resources: memory }, { concurrency: 2 })
    const [first] = await queue.addBulk([{ name: 'a', data: {} }])
    await eventually(() => gate.starts.length === 1)
    const breach = fakeBreach(memory, 'memory', '99.95%')
    await eventually(() => held.isHeld)
    expect([held.state, held.isPaused()]).toEqual(['held', true])
    const later = await queue.addBulk(Array.from({ length: 20 }, (_, index) => ({ name: `b${index}`, data: {} })))
    gate.open()
    await eventuallyState(first!, 'completed')
    // BullMQ fetches the next job with the end of this one, unless it may not.
    expect(await queue.getJobCounts('wait', 'active')).toEqual({ wait: 20, active: 0 })
    expect(gate.starts).toEqual([first!.id])
    breach.clear()
    await eventually(() => !held.isHeld)
    await eventuallyState(later.at(-1)!, 'completed')
    await eventually(() => gate.starts.length === 21)
    expect(new Set(gate.starts).size).toBe(21)
    breach[Symbol.dispose]()
  })

  it('does not take the job for which it was waiting when the breach began', async () => {
    const gate = new Gate()
    gate.open()
    const held = worker(gate.processor, { resources: memory }, { drainDelay: 60 })
    // It is drained, and waits for the next job.
    const drained = new Promise((resolve) => held.once('drained', () => resolve(undefined)))
    await drained
    await rest(100)
    using breach = fakeBreach(memory, 'memory', '99.95%')
    await eventually(() => held.isHeld)
    await rest(300)
    const other: string[] = []
    const healthy = worker(async (job) => void other.push(job.id!))
    await healthy.waitUntilReady()
    const jobs = await queue.addBulk(Array.from({ length: 10 }, (_, index) => ({ name: `${index}`, data: {} })))
    await eventually(() => other.length === 10)
    expect([gate.starts, other.toSorted()]).toEqual([[], jobs.map(({ id }) => id!).toSorted()])
    breach.clear()
    await eventually(() => !held.isHeld)
    await healthy.close()
    await queue.add('later', {})
    await eventually(() => gate.starts.length === 1)
  })

  it('starts held if the guard is breached already, and not at all before run()', async () => {
    const gate = new Gate()
    gate.open()
    const job = await queue.add('a', {})
    using breach = fakeBreach(memory, 'memory', '99.95%')
    const held = worker(gate.processor, { resources: memory })
    const idle = worker(gate.processor, { resources: memory }, { autorun: false })
    await held.waitUntilReady()
    expect([held.isHeld, idle.isHeld, await stateOf(job)]).toEqual([true, true, 'waiting'])
    await held.close()
    breach.clear()
    await eventually(() => !idle.isHeld)
    await rest(200)
    expect([idle.isRunning(), await stateOf(job)]).toEqual([false, 'waiting'])
    idle.run().catch(() => undefined)
    await eventuallyState(job, 'completed')
  })

  it('stays paused after the breach if the program has paused it, and held if the program resumes it', async () => {
    const gate = new Gate()
    gate.open()
    const held = worker(gate.processor, { resources: memory })
    await held.waitUntilReady()
    const breach = fakeBreach(memory, 'memory', '99.95%')
    await eventually(() => held.isHeld)
    const job = await queue.add('a', {})
    await held.resume()
    await rest(200)
    expect([held.isPaused(), await stateOf(job)]).toEqual([true, 'waiting'])
    await held.pause()
    breach.clear()
    await eventually(() => !held.isHeld)
    await rest(200)
    expect([held.state, held.isPaused(), await stateOf(job)]).toEqual(['paused', true, 'waiting'])
    await held.resume()
    await eventuallyState(job, 'completed')
    breach[Symbol.dispose]()
  })

  it('closes during the breach; jobs that wait are left to other workers', async () => {
    const gate = new Gate()
    const held = worker(gate.processor, { resources: memory }, { concurrency: 2 })
    const active = await queue.add('a', {})
    await eventually(() => gate.starts.length === 1)
    using _breach = fakeBreach(memory, 'memory', '99.95%')
    await eventually(() => held.isHeld)
    const waiting = await queue.add('b', {})
    const closed = held.close()
    gate.open()
    await closed
    expect([await stateOf(active), await stateOf(waiting)]).toEqual(['completed', 'waiting'])
    const done: string[] = []
    worker(async (job) => void done.push(job.id!))
    await eventually(() => done.length === 1)
    expect(done).toEqual([waiting.id])
  })

  it('goes on at once though the marker by which BullMQ wakes workers is gone, and gives it back to others', async () => {
    const done: string[] = []
    const held = worker(async (job) => void done.push(job.id!), { resources: memory }, { drainDelay: 3600 })
    await held.waitUntilReady()
    const breach = fakeBreach(memory, 'memory', '99.95%')
    await eventually(() => held.isHeld)
    const job = await queue.add('a', {})
    const client = await queue.getBackend().client
    const marker = queue.toKey('marker')
    const exists = async (): Promise<boolean> => (await client.zcard(marker)) === 1
    await client.del(marker)
    // As after a read that has just taken the marker.
    type Fetching = { moveToActive(token: string): Promise<unknown> }
    expect(await (held as unknown as Fetching).moveToActive('token')).toBeUndefined()
    for (let tries = 0; tries < 400 && !(await exists()); tries++) await rest(20)
    expect(await exists()).toBe(true)
    await client.del(marker)
    breach.clear()
    await eventuallyState(job, 'completed')
    expect(done).toEqual([job.id])
    breach[Symbol.dispose]()
  })

  it('goes on when that guard is closed', async () => {
    const held = worker(async () => 1, { resources: memory })
    using _breach = fakeBreach(memory, 'memory', '99.95%')
    await eventually(() => held.isHeld)
    const job = await queue.add('a', {})
    memory.close()
    await eventuallyState(job, 'completed')
    expect([held.isHeld, held.state]).toEqual([false, 'running'])
  })

  it('opens and closes many times without losing or doubling a job', async () => {
    const done: string[] = []
    const held = worker(
      async (job) => void (await rest(1), done.push(job.id!)),
      { resources: memory },
      { concurrency: 5 },
    )
    const jobs = await queue.addBulk(Array.from({ length: 400 }, (_, index) => ({ name: `${index}`, data: {} })))
    for (let round = 0; done.length < jobs.length && round < 40; round++) {
      using breach = fakeBreach(memory, 'memory', '99.95%')
      await eventually(() => held.isHeld)
      await rest(round % 7)
      breach.clear()
      await eventually(() => !held.isHeld)
      await rest(round % 5)
    }
    await eventually(() => done.length >= jobs.length)
    expect(done.toSorted()).toEqual(jobs.map(({ id }) => id!).toSorted())
    expect(await queue.getJobCounts('wait', 'active', 'failed')).toEqual({ wait: 0, active: 0, failed: 0 })
  })
})

describe('a job', () => {
  it('gets its operation, and what it throws and returns is the result', async () => {
    const seen: unknown[] = []
    worker((job, cancel) => {
      seen.push([job.name, cancel.context.name, cancel.context.metadata])
      if (job.name === 'bad') throw new Error('broken')
      return { length: 3 }
    })
    const [good, bad] = await queue.addBulk([
      { name: 'good', data: {} },
      { name: 'bad', data: {} },
    ])
    await eventuallyState(bad!, 'failed')
    expect(seen[0]).toEqual(['good', 'jobs/good', { queue: 'jobs', job: good!.id, attempt: 1 }])
    expect((await queue.getJob(good!.id!))?.returnvalue).toEqual({ length: 3 })
    expect((await queue.getJob(bad!.id!))?.failedReason).toBe('broken')
  })

  it('that times out has failed, and is tried again as its attempts say', async () => {
    let starts = 0
    worker(
      async (_, cancel) => {
        starts++
        await cancel.sleep('1h')
      },
      { operation: { timeout: '50ms' } },
    )
    const job = await queue.add('slow', {}, { attempts: 3, backoff: 1 })
    await eventuallyState(job, 'failed')
    const failed = (await queue.getJob(job.id!))!
    expect([starts, failed.attemptsMade, failed.failedReason]).toEqual([3, 3, 'Timed out after 50ms'])
  })

  it('that a limit has ended goes back to waiting, and no attempt counts', async () => {
    const gate = new Gate()
    worker(gate.processor, { operation: { resources: memory }, requeueDelay: '10ms' })
    const job = await queue.add('a', {})
    await eventually(() => gate.starts.length === 1)
    using breach = fakeBreach(memory, 'memory', '99.95%')
    // Until the breach is over it is started again and again, but its processor is not called.
    await eventually(() => memory.isBreached)
    await rest(50)
    breach.clear()
    await eventually(() => gate.starts.length === 2)
    gate.open()
    await eventuallyState(job, 'completed')
    expect((await queue.getJob(job.id!))?.attemptsMade).toBe(1)
  })

  it('that is requeued too often has failed', async () => {
    worker(async (_, cancel) => await cancel.sleep('1h'), {
      operation: { timeout: '10ms' },
      onCanceled: 'requeue',
      requeueDelay: 0,
      maxRequeues: 3,
    })
    const job = await queue.add('a', {})
    await eventuallyState(job, 'failed')
    const failed = (await queue.getJob(job.id!))!
    expect([failed.attemptsStarted, failed.attemptsMade]).toEqual([4, 1])
  })

  it('is discarded as onCanceled says, also with attempts left', async () => {
    const kinds: string[] = []
    worker(async (_, cancel) => await cancel.sleep('1h'), {
      operation: (job) => ({ timeout: job.name === 'slow' ? '20ms' : '1h' }),
      onCanceled(reason) {
        kinds.push(reason.kind)
        return 'discard'
      },
    })
    const job = await queue.add('slow', {}, { attempts: 5 })
    await eventuallyState(job, 'failed')
    expect([(await queue.getJob(job.id!))?.attemptsMade, kinds]).toEqual([1, ['timeout']])
  })

  it('whose processor ignores the cancelation stays active until it ends, and its result counts', async () => {
    const end = new CancelationToken()
    const made = worker(() => end.whenCanceled().then(() => 'late'), {
      operation: { timeout: '20ms' },
    })
    const job = await queue.add('a', {})
    await eventually(() => made.operations[0]?.isCanceled === true)
    await rest(100)
    expect(await stateOf(job)).toBe('active')
    end.cancel()
    await eventuallyState(job, 'completed')
    expect((await queue.getJob(job.id!))?.returnvalue).toBe('late')
  })

  it('that has moved itself is left where it is', async () => {
    const made = worker(async (job, cancel, token) => {
      if (job.attemptsStarted > 1) return 'second'
      cancel.cancel('no longer')
      await job.moveToDelayed(Date.now() + 50, token)
      throw Object.assign(new Error('moved'), { name: 'DelayedError' })
    })
    const job = await queue.add('a', {})
    await eventuallyState(job, 'completed')
    expect(made.operations).toEqual([])
  })

  it('is ended by the signal of BullMQ', async () => {
    const gate = new Gate()
    const made = worker(gate.processor)
    const job = await queue.add('a', {})
    await eventually(() => gate.starts.length === 1)
    expect(made.cancelJob(job.id!, 'not needed')).toBe(true)
    await eventuallyState(job, 'failed')
    expect((await queue.getJob(job.id!))?.failedReason).toBe('Aborted: not needed')
  })

  it('keeps a lock that lasts longer than a timer can', async () => {
    const made = worker(
      async (_, cancel) => await cancel.sleep('50ms'),
      {},
      { lockDuration: 2 ** 31, lockRenewTime: 10_000 },
    )
    const job = await queue.add('a', {})
    await eventuallyState(job, 'completed')
    expect(made.operations).toEqual([])
  })

  it('is ended when its lock is lost, and then belongs to the worker that got it', async () => {
    const gate = new Gate()
    const reasons: string[] = []
    const processor: JobProcessor<unknown, unknown, string> = (job, cancel, token) => {
      cancel.onCancel((reason) => void reasons.push(reason.message))
      return gate.processor(job, cancel, token)
    }
    const first = worker(processor, {}, { lockDuration: 400, stalledInterval: 100 })
    const job = await queue.add('a', {})
    await eventually(() => gate.starts.length === 1)
    const client = (await queue.getBackend().client) as unknown as { set(key: string, value: string): Promise<void> }
    await client.set(`${queue.toKey(job.id!)}:lock`, 'another worker')
    await eventually(() => reasons.length === 1)
    await eventually(() => first.operations.length === 0)
    expect(await stateOf(job)).toBe('active')
    expect(reasons[0]).toMatch(/^Its lock could not be renewed$/)
  })
})

describe('close()', () => {
  it('waits for jobs, then sends them back to waiting, where another worker takes them', async () => {
    const gate = new Gate()
    const first = worker(gate.processor, { closeTimeout: '50ms' })
    const job = await queue.add('a', {})
    await eventually(() => gate.starts.length === 1)
    await first.close()
    expect(await stateOf(job)).toBe('waiting')
    gate.open()
    worker(gate.processor)
    await eventuallyState(job, 'completed')
    expect((await queue.getJob(job.id!))?.attemptsMade).toBe(1)
  })

  it('lets the process end: nothing stays behind', async () => {
    const made = worker(async () => 1, { resources: { memory: '99.9%' } })
    await made.waitUntilReady()
    await made.close()
    expect([made.guard?.closed, made.state]).toEqual([true, 'closing'])
    await made.close(true)
  })
})

describe('cancelJob()', () => {
  it('ends a job that runs, with its reason, and no attempt is left', async () => {
    const gate = new Gate()
    const reasons: unknown[] = []
    worker((job, cancel, token) => {
      cancel.onCancel(({ message, by, kind }) => void reasons.push({ message, by, kind }))
      return gate.processor(job, cancel, token)
    })
    const job = await queue.add('a', {}, { attempts: 5 })
    await eventually(() => gate.starts.length === 1)
    expect(await cancelJob(queue, job.id!, { reason: 'Withdrawn', by: 'support' })).toBe('active')
    await eventuallyState(job, 'failed')
    expect(reasons).toEqual([{ message: 'Withdrawn', by: 'support', kind: 'custom' }])
    expect((await queue.getJob(job.id!))?.failedReason).toBe('Withdrawn')
    expect(await cancelJob(queue, job.id!)).toBe('finished')
  })

  it('keeps a job that waits, or is delayed, from ever starting, also in a worker of BullMQ itself', async () => {
    const waiting = await queue.add('a', {}, { attempts: 3 })
    const delayed = await queue.add('b', {}, { delay: 100 })
    expect(await cancelJob(queue, waiting.id!, { reason: 'Never mind' })).toBe('waiting')
    expect(await cancelJob(queue, waiting.id!, { reason: 'The second does not count' })).toBe('waiting')
    expect(await cancelJob(queue, delayed.id!)).toBe('waiting')
    const started: string[] = []
    const plain = new Worker('jobs', async (job) => void started.push(job.id!), {
      connection: redis.connection,
      drainDelay: 1,
    })
    open.push(plain)
    await eventuallyState(waiting, 'failed')
    await eventuallyState(delayed, 'failed')
    expect([started, (await queue.getJob(waiting.id!))?.failedReason]).toEqual([[], 'Never mind'])
    // Tried again by hand, it starts.
    await (await queue.getJob(waiting.id!))!.retry()
    await eventuallyState(waiting, 'completed')
    expect(started).toEqual([waiting.id])
  })

  it('does not end a later start of the same job', async () => {
    const gate = new Gate()
    worker(gate.processor)
    const job = await queue.add('a', {})
    await eventually(() => gate.starts.length === 1)
    await cancelJob(queue, job.id!)
    await eventuallyState(job, 'failed')
    await (await queue.getJob(job.id!))!.retry()
    await eventually(() => gate.starts.length === 2)
    gate.open()
    await eventuallyState(job, 'completed')
  })

  it('knows what is no job', async () => {
    expect(await cancelJob(queue, '12345')).toBe('unknown')
    await queue.add('a', {})
    expect(await cancelJob(queue, 'meta')).toBe('unknown')
    expect(await cancelJob(queue, 'wait')).toBe('unknown')
  })

  it('refuses bad input, before anything is sent', async () => {
    expect(await codeOf(() => cancelJob(queue, ''))).toBe('ERR_INVALID_ARG_VALUE')
    expect(await codeOf(() => cancelJob(queue, 7 as never))).toBe('ERR_INVALID_ARG_TYPE')
    expect(await codeOf(() => cancelJob(queue, 'x'.repeat(600)))).toBe('ERR_INVALID_ARG_VALUE')
    expect(await codeOf(() => cancelJob(queue, '1', { reason: 'x'.repeat(1001) }))).toBe('ERR_INVALID_ARG_VALUE')
    expect(await codeOf(() => cancelJob(queue, '1', { resaon: 'x' } as never))).toBe('ERR_INVALID_ARG_VALUE')
    expect(await codeOf(() => cancelJob({} as never, '1'))).toBe('ERR_INVALID_ARG_TYPE')
  })

  it('ignores what others have written into the stream, and goes on reading', async () => {
    const gate = new Gate()
    const made = worker(gate.processor)
    const job = await queue.add('a', {})
    await eventually(() => gate.starts.length === 1)
    const errors: unknown[] = []
    const listener = (message: unknown): void => void errors.push(message)
    subscribe('tripline:error', listener)
    open.push({ close: () => unsubscribe('tripline:error', listener) })
    const client = await queue.getBackend().client
    const key = queue.toKey('tripline:cancelations')
    const started = (await queue.getJob(job.id!))!.processedOn!
    const id = job.id!
    const bad = [
      { id, cancelation: 'nonsense' },
      { id, cancelation: `${started} {"reason":7}` },
      { id, cancelation: `${started} ${JSON.stringify({ reason: 'x'.repeat(5000) })}` },
      { id, cancelation: `${started} {"reason":"${'y'.repeat(1_000_000)}"}` },
      { id: '', cancelation: `${started} {"reason":"no id"}` },
      { other: 'field' },
      { id, cancelation: `1 {"reason":"another start"}` },
    ]
    for (const each of bad) await client.xadd(key, '*', each)
    await eventually(() => errors.length === 6)
    expect(made.operations[0]?.isCanceled).toBe(false)
    await cancelJob(queue, id, { reason: 'for good' })
    await eventuallyState(job, 'failed')
  })

  it('reaches a job although so many were canceled that Redis has forgotten its entry', async () => {
    const gate = new Gate()
    worker(gate.processor)
    const job = await queue.add('a', {})
    await eventually(() => gate.starts.length === 1)
    const client = await queue.getBackend().client
    const lua = `redis.call('HSET', KEYS[1], 'tripline', redis.call('HGET', KEYS[1], 'processedOn') .. ' {"reason":"one of many"}')
for index = 1, 150 do redis.call('XADD', KEYS[2], '*', 'id', 'other', 'cancelation', '1 {"reason":"another"}') end`
    client.defineCommand('test:flood', { numberOfKeys: 2, lua })
    await client.runCommand('test:flood', [queue.toKey(job.id!), queue.toKey('tripline:cancelations')])
    await eventuallyState(job, 'failed')
    expect((await queue.getJob(job.id!))?.failedReason).toBe('one of many')
  })

  it('that Redis refuses leaves the job as it was, and the worker reports that it cannot read', async () => {
    const errors: string[] = []
    const listener = (message: unknown): void => void errors.push((message as { error: Error }).error.message)
    subscribe('tripline:error', listener)
    open.push({ close: () => unsubscribe('tripline:error', listener) })
    const client = await queue.getBackend().client
    for (const each of ['cancelations', 'workers']) await client.set(queue.toKey(`tripline:${each}`), 'not ours')
    const gate = new Gate()
    worker(gate.processor, { heartbeat: { interval: '100ms' } })
    const job = await queue.add('a', {})
    await eventually(() => gate.starts.length === 1 && errors.length === 2)
    await expect(cancelJob(queue, job.id!)).rejects.toThrow('WRONGTYPE')
    await expect(workers(queue)).rejects.toThrow('WRONGTYPE')
    expect(await client.hget(queue.toKey(job.id!), 'defa')).toBeNull()
    expect(errors).toEqual([expect.stringMatching(/^WRONGTYPE/), expect.stringMatching(/^WRONGTYPE/)])
    gate.open()
    await eventuallyState(job, 'completed')
  })

  it('is read after Redis was away', async () => {
    const gate = new Gate()
    worker(gate.processor, {}, { lockDuration: 60_000 })
    const job = await queue.add('a', {})
    await eventually(() => gate.starts.length === 1)
    await redis.stop()
    await rest(200)
    await redis.start()
    expect(await cancelJob(queue, job.id!, { reason: 'back again' })).toBe('active')
    await eventuallyState(job, 'failed')
  })
})

describe('Redis that goes away and comes back', () => {
  it('loses and doubles no job, held or not', async () => {
    const done: string[] = []
    const held = worker(
      async (job) => void (await rest(2), done.push(job.id!)),
      { resources: memory },
      { concurrency: 3 },
    )
    const jobs = await queue.addBulk(Array.from({ length: 100 }, (_, index) => ({ name: `${index}`, data: {} })))
    await eventually(() => done.length > 10)
    const breach = fakeBreach(memory, 'memory', '99.95%')
    await eventually(() => held.isHeld && held.operations.length === 0)
    await redis.stop()
    await rest(100)
    breach.clear()
    await eventually(() => !held.isHeld)
    await redis.start()
    await eventually(() => done.length >= 100)
    expect(done.toSorted()).toEqual(jobs.map(({ id }) => id!).toSorted())
    breach[Symbol.dispose]()
  })
})

describe('workers()', () => {
  it('lists workers with what they do, and no longer those that have closed', async () => {
    const gate = new Gate()
    const first = worker(gate.processor, { resources: memory, heartbeat: { interval: '100ms' } }, { concurrency: 2 })
    const second = worker(gate.processor, { heartbeat: { interval: '100ms', metrics: [] } })
    worker(gate.processor, { heartbeat: false })
    const jobs = await queue.addBulk([1, 2, 3, 4].map((each) => ({ name: `${each}`, data: {} })))
    await eventually(() => gate.starts.length === 4)
    using _breach = fakeBreach(memory, 'memory', '99.95%')
    const list = async (): Promise<Awaited<ReturnType<typeof workers>>> => await workers(queue)
    let reports = await list()
    for (let tries = 0; tries < 400; tries++) {
      reports = await list()
      if (reports.some(({ state, metrics }) => state === 'held' && metrics['memory'] !== undefined)) break
      await rest(20)
    }
    expect(reports.map(({ id }) => id).toSorted()).toEqual([first.id, second.id].toSorted())
    const report = reports.find(({ id }) => id === first.id)!
    expect(report).toMatchObject({ state: 'held', pid: process.pid, concurrency: 2, active: 2 })
    expect(jobs.map(({ id }) => id)).toEqual(expect.arrayContaining([...report.jobs]))
    expect(report.breaches).toEqual([{ metric: 'memory', value: 99.95, limit: 99.9, unit: '%' }])
    expect(report.metrics['memory']).toBeGreaterThan(0)
    gate.open()
    await first.close()
    expect((await list()).map(({ id }) => id)).toEqual([second.id])
  })

  it('leaves out what is not a report', async () => {
    const made = worker(async () => 1)
    let reports = await workers(queue)
    for (let tries = 0; reports.length === 0 && tries < 400; tries++) {
      await rest(20)
      reports = await workers(queue)
    }
    const client = await queue.getBackend().client
    const key = queue.toKey(`tripline:worker:${made.id}`)
    await client.set(key, JSON.stringify({ ...reports[0], jobs: [{}] }))
    expect(await workers(queue)).toEqual([])
    await client.set(key, 'x'.repeat(100_000))
    expect(await workers(queue)).toEqual([])
  })
})

describe('bad options', () => {
  it('are refused at the call, and nothing is watched', () => {
    expect(refusal({ resurces: {} })).toMatch(/Did you mean 'resources'/)
    expect(refusal({ onCanceled: 'retry' })).toMatch(/'requeue', 'fail' or 'discard'/)
    expect(refusal({ minHold: '1s' })).toMatch(/left out, unless 'resources' are limits/)
    expect(refusal({ resources: memory, minHold: '1s' })).toMatch(/minHold/)
    expect(refusal({ maxRequeues: -1 })).toMatch(/maxRequeues/)
    expect(refusal({ heartbeat: { interval: 1 } })).toMatch(/at least 100 ms/)
    expect(refusal({ heartbeat: { metrics: ['memoy'] } })).toMatch(/memoy/)
    expect(refusal({ operation: { timout: '5m' } })).toMatch(/Did you mean 'timeout'/)
    expect(refusal({ operation: { parent: null } })).toMatch(/operation\.parent/)
    expect(refusal({ operation: { resources: { memry: 90 } } })).toMatch(/memry/)
    const closed = guard({ memory: 99 })
    closed.close()
    expect(refusal({ resources: closed })).toMatch(/not closed/)
    expect(refusal({}, {})).toMatch(/connection/)
    expect(refusal({}, null)).toMatch(/workerOptions/)
    expect((thrown(() => protectWorker('jobs', './file.js' as never, { connection: {} })) as Error).message).toMatch(
      /"processor"/,
    )
  })

  it('are not even looked at with an older BullMQ', () => {
    const old = { Worker: { prototype: {} } } as unknown as BullMQ
    expect((thrown(() => makeWorker(old, 'jobs', async () => 1, { connection: {} }, {})) as Error).message).toMatch(
      /BullMQ 6 or later/,
    )
  })
})
