/** Rows 89 to 100 of docs/coming-from-python.md: streams and partial results. */
import { Readable } from 'node:stream'
import { ReadableStream } from 'node:stream/web'
import { setTimeout as coreSleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import {
  Cancelable,
  cancelableStream,
  CancelationError,
  CancelationToken,
  ManualCancelation,
  TimeoutCancelation,
} from '../../src/index.js'
import { kHub } from '../../src/sources/token.js'
import { OperationRegistry } from '../../src/registry/index.js'
import { useClock } from '../../src/testing/index.js'
import { reportedErrors } from '../helpers/reported-errors.js'
import { block, deferred, never, rejection, thrown, turns, unhandledIn } from './helpers.js'

/** Counts up to `end`, and records when it is closed. */
async function* numbers(end: number = Infinity, closed: string[] = []): AsyncGenerator<number> {
  try {
    for (let i = 1; i <= end; i++) yield i
  } finally {
    closed.push('closed')
  }
}

/** Counts up to `end`, and then hangs. */
async function* stuck(end: number): AsyncGenerator<number> {
  yield* numbers(end)
  await never()
}

/** A source with one item, which the test settles, and the number of times that it was closed. */
function manual(): AsyncIterable<number> & {
  readonly closed: number
  readonly item: ReturnType<typeof deferred<never>>
} {
  const item = deferred<never>()
  let closed = 0
  return {
    item,
    get closed() {
      return closed
    },
    [Symbol.asyncIterator]: () => ({
      next: () => item.promise,
      return: () => Promise.resolve({ done: true as const, value: ++closed }),
    }),
  }
}

/** A source without items, which is closed by `how`. */
const closedBy = (how: () => unknown): AsyncIterable<number> =>
  ({ [Symbol.asyncIterator]: () => ({ next: () => never(), return: how }) }) as never

const thrower = (error: Error) => (): never => {
  throw error
}

function* endless(): Generator<number> {
  for (let i = 0; ; i++) yield i
}

describe('streaming', () => {
  test('rows 89 and 92: items pass, and the end is complete', async () => {
    const seen: number[] = []
    const operation = new Cancelable()
    await operation.run(async (cancel) => {
      for await (const item of cancel.stream(numbers(3), { keep: 'all' })) seen.push(item)
      expect(cancel.partialResult).toEqual({ count: 3, items: [1, 2, 3], complete: true })
    })
    expect(seen).toEqual([1, 2, 3])
    expect(operation.context.partialResult).toEqual({ count: 3, items: [1, 2, 3], complete: true })
  })

  describe.each(['async', 'sync'])('a cancelation of a stream over an %s source', (kind) => {
    test.each([true, false])('ends the wait for an item only if that is interruptible: %s', async (interruptible) => {
      const item = deferred<number>()
      async function* slow(): AsyncGenerator<number> {
        yield await item.promise
        yield 2
      }
      const operation = new Cancelable().enter()
      const stream = operation.stream(kind === 'sync' ? [item.promise, 2] : slow(), { interruptible })
      const next = stream.next()
      let isSettled = false
      const settled = next.then(
        () => (isSettled = true),
        () => (isSettled = true),
      )
      operation.cancel('enough')
      await turns()
      expect(isSettled).toBe(interruptible)
      item.resolve(1)
      await settled
      expect(isSettled).toBe(true)
      await expect(stream.next()).rejects.toThrow('enough')
      operation[Symbol.dispose]()
    })
  })

  for (const interruptible of [true, false]) {
    test(`a cancelation between two items ends it (interruptible: ${interruptible})`, async () => {
      const closed: string[] = []
      const run = Cancelable.run(async (cancel) => {
        for await (const item of cancel.stream(numbers(Infinity, closed), { interruptible, keep: 2 })) {
          if (item === 5) cancel.cancel('enough')
        }
      })
      const error = (await rejection(run)) as CancelationError
      expect(error.message).toBe('enough')
      expect(error.partialResult).toEqual({ count: 5, items: [4, 5], complete: false })
      await turns()
      expect(closed).toEqual(['closed'])
    })

    test(`row 92: an error of the source is passed on, and the partial result stays (interruptible: ${interruptible})`, async () => {
      const failure = new Error('disk')
      async function* source(): AsyncGenerator<number> {
        yield 1
        throw failure
      }
      const operation = new Cancelable()
      const run = operation.run(async (cancel) => {
        for await (const _ of cancel.stream(source(), { interruptible, keep: 1 }));
      })
      expect(await rejection(run)).toBe(failure)
      expect(operation.partialResult).toEqual({ count: 1, items: [1], complete: false })
    })
  }

  test('row 90: a cancelation does not wait for a pending item', async () => {
    const operation = new Cancelable()
    const run = operation.run(async (cancel) => {
      for await (const _ of cancel.stream(stuck(1), { keep: 'all' }));
    })
    await turns()
    operation.cancel('stop')
    expect(await rejection(run)).toMatchObject({ message: 'stop', partialResult: { count: 1, items: [1] } })
    expect(operation.context.status).toBe('canceled')
  })

  test('rows 88 and 91: progress is reported after every `reportEvery` items', async () => {
    const seen: unknown[] = []
    const operation = new Cancelable().onProgress(({ message, data }) => seen.push([message, data]))
    await operation.run(async (cancel) => {
      for await (const _ of cancel.stream(numbers(25), { reportEvery: 10 }));
    })
    expect(seen).toEqual([
      ['Processed 10 items', { count: 10, latest: 10 }],
      ['Processed 20 items', { count: 20, latest: 20 }],
    ])
  })

  test('row 93: the last `keep` items are kept, in order', async () => {
    for (const [keep, items] of [
      [0, []],
      [1, [7]],
      [3, [5, 6, 7]],
      [7, [1, 2, 3, 4, 5, 6, 7]],
      [9, [1, 2, 3, 4, 5, 6, 7]],
    ] as const) {
      await Cancelable.run(async (cancel) => {
        for await (const _ of cancel.stream(numbers(7), { keep }));
        expect(cancel.partialResult).toEqual({ count: 7, items, complete: true })
      })
    }
  })

  test('rows 92 and 94: a consumer that breaks off closes the source, and keeps what it has', async () => {
    const closed: string[] = []
    const operation = new Cancelable()
    await operation.run(async (cancel) => {
      for await (const item of cancel.stream(numbers(Infinity, closed), { keep: 2 })) if (item === 3) break
      expect(closed).toEqual(['closed'])
    })
    expect(operation.partialResult).toEqual({ count: 3, items: [2, 3], complete: false })
  })

  test('row 94: a consumer that throws closes the source as well', async () => {
    const closed: string[] = []
    const failure = new Error('consumer')
    const run = Cancelable.run(async (cancel) => {
      for await (const _ of cancel.stream(numbers(Infinity, closed))) throw failure
    })
    expect(await rejection(run)).toBe(failure)
    expect(closed).toEqual(['closed'])
  })

  test('a stream that is left open is closed with its operation', async () => {
    const closed: string[] = []
    let iterator: AsyncIterator<number> | undefined
    await Cancelable.run(async (cancel) => {
      iterator = cancel.stream(numbers(Infinity, closed))
      await iterator.next()
    })
    await turns()
    expect(closed).toEqual(['closed'])
    expect(await rejection(iterator!.next())).toMatchObject({ reason: { kind: 'parent' } })
  })

  test('a stream that is disposed of closes its source', async () => {
    const closed: string[] = []
    await Cancelable.run(async (cancel) => {
      {
        await using stream = cancel.stream(numbers(Infinity, closed))
        expect(await stream.next()).toEqual({ done: false, value: 1 })
      }
      expect(closed).toEqual(['closed'])
    })
  })

  test('an asynchronous source that failed is not closed: it has done that', async () => {
    let closed = 0
    const broken: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.reject(new Error('broken')),
        return: () => Promise.resolve({ done: true, value: ++closed }),
      }),
    }
    await Cancelable.run(async (cancel) => {
      const stream = cancel.stream(broken)
      expect(await rejection(stream.next())).toMatchObject({ message: 'broken' })
      expect(await stream.next()).toEqual({ done: true, value: undefined })
    })
    expect(closed).toBe(0)
  })

  test('closing never waits behind a pending item', async () => {
    const operation = new Cancelable().enter()
    const stream = operation.stream(stuck(0))
    const waiting = rejection(stream.next())
    operation.cancel('stop')
    expect(await waiting).toMatchObject({ message: 'stop' })
    expect(await stream.return()).toEqual({ done: true, value: undefined })
    operation[Symbol.dispose]()
  })

  test('a source that never finishes closing does not hold a consumer that is canceled meanwhile', async () => {
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false as const, value: 1 }),
        return: () => never(),
      }),
    }
    const operation = new Cancelable()
    const run = operation.run(async (cancel) => {
      for await (const _ of cancel.stream(source)) break
    })
    await turns()
    operation.cancel('stop')
    await run.catch(() => undefined)
    expect(operation.isCanceled).toBe(true)
    expect(operation.context.status).not.toBe('abandoned')
  })

  test('several calls of next() at once are answered in order', async () => {
    const operation = new Cancelable().enter()
    const stream = operation.stream(numbers(3))
    const all = await Promise.all([stream.next(), stream.next(), stream.next(), stream.next()])
    expect(all.map((each) => each.value)).toEqual([1, 2, 3, undefined])
    expect(all[3].done).toBe(true)
    operation[Symbol.dispose]()
  })

  test('canceled before it was read: nothing is read, and the source is closed', async () => {
    const operation = new Cancelable().enter()
    const readable = Readable.from([1, 2, 3])
    const stream = operation.stream(readable)
    operation.cancel('before')
    expect(await rejection(stream.next())).toBe(operation.signal.reason)
    expect(readable.destroyed).toBe(true)
  })

  test('canceled while the loop is blocked: the next read refuses, and closes the source at once', () => {
    const source = manual()
    const operation = new Cancelable({ timeout: 1 }).enter()
    const stream = operation.stream(source)
    block(2)
    void stream.next()
    expect(source.closed).toBe(1)
    operation[Symbol.dispose]()
  })

  test('one that has come to its end stays there when the operation ends, and counts its items', async () => {
    const operation = new Cancelable().enter()
    const stream = operation.stream([1, 2])
    for await (const _ of stream);
    expect(stream.count).toBe(2)
    operation.complete()
    expect(await stream.next()).toEqual({ done: true, value: undefined })
  })

  test('is closed once, however often it is left, and throw() passes on its error', async () => {
    const operation = new Cancelable().enter()
    const source = manual()
    const stream = operation.stream(source)
    await stream.return()
    await stream.return()
    expect(source.closed).toBe(1)
    const second = manual()
    const failure = new Error('mine')
    expect(await rejection(operation.stream(second).throw(failure))).toBe(failure)
    expect(second.closed).toBe(1)
    operation[Symbol.dispose]()
  })

  test('a read that waits when the stream is left ends with it, whatever the source does later', async () => {
    const operation = new Cancelable().enter()
    const source = manual()
    const stream = operation.stream(source)
    const waiting = stream.next()
    await stream.return()
    expect(await waiting).toEqual({ done: true, value: undefined })
    source.item.reject(new Error('late'))
    await turns()
    expect(await stream.next()).toEqual({ done: true, value: undefined })
    operation[Symbol.dispose]()
  })

  test('an item that comes after the stream was left during a read is dropped, and not counted', async () => {
    const source = manual()
    using operation = new Cancelable().enter()
    const stream = operation.stream(source, { keep: 1, reportEvery: 1 })
    const read = stream.next()
    await stream.return()
    expect(await read).toEqual({ done: true, value: undefined })
    source.item.resolve({ done: false, value: 1 } as never)
    await turns()
    expect([stream.count, operation.context.progress]).toEqual([0, undefined])
  })

  test('an error of the source that comes after the cancelation is dropped', async () => {
    const source = manual()
    const operation = new Cancelable().enter()
    const waiting = operation.stream(source).next()
    operation.cancel('stop')
    const seen = await unhandledIn(async () => {
      source.item.reject(new Error('late'))
      await turns()
    })
    expect(await rejection(waiting)).toMatchObject({ message: 'stop' })
    expect([seen, source.closed]).toEqual([[], 1])
  })

  test('an open stream that nothing reads gives a body no time to unwind', async () => {
    using _ = useClock()
    const operation = new Cancelable()
    const run = operation.run((cancel) => {
      cancel.stream(numbers())
      return never()
    })
    operation.cancel('stop')
    expect(await rejection(run)).toMatchObject({ message: 'stop' })
    expect(operation.context.status).toBe('abandoned')
  })

  describe('an error while the source is closed', () => {
    const failure = new Error('close')

    test('is that of the stream which is left', async () => {
      const operation = new Cancelable().enter()
      const stream = operation.stream(closedBy(() => Promise.reject(failure)))
      expect(await rejection(stream.return())).toBe(failure)
      operation[Symbol.dispose]()
    })

    test('is only reported after a cancelation, however late it is noticed', async () => {
      const reported = reportedErrors()
      const seen = await unhandledIn(async () => {
        for (const how of [() => Promise.reject(failure), thrower(failure)]) {
          const operation = new Cancelable().enter()
          operation.stream(closedBy(how))
          operation.cancel('stop')
          await turns()
          operation[Symbol.dispose]()
        }
        const late = new Cancelable({ timeout: 1 }).enter()
        const stream = late.stream(closedBy(() => Promise.reject(failure)))
        block(2)
        expect(await stream.return()).toEqual({ done: true, value: undefined })
        late[Symbol.dispose]()
      })
      expect(seen).toEqual([])
      expect(reported).toEqual([
        { error: failure, origin: 'stream' },
        { error: failure, origin: 'stream' },
      ])
    })

    test('is not reported if it is the cancelation itself, or the end of the operation', async () => {
      const reported = reportedErrors()
      for (const end of ['cancel', 'complete'] as const) {
        const operation = new Cancelable().enter()
        operation.stream(new ReadableStream({ cancel: (reason) => Promise.reject(reason) }))
        operation[end]()
        await turns(2)
        operation[Symbol.dispose]()
      }
      expect(reported).toEqual([])
    })

    test('a cancelation meanwhile ends the wait for it, without an error of its own', async () => {
      const operation = new Cancelable().enter()
      const left = operation.stream(closedBy(() => never())).return()
      operation.cancel('stop')
      expect(await left).toEqual({ done: true, value: undefined })
      operation[Symbol.dispose]()
    })
  })

  test.each([
    ['synchronous', {}, Symbol.iterator],
    ['asynchronous', {}, Symbol.asyncIterator],
    ['asynchronous, not interruptible', { interruptible: false }, Symbol.asyncIterator],
  ] as const)('a source that breaks the rules fails once, and is at its end then (%s)', async (_, options, kind) => {
    const broken: (() => unknown)[] = [
      thrower(new Error('broken')),
      () => 5,
      () => null,
      () => ({
        done: false,
        get value() {
          throw new Error('broken')
        },
      }),
      ...(kind === Symbol.iterator ? [] : [() => Promise.resolve(5)]),
    ]
    using operation = new Cancelable().enter()
    for (const next of broken) {
      const stream = operation.stream({ [kind]: () => ({ next }) } as never, { ...options, keep: 1 })
      expect(await rejection(stream.next())).toBeInstanceOf(Error)
      expect(await stream.next()).toEqual({ done: true, value: undefined })
    }
  })

  test('bad input', () => {
    const operation = new Cancelable().enter()
    expect(thrown(() => operation.stream(5 as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    expect(thrown(() => operation.stream([], { keep: -1 }))).toMatchObject({ code: 'ERR_OUT_OF_RANGE' })
    expect(thrown(() => operation.stream([], { reportEvery: 1.5 }))).toMatchObject({ code: 'ERR_OUT_OF_RANGE' })
    expect(thrown(() => operation.stream([], { kep: 1 } as never))).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
    expect(thrown(() => operation.stream([], { interruptible: 1 as never }))).toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    })
    expect(thrown(() => operation.chunks([], 1, { flushOnCancel: 1 as never }))).toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    })
    expect(thrown(() => operation.chunks([], 0))).toMatchObject({ code: 'ERR_OUT_OF_RANGE' })
    operation[Symbol.dispose]()
  })
})

describe('sources', () => {
  test('row 99: sync iterables, of values and of promises', async () => {
    const seen: unknown[] = []
    await Cancelable.run(async (cancel) => {
      for await (const item of cancel.stream([1, 2])) seen.push(item)
      for await (const item of cancel.stream(new Set(['a']))) seen.push(item)
      for await (const item of cancel.stream([Promise.resolve('p'), coreSleep(1, 'q')])) seen.push(item)
      for await (const item of cancel.stream('xy')) seen.push(item)
    })
    expect(seen).toEqual([1, 2, 'a', 'p', 'q', 'x', 'y'])
  })

  test('an endless sync iterable ends with the timeout, though no timer can run', async () => {
    const run = Cancelable.run(
      async (cancel) => {
        for await (const _ of cancel.stream(endless()));
      },
      { timeout: 10 },
    )
    expect(await rejection(run)).toBeInstanceOf(TimeoutCancelation)
  })

  test('row 99: a Node Readable is read and, on cancelation, destroyed, also while it waits', async () => {
    const seen: unknown[] = []
    await Cancelable.run(async (cancel) => {
      for await (const item of cancel.stream<string>(Readable.from(['a', 'b']))) seen.push(item)
    })
    expect(seen).toEqual(['a', 'b'])
    const waiting = new Readable({ read: () => undefined })
    const operation = new Cancelable()
    const run = operation.run(async (cancel) => {
      for await (const _ of cancel.stream(waiting));
    })
    await turns()
    operation.cancel('stop')
    expect(await rejection(run)).toMatchObject({ message: 'stop' })
    expect(waiting.destroyed).toBe(true)
  })

  test('row 99: a web ReadableStream is read and, on cancelation, canceled with the error, also while it waits', async () => {
    const seen: unknown[] = []
    await Cancelable.run(async (cancel) => {
      for await (const item of cancel.stream(ReadableStream.from(['a', 'b']))) seen.push(item)
    })
    expect(seen).toEqual(['a', 'b'])
    const canceled = deferred<unknown>()
    const waiting = new ReadableStream<number>({ cancel: (reason) => canceled.resolve(reason) })
    const operation = new Cancelable()
    const run = operation.run(async (cancel) => {
      for await (const _ of cancel.stream(waiting));
    })
    await turns()
    operation.cancel('stop')
    expect(await rejection(run)).toMatchObject({ message: 'stop' })
    expect(await canceled.promise).toBe(operation.signal.reason)
  })

  test('row 99: a slow consumer slows the source down: nothing is read ahead', async () => {
    let produced = 0
    async function* source(): AsyncGenerator<number> {
      for (;;) yield ++produced
    }
    await Cancelable.run(async (cancel) => {
      for await (const item of cancel.stream(source())) {
        await turns(2)
        expect(produced).toBe(item)
        if (item === 5) break
      }
    })
  })
})

describe('cancelableStream', () => {
  test('rows 95 and 96: a stream with an operation of its own', async () => {
    const seen: unknown[] = []
    const progress: unknown[] = []
    const stream = cancelableStream(numbers(4), {
      timeout: '1m',
      reportEvery: 2,
      keep: 'all',
      onProgress: ({ data }) => progress.push(data),
    })
    for await (const item of stream) seen.push(item)
    expect(seen).toEqual([1, 2, 3, 4])
    expect(progress).toEqual([
      { count: 2, latest: 2 },
      { count: 4, latest: 4 },
    ])
    expect(stream.partial()).toEqual({ count: 4, items: [1, 2, 3, 4], complete: true })
  })

  test('it ends with its sources, also when they were canceled before', async () => {
    const token = new CancelationToken()
    const seen: number[] = []
    const reading = (async () => {
      for await (const item of cancelableStream(numbers(), { token })) {
        seen.push(item)
        if (item === 3) token.cancel('enough')
      }
    })()
    expect(await rejection(reading)).toBeInstanceOf(ManualCancelation)
    expect(seen).toEqual([1, 2, 3])
    expect(token[kHub].head).toBeNull()
    expect(await rejection(cancelableStream(numbers(), { token }).next())).toBeInstanceOf(ManualCancelation)
    expect(await rejection(cancelableStream(numbers(), { timeout: 0 }).next())).toBeInstanceOf(TimeoutCancelation)
  })

  test('its operation completes with the source, and is disposed of with a stream that is left', async () => {
    const own = new OperationRegistry()
    for await (const _ of cancelableStream(numbers(2), { register: own }));
    for await (const _ of cancelableStream(numbers(2), { register: own }));
    for await (const _ of cancelableStream(numbers(2), { register: own })) break
    expect(own.statistics().ended).toMatchObject({ total: 3, completed: 2, disposed: 1 })
    const broken = { arm: thrower(new Error('no such device')) }
    expect(thrown(() => cancelableStream([], { sources: [broken] }))).toMatchObject({ message: 'no such device' })
  })

  test('row 97: leaving the stream ends its operation and releases its sources', async () => {
    const token = new CancelationToken()
    const closed: string[] = []
    {
      await using stream = cancelableStream(numbers(Infinity, closed), { token })
      expect((await stream.next()).value).toBe(1)
    }
    expect(closed).toEqual(['closed'])
    expect(token[kHub].head).toBeNull()
  })
})

describe('chunks', () => {
  test('row 98: chunks have the same size except the last, and an empty source has no chunks', async () => {
    await Cancelable.run(async (cancel) => {
      const seen: number[][] = []
      for await (const chunk of cancel.chunks(numbers(7), 3)) seen.push(chunk)
      expect(seen).toEqual([[1, 2, 3], [4, 5, 6], [7]])
      for await (const chunk of cancel.chunks([], 3)) expect(chunk).toBe('never')
    })
  })

  test('row 98: on cancelation, the unfinished chunk is delivered first, or dropped if the option says so', async () => {
    for (const flushOnCancel of [true, false]) {
      const seen: number[][] = []
      const operation = new Cancelable()
      const run = operation.run(async (cancel) => {
        async function* source(): AsyncGenerator<number> {
          yield* [1, 2, 3, 4, 5]
          cancel.cancel('stop')
          await never()
        }
        for await (const chunk of cancel.chunks(source(), 3, { flushOnCancel })) seen.push(chunk)
      })
      expect(await rejection(run)).toMatchObject({ message: 'stop' })
      expect(seen).toEqual(
        flushOnCancel
          ? [
              [1, 2, 3],
              [4, 5],
            ]
          : [[1, 2, 3]],
      )
    }
  })

  test('on an error of the source, the unfinished chunk is delivered first, or dropped if the option says so', async () => {
    const failure = new Error('connection lost')
    async function* failing(): AsyncGenerator<number> {
      yield* [1, 2, 3]
      throw failure
    }
    for (const flushOnCancel of [true, false]) {
      const seen: number[][] = []
      const run = Cancelable.run(async (cancel) => {
        for await (const chunk of cancel.chunks(failing(), 2, { flushOnCancel })) seen.push(chunk)
      })
      expect(await rejection(run)).toBe(failure)
      expect(seen).toEqual(flushOnCancel ? [[1, 2], [3]] : [[1, 2]])
    }
  })

  test('maxWait counts from the first item of a chunk, and leaves no timer behind', async () => {
    using clock = useClock()
    using operation = new Cancelable().enter()
    const item = deferred<number>()
    async function* source(): AsyncGenerator<number> {
      yield await item.promise
      yield await never<number>()
    }
    const chunks = operation.chunks(source(), 2, { maxWait: '1s' })
    const chunk = chunks.next()
    await clock.advance('1h')
    item.resolve(1)
    await turns()
    await clock.advance(999)
    expect(clock.pending).toBe(1)
    await clock.advance(1)
    expect(await chunk).toEqual({ done: false, value: [1] })
    const full = operation.chunks(numbers(2), 2, { maxWait: '1s' })
    expect(await full.next()).toEqual({ done: false, value: [1, 2] })
    expect(clock.pending).toBe(0)
  })

  test('leaving them closes the source, and throw() passes on its error', async () => {
    using operation = new Cancelable().enter()
    const failure = new Error('mine')
    const ways: ((chunks: AsyncIterableIterator<unknown> & AsyncDisposable) => unknown)[] = [
      (chunks) => chunks.return!(),
      async (chunks) => expect(await rejection(chunks.throw!(failure))).toBe(failure),
      (chunks) => chunks[Symbol.asyncDispose](),
    ]
    for (const leave of ways) {
      const closed: string[] = []
      const chunks = operation.chunks(numbers(Infinity, closed), 2)
      await chunks.next()
      await leave(chunks)
      expect(closed).toEqual(['closed'])
    }
  })

  test('an error of the source stays that of further reads, and is unhandled if nothing awaits it', async () => {
    using operation = new Cancelable().enter()
    const failure = new Error('disk')
    // eslint-disable-next-line require-yield -- Fails before its first item.
    async function* failing(): AsyncGenerator<number> {
      throw failure
    }
    const seen = await unhandledIn(async () => void operation.chunks(failing(), 2).next())
    expect(seen).toEqual([failure])
    const chunks = operation.chunks(failing(), 2)
    expect([await rejection(chunks.next()), await rejection(chunks.next())]).toEqual([failure, failure])
    // It has been reported once.
    expect(await unhandledIn(async () => void chunks.next())).toEqual([])
  })

  test('maxWait delivers a chunk before it is full, and loses nothing', async () => {
    const more = deferred()
    async function* source(): AsyncGenerator<number> {
      yield 1
      yield 2
      await more.promise
      yield 3
    }
    await Cancelable.run(async (cancel) => {
      const seen: number[][] = []
      for await (const chunk of cancel.chunks(source(), 10, { maxWait: 1 })) {
        seen.push(chunk)
        more.resolve()
      }
      expect(seen).toEqual([[1, 2], [3]])
    })
  })
})

describe('partial results', () => {
  test('row 100: the body may set one, which the context and the error then have', async () => {
    const operation = new Cancelable()
    const run = operation.run(async (cancel) => {
      cancel.partialResult = { rows: 5 }
      await cancel.sleep(60_000)
    })
    operation.cancel()
    expect(await rejection(run)).toMatchObject({ partialResult: { rows: 5 } })
    expect(operation.context.partialResult).toEqual({ rows: 5 })
  })

  test('one that is set after a stream replaces that of the stream', async () => {
    const operation = new Cancelable()
    await operation.run(async (cancel) => {
      for await (const _ of cancel.stream([1, 2]));
      cancel.partialResult = 'two'
      expect(cancel.partialResult).toBe('two')
    })
    expect(operation.context.partialResult).toBe('two')
  })

  test('one that was set before a stream stays, until it is undefined', async () => {
    const operation = new Cancelable()
    await operation.run(async (cancel) => {
      cancel.partialResult = 0
      for await (const _ of cancel.stream([1, 2])) expect(cancel.partialResult).toBe(0)
      expect(cancel.partialResult).toBe(0)
      cancel.partialResult = undefined
      for await (const _ of cancel.stream([1, 2]));
      expect(cancel.partialResult).toMatchObject({ count: 2, complete: true })
    })
    expect(operation.context.partialResult).toMatchObject({ count: 2 })
  })
})

/** Endless ones, or a stream that fails. */
function webStream(fails?: Error): ReadableStream<number> {
  return new ReadableStream({
    pull(controller) {
      if (fails === undefined) controller.enqueue(1)
      else controller.error(fails)
    },
  })
}

describe('a web stream', () => {
  test('is unlocked when it is left, canceled, at its end, and when it fails', async () => {
    const left = webStream()
    await Cancelable.run(async (cancel) => {
      for await (const _ of cancel.stream(left)) break
    })
    const token = new CancelationToken()
    const canceled = new ReadableStream<number>({})
    const run = Cancelable.run((cancel) => cancel.stream(canceled).next(), { token })
    token.cancel()
    await rejection(run)
    const ended = new ReadableStream<number>({ start: (controller) => controller.close() })
    const failed = webStream(new Error('broken'))
    const uninterruptible = webStream(new Error('broken'))
    await Cancelable.run(async (cancel) => {
      for await (const _ of cancel.stream(ended));
      await rejection(cancel.stream(failed).next())
      await rejection(cancel.stream(uninterruptible, { interruptible: false }).next())
    })
    for (const each of [left, canceled, ended, failed, uninterruptible]) expect(each.locked).toBe(false)
  })

  test('is unlocked once, also by a cancelation during a read, which that makes fail', async () => {
    let unlocked = 0
    const pending = deferred<never>()
    const reader = {
      read: () => pending.promise,
      cancel: () => undefined,
      releaseLock: () => {
        unlocked++
        pending.reject(new TypeError('unlocked'))
      },
    }
    const operation = new Cancelable().enter()
    const read = operation.stream({ getReader: () => reader } as unknown as ReadableStream<number>).next()
    operation.cancel('stop')
    expect(await rejection(read)).toMatchObject({ message: 'stop' })
    await turns()
    expect(unlocked).toBe(1)
  })
})
