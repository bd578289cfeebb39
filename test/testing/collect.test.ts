/** The events of operations, in order, for every way in which an operation can end. */
import { describe, expect, it } from 'vitest'
import { Cancelable, CancelationError, ManualCancelation } from '../../src/index.js'
import { collect, type OperationSettled } from '../../src/testing/index.js'

function last(log: { readonly events: readonly unknown[] }): OperationSettled {
  return log.events.at(-1) as OperationSettled
}

describe('collect()', () => {
  it('records start, progress, partial results and the result', async () => {
    const operation = new Cancelable()
    const log = collect(operation)
    expect(log.types).toEqual([])
    const result = await operation.run(async (cancel) => {
      cancel.reportProgress('half', { rows: 5 })
      cancel.partialResult = [1]
      await cancel.child().run((child) => child.reportProgress('inner'))
      cancel.partialResult = [1, 2]
      return cancel.partialResult
    })
    expect(result).toEqual([1, 2])
    expect(log.types).toEqual(['started', 'progress', 'partial', 'progress', 'partial', 'settled'])
    expect(log.events).toMatchObject([
      {},
      { message: 'half', data: { rows: 5 }, operation: operation.context },
      { value: [1] },
      { message: 'inner' },
      { value: [1, 2] },
      { status: 'completed', value: [1, 2], error: undefined, partialResult: [1, 2] },
    ])
    const times = log.events.map(({ at }) => at)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(await log.settled).toBe(last(log))
  })

  it('records a cancelation with its reason and error', async () => {
    const operation = new Cancelable()
    const log = collect(operation)
    const done = operation.run((cancel) => cancel.sleep('1h'))
    operation.cancel('enough')
    const error = await done.catch((each: unknown) => each)
    expect(log.types).toEqual(['started', 'canceled', 'settled'])
    expect(log.events[1]).toMatchObject({ reason: { kind: 'manual', message: 'enough' } })
    expect(last(log)).toMatchObject({ status: 'canceled', error, value: undefined })
    expect(error).toBeInstanceOf(ManualCancelation)
  })

  it('records a failure', async () => {
    const operation = new Cancelable()
    const log = collect(operation)
    const boom = new Error('boom')
    await operation.run(() => Promise.reject(boom)).catch(() => undefined)
    expect(log.types).toEqual(['started', 'settled'])
    expect(last(log)).toMatchObject({ status: 'failed', error: boom })
  })

  it('records a body that is abandoned, and one that completes in spite of a cancelation', async () => {
    const abandoned = new Cancelable({ grace: 0 })
    const first = collect(abandoned)
    const done = abandoned.run(() => new Promise(() => {})).catch((error: unknown) => error)
    abandoned.cancel()
    const error = await done
    expect(first.types).toEqual(['started', 'canceled', 'settled'])
    expect(last(first)).toMatchObject({ status: 'abandoned', error })
    const stubborn = new Cancelable()
    const second = collect(stubborn)
    await stubborn.run((cancel) => {
      cancel.cancel()
      return 7
    })
    expect(second.types).toEqual(['started', 'canceled', 'settled'])
    expect(last(second)).toMatchObject({ status: 'completed', value: 7 })
  })

  it('records an operation that is canceled before its start', async () => {
    const operation = new Cancelable()
    const log = collect(operation)
    operation.cancel('early')
    await operation.run(() => 'never').catch(() => undefined)
    expect(log.types).toEqual(['canceled', 'settled'])
    expect(last(log).error).toBeInstanceOf(CancelationError)
  })

  it('records blocks that are left with and without completion', async () => {
    const logs = [true, false].map((completes) => {
      using operation = new Cancelable().enter()
      const log = collect(operation)
      if (completes) operation.complete()
      return log
    })
    expect(logs.map((log) => log.types)).toEqual([
      ['started', 'settled'],
      ['started', 'settled'],
    ])
    expect(await Promise.all(logs.map(async (log) => (await log.settled).status))).toEqual(['completed', 'disposed'])
  })

  it('has the partial result of a stream at the end', async () => {
    const operation = new Cancelable()
    const log = collect(operation)
    await operation.run(async (cancel) => {
      for await (const _ of cancel.stream([1, 2, 3], { reportEvery: 2, keep: 'all' })) {
        if (_ === 3) break
      }
    })
    expect(log.types).toEqual(['started', 'progress', 'settled'])
    expect(last(log).partialResult).toMatchObject({ count: 3, items: [1, 2, 3] })
  })

  it('does not change the behavior of the operation', async () => {
    class Special extends Cancelable {
      set = 0
      override get partialResult(): unknown {
        return `special ${String(super.partialResult)}`
      }
      override set partialResult(value: unknown) {
        this.set++
        super.partialResult = value
      }
    }
    const operation = new Special()
    const log = collect(operation)
    await operation.run((cancel) => {
      cancel.partialResult = 5
    })
    expect(operation).toMatchObject({ set: 1, partialResult: 'special 5' })
    expect(log.types).toEqual(['started', 'partial', 'settled'])
  })

  it('refuses bad input', async () => {
    const ended = new Cancelable()
    await ended.run(() => undefined)
    expect(() => collect(ended)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }))
    expect(() => collect({} as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }))
  })
})
