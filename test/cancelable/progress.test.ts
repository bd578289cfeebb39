/** Progress as numbers, and listeners that are called less often. */
import { describe, expect, test } from 'vitest'
import { Cancelable, type Progress, type ProgressReport } from '../../src/index.js'
import { useClock } from '../../src/testing/index.js'
import { thrown } from './helpers.js'

describe('numbers', () => {
  test('come with the part that is done, the rate, and the time that is left', async () => {
    using clock = useClock()
    const reports: Progress[] = []
    const parent = new Cancelable().onProgress((progress) => reports.push(progress)).enter()
    const job = parent.child().enter()
    job.reportProgress({ done: 0, total: 100 })
    await clock.advance(1000)
    job.reportProgress({ done: 10, total: 100, data: 'x' })
    await clock.advance(1000)
    job.reportProgress({ done: 20, total: 100, message: 'a fifth' })
    expect(reports[0]).toMatchObject({ message: '0 of 100', done: 0, total: 100, fraction: 0 })
    expect([reports[0]!.rate, reports[0]!.eta]).toEqual([undefined, undefined])
    expect(reports[1]).toMatchObject({ message: '10 of 100', fraction: 0.1, data: 'x' })
    expect(reports[1]!.rate).toBeCloseTo(10)
    expect(reports[1]!.eta).toBeCloseTo(9000)
    expect(reports[2]).toMatchObject({ message: 'a fifth', fraction: 0.2 })
    expect(job.context.progress).toBe(reports[2])
    await clock.advance(1000)
    // Faster from here on; the rate follows.
    job.reportProgress({ done: 60, total: 100 })
    expect(reports[3]!.rate).toBeGreaterThan(10)
    expect(reports[3]!.rate).toBeLessThan(40)
    job.reportProgress({ done: 100, total: 100 })
    expect(reports[4]).toMatchObject({ fraction: 1, eta: 0 })
    parent[Symbol.dispose]()
  })

  test('work without a total, with a total of 0, and after a restart', async () => {
    using clock = useClock()
    const job = new Cancelable().enter()
    const report = async (given: ProgressReport): Promise<Progress> => {
      job.reportProgress(given)
      await clock.advance(100)
      return job.context.progress!
    }
    expect(await report({ done: 5 })).toMatchObject({
      message: '5',
      total: undefined,
      fraction: undefined,
      eta: undefined,
    })
    expect((await report({ done: 10 })).rate).toBeCloseTo(50)
    expect((await report({ done: 1 })).rate).toBeUndefined()
    expect((await report({ done: 2 })).rate).toBeCloseTo(10)
    expect(await report({ done: 0, total: 0 })).toMatchObject({ fraction: 1, eta: 0 })
    expect(await report({ done: 7, total: 5 })).toMatchObject({ fraction: 1, eta: 0 })
    job[Symbol.dispose]()
  })

  test('that do not grow have no rate to end with, and reports at one moment count as one', async () => {
    using clock = useClock()
    using job = new Cancelable().enter()
    job.reportProgress({ done: 0, total: 100 })
    job.reportProgress({ done: 10, total: 100 })
    expect(job.context.progress!.rate).toBeUndefined()
    await clock.advance(1000)
    job.reportProgress({ done: 20, total: 100 })
    expect(job.context.progress!.rate).toBeCloseTo(20)
    using stuck = new Cancelable().enter()
    stuck.reportProgress({ done: 5, total: 10 })
    await clock.advance(1000)
    stuck.reportProgress({ done: 5, total: 10 })
    expect([stuck.context.progress!.rate, stuck.context.progress!.eta]).toEqual([0, undefined])
  })

  test('that are no numbers are refused, and nothing is reported', () => {
    const job = new Cancelable().enter()
    const bad: unknown[] = [
      {},
      { done: 'x' },
      { done: -1 },
      { done: NaN },
      { done: 1, total: Infinity },
      { done: 1, totl: 2 },
      7,
      null,
      undefined,
      { done: 1, message: 2 },
    ]
    for (const each of bad) {
      expect(thrown(() => job.reportProgress(each as never))).toMatchObject({
        code: expect.stringMatching(/^ERR_INVALID_ARG/),
      })
    }
    expect(thrown(() => job.reportProgress({ done: 1 }, 'data'))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    expect(job.context.progress).toBeUndefined()
    job[Symbol.dispose]()
  })
})

describe('a throttled listener', () => {
  test('gets the first report, then the latest per period, and the last at the end', async () => {
    using clock = useClock()
    const seen: string[] = []
    const job = new Cancelable().onProgress(({ message }) => seen.push(message), { throttle: '100ms' }).enter()
    for (let i = 0; i < 25; i++) {
      job.reportProgress(String(i))
      await clock.advance(10)
    }
    expect(seen).toEqual(['0', '9', '19'])
    job.complete()
    expect(seen).toEqual(['0', '9', '19', '24'])
    await clock.advance(1000)
    expect(seen).toHaveLength(4)
  })

  test('gets a report at once after a period without one, one that was alone in its period at its end, and no other', async () => {
    using clock = useClock()
    const seen: string[] = []
    const job = new Cancelable().onProgress(({ message }) => seen.push(message), { throttle: 100 }).enter()
    job.reportProgress('at once')
    expect(seen).toEqual(['at once'])
    await clock.advance(100)
    job.reportProgress('at once again')
    expect(seen).toHaveLength(2)
    await clock.advance(10)
    job.reportProgress('alone')
    await clock.advance(89)
    expect([seen.length, clock.pending]).toEqual([2, 1])
    await clock.advance(1)
    expect(seen).toEqual(['at once', 'at once again', 'alone'])
    await clock.advance(10)
    job.reportProgress('at the end')
    job.complete()
    expect([seen.length, clock.pending]).toEqual([4, 0])
    const second = new Cancelable().onProgress(({ message }) => seen.push(message), { throttle: 100 }).enter()
    second.reportProgress('only')
    second.complete()
    expect(seen.slice(4)).toEqual(['only'])
  })

  test('is one like any other without a period', () => {
    const seen: string[] = []
    const note = ({ message }: Progress): unknown => seen.push(message)
    using job = new Cancelable().onProgress(note, {}).onProgress(note, { throttle: undefined }).enter()
    job.reportProgress('a')
    job.reportProgress('b')
    expect(seen).toEqual(['a', 'a', 'b', 'b'])
  })

  test('refuses bad options', () => {
    const job = new Cancelable()
    for (const each of [{ throttle: -1 }, { throttle: 'x' }, { every: 1 }, null, 5])
      expect(thrown(() => job.onProgress(() => 1, each as never))).toMatchObject({
        code: expect.stringMatching(/^ERR_/),
      })
    expect(thrown(() => job.onProgress(5 as never, { throttle: 5 }))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  })
})
