/** Many runs of one promise. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { Cancelable, CancelationToken, type AbandonedMessage, type CancelableOptions } from '../../src/index.js'
import { deferred, rejection, turns } from './helpers.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Starts a run of the promise and cancels it; returns whether the run is still in memory. */
async function abandonedRun(promise: Promise<unknown>): Promise<() => boolean> {
  const operation = new Cancelable()
  const run = operation.run(() => promise)
  operation.cancel()
  await rejection(run)
  const ref = new WeakRef(operation)
  return () => ref.deref() !== undefined
}

async function collected(): Promise<void> {
  // The latest run may be kept by others, and the target of a new WeakRef stays until the end of its turn.
  await abandonOne()
  await turns(2)
  collect()
}

/** Runs a promise that settles, and holds it no longer. */
function settledRun(): WeakRef<Promise<void>> {
  const { promise, resolve } = deferred()
  void Cancelable.run(() => promise)
  resolve()
  return new WeakRef(promise)
}

// The first one: it is about a thread in which no body was ever abandoned.
test('a promise is not held for the next run while no body is abandoned', async () => {
  expect(Cancelable.abandoned.total).toBe(0)
  const ref = settledRun()
  await turns(2)
  collect()
  expect(ref.deref()).toBeUndefined()
})

/** Leaves one body behind: only then runs of one promise are looked for. */
async function abandonOne(): Promise<void> {
  const operation = new Cancelable()
  const run = operation.run(() => new Promise(() => undefined))
  operation.cancel()
  await rejection(run)
}

describe('runs that return one promise, while an abandoned body goes on,', () => {
  test('settle as it does, and those that were abandoned are counted and published', async () => {
    await abandonOne()
    for (const way of ['fulfilled', 'rejected'] as const) {
      const before = Cancelable.abandoned
      const { promise, resolve, reject } = deferred<unknown>()
      const messages: AbandonedMessage[] = []
      const listener = (message: unknown): void => void messages.push(message as AbandonedMessage)
      const token = new CancelationToken()
      const runs: Promise<unknown>[] = []
      const start = (count: number, options: CancelableOptions = {}): void => {
        for (let i = 0; i < count; i++) runs.push(Cancelable.run(() => promise, options))
      }
      start(4)
      start(3, { token })
      token.cancel('stop')
      const stopped = (await Promise.all(runs.slice(4).map(rejection))) as Error[]
      expect(stopped.map(({ message }) => message)).toEqual(['stop', 'stop', 'stop'])
      subscribe('tripline:abandoned', listener)
      const announced = new CancelationToken()
      start(2, { token: announced })
      announced.cancel('published')
      await Promise.all(runs.slice(7).map(rejection))
      unsubscribe('tripline:abandoned', listener)
      expect(Cancelable.abandoned.running).toBe(before.running + 5)
      const failure = new Error('broken')
      if (way === 'fulfilled') resolve('done')
      else reject(failure)
      const settled = await Promise.allSettled(runs.slice(0, 4))
      const outcome = way === 'fulfilled' ? { status: way, value: 'done' } : { status: way, reason: failure }
      expect(settled).toEqual([outcome, outcome, outcome, outcome])
      expect(messages.map((message) => message.outcome)).toEqual([outcome, outcome])
      const { running, total, [way]: ended } = Cancelable.abandoned
      expect([running, total, ended]).toEqual([before.running, before.total + 5, before[way] + 5])
      // The promise is shared no more, and a run of it still settles.
      expect(await Promise.allSettled([Cancelable.run(() => promise)])).toEqual([outcome])
    }
  })
})

describe('a canceled run of a promise that several runs have returned is not kept by it', () => {
  test('whether another promise was returned in between or not', async () => {
    await abandonOne()
    const [one, other] = [deferred(), deferred()]
    // That the first one shares its promise is known only when there is a second.
    await abandonedRun(one.promise)
    const kept = [await abandonedRun(one.promise), await abandonedRun(one.promise)]
    await abandonedRun(other.promise)
    kept.push(await abandonedRun(one.promise), await abandonedRun(other.promise))
    await collected()
    expect(kept.map((each) => each())).toEqual([false, false, false, false])
    one.resolve()
    other.resolve()
  })

  test('although other such promises have settled', async () => {
    await abandonOne()
    for (let i = 0; i < 3; i++) {
      const { promise, resolve } = deferred()
      const runs = [0, 1, 2].map(() => Cancelable.run(() => promise))
      resolve()
      await Promise.all(runs)
    }
    const { promise, resolve } = deferred()
    await abandonedRun(promise)
    const kept = await abandonedRun(promise)
    await collected()
    expect(kept()).toBe(false)
    resolve()
  })
})

describe('runs that return one promise', () => {
  test('settle as it does, in their order, but for those that were canceled', async () => {
    const { promise, resolve } = deferred<string>()
    const token = new CancelationToken()
    const order: number[] = []
    const runs = [0, 1, 2, 3, 4].map((index) =>
      Cancelable.run(() => promise, index === 2 ? { token } : {}).finally(() => order.push(index)),
    )
    token.cancel('stop')
    expect(await rejection(runs[2]!)).toMatchObject({ message: 'stop' })
    resolve('done')
    expect(await Promise.all(runs.filter((_, index) => index !== 2))).toEqual(Array(4).fill('done'))
    expect(order).toEqual([2, 0, 1, 3, 4])
  })

  test('fail with its error', async () => {
    const { promise, reject } = deferred()
    const runs = [Cancelable.run(() => promise), Cancelable.run(() => promise)]
    const error = new Error('broken')
    reject(error)
    for (const run of runs) expect(await rejection(run)).toBe(error)
  })

  test('are counted while they are abandoned', async () => {
    const { promise, resolve } = deferred()
    const before = Cancelable.abandoned
    const runs = Array.from({ length: 5 }, () => Cancelable.run(() => promise, { timeout: 1 }))
    for (const run of runs) await rejection(run)
    expect(Cancelable.abandoned.running).toBe(before.running + 5)
    resolve()
    await turns()
    const { running, fulfilled } = Cancelable.abandoned
    expect([running, fulfilled]).toEqual([before.running, before.fulfilled + 5])
  })

  test('leave nothing on it once they are canceled', async () => {
    const promise = new Promise<void>(() => undefined)
    const cancelMany = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        const operation = new Cancelable()
        const run = operation.run(() => promise)
        operation.cancel()
        await run.catch(() => undefined)
      }
    }
    await cancelMany(1000)
    collect()
    const before = process.memoryUsage().heapUsed
    await cancelMany(10_000)
    collect()
    expect((process.memoryUsage().heapUsed - before) / 10_000).toBeLessThan(60)
  })
})
