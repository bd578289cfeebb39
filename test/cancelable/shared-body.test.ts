/** Many runs of one promise. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { Cancelable, CancelationToken } from '../../src/index.js'
import { deferred, rejection, turns } from './helpers.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

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
