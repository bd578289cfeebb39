/** Idle time: operations and streams that are canceled when nothing happens. */
import { setTimeout as coreSleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { Cancelable, CancelationError, IdleCancelation, cancelableStream } from '../../src/index.js'
import { kExtras } from '../../src/cancelable/operation.js'
import { useClock } from '../../src/testing/index.js'
import { block, never, rejection, thrown, turns } from './helpers.js'

const silent = { [Symbol.asyncIterator]: () => ({ next: () => never<IteratorResult<number>>() }) }

describe('the option idle of an operation', () => {
  test('cancels it when nothing has happened for so long, and says so', async () => {
    const error = (await rejection(Cancelable.run((cancel) => cancel.sleep('1h'), { idle: 5 }))) as CancelationError
    expect(error).toBeInstanceOf(IdleCancelation)
    expect(error.reason).toMatchObject({ kind: 'idle', idle: 5, message: 'No progress for 5ms' })
    expect(error.name).toBe('IdleCancelation')
  })

  test('progress, an item or a touch, of it or below it, keeps it going', async () => {
    using clock = useClock()
    const signs: ((cancel: Cancelable) => unknown)[] = [
      (cancel) => cancel.touch(),
      (cancel) => cancel.reportProgress('still here'),
      (cancel) => cancel.stream(['item']).next(),
      (cancel) => cancel.child().run((inner) => inner.touch()),
      (cancel) => cancel.child().run((inner) => inner.stream(['item']).next()),
      (cancel) => cancel.child().run((inner) => inner.reportProgress('below')),
    ]
    for (const sign of signs) {
      const operation = new Cancelable({ idle: '30s' })
      const run = rejection(operation.run((cancel) => cancel.sleep('1h')))
      for (let i = 0; i < 4; i++) {
        await clock.advance('20s')
        expect(operation.isCanceled).toBe(false)
        await sign(operation)
      }
      await clock.advance('29s')
      expect(operation.isCanceled).toBe(false)
      await clock.advance('1s')
      expect(await run).toMatchObject({ reason: { kind: 'idle' } })
    }
  })

  test('a timeout beside it stays, and extend moves only that', async () => {
    using clock = useClock()
    const operation = new Cancelable({ idle: '30s', timeout: '50s' })
    const run = rejection(operation.run((cancel) => cancel.sleep('1h')))
    await clock.advance('25s')
    operation.touch()
    operation.extend('27s')
    await clock.advance('26s')
    operation.touch()
    await clock.advance('1s')
    expect(await run).toMatchObject({ reason: { kind: 'timeout' } })
  })

  test('its timer ends with the operation', async () => {
    using clock = useClock()
    const operation = new Cancelable({ idle: '30s' }).enter()
    expect(clock.pending).toBe(1)
    operation.complete()
    expect(clock.pending).toBe(0)
  })

  test('code that never yields finds out by a check', () => {
    using operation = new Cancelable({ idle: 5 }).enter()
    operation.touch()
    block(6)
    expect(operation.isCanceled).toBe(true)
    expect(operation.reason).toMatchObject({ kind: 'idle' })
  })

  test('is copied by combine, and leaves nothing behind', async () => {
    const part = new Cancelable({ idle: '1h' })
    expect(await Cancelable.combine([part]).run(() => 1)).toBe(1)
    const combined = Cancelable.combine([new Cancelable({ idle: 5 })])
    expect(await rejection(combined.run((cancel) => cancel.sleep('1h')))).toMatchObject({ reason: { kind: 'idle' } })
    expect(await rejection(Cancelable.run(() => 1, { idle: 0 }))).toMatchObject({ reason: { kind: 'idle' } })
    expect(await Cancelable.run(() => 1, { idle: Infinity })).toBe(1)
    const ended = new Cancelable({ idle: 5 })
    await ended.run(() => 1)
    await coreSleep(10)
    ended.touch()
    expect(ended.isCanceled).toBe(false)
  })

  test('the shortest of an operation and those above it is that of its copies', () => {
    using parent = new Cancelable({ idle: '30s' }).enter()
    const idles = [parent.child({ idle: '1m' }), parent.child({ idle: '10s' }), new Cancelable()].map(
      (each) => each.share().idle,
    )
    expect(idles).toEqual([30_000, 10_000, Infinity])
  })

  test('bad input is refused', () => {
    expect(thrown(() => new Cancelable({ idle: -1 }))).toMatchObject({ code: 'ERR_OUT_OF_RANGE' })
    expect(thrown(() => new Cancelable({ idle: 'x' }))).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
  })
})

describe('the option idle of a stream', () => {
  test('ends it when an item does not come; passed on, it cancels the operation', async () => {
    let closed = 0
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: () => never(),
        return: () => (closed++, Promise.resolve({ done: true })),
      }),
    } as AsyncIterable<number>
    const operation = new Cancelable()
    const run = operation.run(async (cancel) => {
      for await (const each of cancel.stream(source, { idle: 5 })) void each
    })
    const error = await rejection(run)
    expect(error).toMatchObject({ reason: { kind: 'idle', idle: 5, message: 'No item for 5ms' } })
    expect(operation.context).toMatchObject({ status: 'canceled', reason: { kind: 'idle' } })
    expect(closed).toBe(1)
  })

  test('a body that catches it goes on, with another source perhaps', async () => {
    const items = await Cancelable.run(async (cancel) => {
      const error = await rejection(cancel.stream(silent, { idle: 5 }).next())
      expect(CancelationError.is(error)).toBe(true)
      expect(cancel.isCanceled).toBe(false)
      const found: number[] = []
      for await (const each of cancel.stream([1, 2], { idle: 5 })) found.push(each)
      return found
    })
    expect(items).toEqual([1, 2])
  })

  test('a slow consumer is not blamed on the source; items and touches count', async () => {
    using clock = useClock()
    const gate: ((value: number) => void)[] = []
    async function* source(): AsyncGenerator<number> {
      for (;;) yield await new Promise<number>((resolve) => gate.push(resolve))
    }
    await Cancelable.run(async (cancel) => {
      const stream = cancel.stream(source(), { idle: '30s' })
      for (let i = 0; i < 3; i++) {
        const next = stream.next()
        await turns()
        await clock.advance('25s')
        cancel.touch()
        await clock.advance('25s')
        gate.pop()!(i)
        expect(await next).toEqual({ done: false, value: i })
        await clock.advance('5m')
      }
      const last = stream.next()
      await turns()
      await clock.advance('30s')
      expect(await rejection(last)).toMatchObject({ reason: { kind: 'idle' } })
    })
  })

  test('chunks and cancelableStream take it too', async () => {
    const chunks = Cancelable.run((cancel) => cancel.chunks(silent, 2, { idle: 5 }).next())
    expect(await rejection(chunks)).toMatchObject({ reason: { kind: 'idle' } })
    const error = await rejection(cancelableStream(silent, { idle: 5 }).next())
    expect(error).toMatchObject({ reason: { kind: 'idle' }, context: { status: 'canceled', reason: { kind: 'idle' } } })
  })

  test('an item of any other stream counts, also of one that was there before', async () => {
    using clock = useClock()
    using operation = new Cancelable().enter()
    const before = operation.stream([1])
    const waiting = rejection(operation.stream(silent, { idle: '30s' }).next())
    await clock.advance('20s')
    await before.next()
    await clock.advance('20s')
    expect(clock.pending).toBe(1)
    await clock.advance('10s')
    expect(await waiting).toMatchObject({ reason: { kind: 'idle' } })
  })

  test('its clock ends with the stream', async () => {
    using clock = useClock()
    using operation = new Cancelable().enter()
    const stream = operation.stream(silent, { idle: '30s' })
    void stream.next()
    expect(clock.pending).toBe(1)
    await stream.return()
    expect([clock.pending, operation[kExtras]?.idleWatches]).toEqual([0, []])
  })

  test('needs a wait that can be interrupted', () => {
    using cancel = new Cancelable().enter()
    expect(thrown(() => cancel.stream(silent, { idle: 5, interruptible: false }))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    })
  })
})
