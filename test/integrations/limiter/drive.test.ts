/** A limiter that drives the queues of other packages: a real p-queue, and a real BullMQ worker on a Redis of its own. */
import { Queue, Worker } from 'bullmq'
import PQueue from 'p-queue'
import { describe, expect, it } from 'vitest'
import { guard, limiter } from '../../../src/index.js'
import { fakeBreach } from '../../../src/testing/index.js'
import { eventually } from '../../helpers/eventually.js'
import { Redis } from '../redis.js'

const rest = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe('p-queue', () => {
  it('runs as many tasks as the limit allows, which grows, is cut and grows again', async () => {
    using memory = guard({ memory: '99%' })
    await using limit = limiter({ max: 6, resources: memory, interval: 20, hold: 20 })
    const queue = new PQueue({ concurrency: 50 })
    limit.drive(queue)
    expect(queue.concurrency).toBe(1)
    const over = new AbortController()
    let most = 0
    const task = (): Promise<void> => {
      most = Math.max(most, queue.pending)
      return rest(1)
    }
    const feed = Array.from({ length: 12 }, async () => {
      while (!over.signal.aborted) await queue.add(task)
    })
    await eventually(() => queue.concurrency === 6)
    await eventually(() => most === 6)
    const breach = fakeBreach(memory, 'memory', '99.5%')
    await eventually(() => queue.concurrency === 1)
    breach.clear()
    await eventually(() => queue.concurrency === 6)
    breach[Symbol.dispose]()
    over.abort()
    await Promise.all(feed)
    expect(most).toBe(6)
  })

  it('keeps a limit that its tasks do not use, and its concurrency after the end', async () => {
    using memory = guard({ memory: '99%' })
    await using limit = limiter({ max: 6, initial: 3, resources: memory, interval: 20, hold: 20 })
    const queue = new PQueue()
    const driving = limit.drive(queue)
    for (let round = 0; round < 40; round++) await queue.add(() => rest(2))
    expect([limit.limit, queue.concurrency]).toEqual([3, 3])
    driving[Symbol.dispose]()
    using _breach = fakeBreach(memory, 'memory', '99.5%')
    await eventually(() => limit.limit === 1)
    expect(queue.concurrency).toBe(3)
  })
})

describe('a function', () => {
  it('gets the limit, and its errors are reported and stop nothing', async () => {
    using memory = guard({ memory: '99%' })
    await using limit = limiter({ max: 3, resources: memory, interval: 20, hold: 20 })
    const limits: number[] = []
    limit.drive(
      (each) => void limits.push(each),
      () => limits.at(-1)!,
    )
    await eventually(() => limit.limit === 3)
    expect(limits).toEqual([1, 2, 3])
    expect(() =>
      limit.drive(
        () => {
          throw new Error('refused')
        },
        () => 0,
      ),
    ).toThrow('refused')
    expect(() => limiter({ min: 0, max: 1, resources: memory }).drive(new PQueue())).toThrow(/"min" option must be 1/)
  })
})

describe('BullMQ', () => {
  it('takes as many jobs as the limit allows, which grows and is cut', async () => {
    await using redis = await Redis.start()
    const { connection } = redis
    using memory = guard({ memory: '99%' })
    await using limit = limiter({ max: 5, resources: memory, interval: 50, hold: 50 })
    const queue = new Queue('jobs', { connection })
    let running = 0
    let most = 0
    const worker = new Worker(
      'jobs',
      async () => {
        most = Math.max(most, ++running)
        await rest(10)
        running--
      },
      { connection, concurrency: 40 },
    )
    limit.drive(worker)
    expect(worker.concurrency).toBe(1)
    const names = Array.from({ length: 600 }, (_, index) => ({ name: `job ${index}`, data: {} }))
    await queue.addBulk(names)
    await eventually(() => worker.concurrency === 5 && most === 5)
    using _breach = fakeBreach(memory, 'memory', '99.5%')
    await eventually(() => worker.concurrency === 1)
    await eventually(() => running <= 1)
    await worker.close()
    await queue.close()
    expect(most).toBe(5)
  })
})
