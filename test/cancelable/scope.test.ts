/** Scopes: tasks that an operation waits for, and functions that run as its children. */
import { setTimeout as coreSleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { Cancelable, CancelationToken, type TaskFunction } from '../../src/index.js'
import { reportedErrors } from '../helpers/reported-errors.js'
import { block as keepBusy, deferred, never, rejection, thrown, turns, unhandledIn } from './helpers.js'

/** A body that takes a moment to unwind. */
async function unwind(cancel: Cancelable, steps: string[]): Promise<void> {
  try {
    await cancel.sleep('1h')
  } finally {
    await coreSleep(5)
    steps.push('unwound')
  }
}

const failPage = (): Promise<never> => Promise.reject(new Error('page'))

/** A function that takes `ms` milliseconds. */
const slow =
  (ms: number, value: unknown): TaskFunction =>
  async () => {
    await coreSleep(ms)
    return value
  }

describe('task()', () => {
  test('an operation does not end before its tasks', async () => {
    const steps: string[] = []
    const result = await Cancelable.run((cancel) => {
      void cancel.task(async () => {
        await coreSleep(5)
        steps.push('first')
      })
      void cancel.task(async (inner) => {
        await coreSleep(1)
        // A task may start more of them, in its own operation or in its parent's.
        void cancel.task(() => coreSleep(10).then(() => steps.push('third')))
        void inner.task(() => coreSleep(1).then(() => steps.push('second')))
      })
      return 'done'
    })
    expect(result).toBe('done')
    expect(steps.toSorted()).toEqual(['first', 'second', 'third'])
  })

  test('it is a child, with options of its own, and its promise has the result', async () => {
    await Cancelable.run(async (cancel) => {
      const id = await cancel.task((inner) => inner.context.parentId, { name: 'part' })
      expect(id).toBe(cancel.context.id)
      const refused = cancel.task((inner) => inner.sleep('1h'), { token: canceled() })
      expect(await rejection(refused)).toMatchObject({ reason: { kind: 'manual' } })
    })
  })

  test('row 119: an error cancels the others and fails the operation with that very error', async () => {
    const failure = new Error('disk full')
    const steps: string[] = []
    const operation = new Cancelable()
    const seen = await unhandledIn(async () => {
      const run = operation.run(async (cancel) => {
        void cancel.task((inner) => unwind(inner, steps))
        void cancel.task(async () => {
          await coreSleep(1)
          throw failure
        })
        await cancel.sleep('1h')
      })
      expect(await rejection(run)).toBe(failure)
    })
    expect(seen).toEqual([])
    expect(steps).toEqual(['unwound'])
    expect(operation.context).toMatchObject({
      status: 'failed',
      error: failure,
      reason: { kind: 'error', cause: failure },
    })
  })

  test('so does an error after the body has fulfilled, or that the body swallows', async () => {
    const failure = new Error('late')
    const fail = (): Promise<never> => coreSleep(1).then(() => Promise.reject(failure))
    expect(await rejection(Cancelable.run((cancel) => void cancel.task(fail)))).toBe(failure)
    expect(await rejection(Cancelable.run((cancel) => cancel.task(fail).catch(() => 'swallowed')))).toBe(failure)
    expect(
      await rejection(Cancelable.run((cancel) => [cancel.task(() => Promise.reject(failure)), cancel.sleep('1h')][1])),
    ).toBe(failure)
    const sync = Cancelable.run((cancel) => {
      void cancel.task(() => {
        throw failure
      })
    })
    expect(await rejection(sync)).toBe(failure)
  })

  test('a task whose time runs out cancels the operation with its error', async () => {
    const operation = new Cancelable()
    let own: unknown
    const run = operation.run(async (cancel) => {
      own = rejection(cancel.task((inner) => inner.sleep('1h'), { timeout: 1 }))
      await cancel.sleep('1h')
    })
    const error = await rejection(run)
    expect(error).toBe(await own)
    expect(error).toMatchObject({ name: 'TimeoutError', reason: { kind: 'timeout' } })
    expect(operation.context).toMatchObject({ status: 'canceled', reason: { kind: 'timeout' } })
  })

  test('a task that is canceled on purpose leaves the others alone', async () => {
    const token = new CancelationToken()
    const controller = new AbortController()
    const seen = await unhandledIn(async () => {
      const run = Cancelable.run(async (cancel) => {
        void cancel.task((inner) => inner.sleep('1h'), { token })
        void cancel.task((inner) => inner.sleep('1h'), { signal: controller.signal })
        void cancel.task((inner) => {
          inner.cancel()
          return inner.sleep('1h')
        })
        token.cancel('not needed')
        controller.abort()
        return cancel.task(() => coreSleep(2, 'other'))
      })
      expect(await run).toBe('other')
    })
    expect(seen).toEqual([])
  })

  test.each([
    ['of an error', () => AbortSignal.abort(new Error('broken')), 'abort'],
    ['of a time that was over', () => AbortSignal.abort(new DOMException('late', 'TimeoutError')), 'abort'],
  ])('a task whose signal aborts because %s cancels the operation', async (_, signal, kind) => {
    const operation = new Cancelable()
    await rejection(operation.run((cancel) => (void cancel.task(never, { signal: signal() }), cancel.sleep('1h'))))
    expect(operation.reason).toMatchObject({ kind })
  })

  test('a task that passes on the end of another operation cancels its own', async () => {
    const operation = new Cancelable()
    const run = operation.run((cancel) => {
      void cancel.task(() => {
        using other = new Cancelable({ id: 'other' }).enter()
        return other.sleep('1h')
      })
      return cancel.sleep('1h')
    })
    await rejection(run)
    expect(operation.reason).toMatchObject({ kind: 'parent', parentId: 'other' })
  })

  test('a task that is canceled on purpose fails the operation nevertheless if its cleanup does', async () => {
    const failure = new Error('cleanup')
    const run = Cancelable.run((cancel) => {
      void cancel.task((inner) => {
        inner.cancel('not needed')
        inner.defer(() => Promise.reject(failure))
      })
      return cancel.sleep('1h')
    })
    expect(await rejection(run)).toBe(failure)
  })

  test('a task that a cleanup starts ends with the operation, and does not cancel it', async () => {
    let ended: unknown
    const operation = new Cancelable()
    const run = operation.run((cancel) => {
      cancel.defer(() => {
        ended = rejection(cancel.task((inner) => inner.sleep('1h')))
      })
      return 'done'
    })
    expect(await run).toBe('done')
    expect(await ended).toMatchObject({ reason: { kind: 'parent' } })
    expect(operation.reason).toBeUndefined()
  })

  test('one that is refused rejects with the error of the operation, and so does the run', async () => {
    const operation = new Cancelable()
    const { signal } = operation
    const run = operation.run((cancel) => {
      void cancel.task((inner) => inner.sleep('1h'))
      return cancel.sleep('1h')
    })
    operation.cancel('stop')
    expect(await rejection(operation.task(never))).toBe(signal.reason)
    expect(await rejection(run)).toBe(signal.reason)
    expect(operation.signal.reason).toBe(signal.reason)
    expect(await rejection(run)).toBe(await rejection(operation.race(never())))
  })

  test('a body that fulfills although it was canceled fulfills the run, also with tasks that unwind', async () => {
    const operation = new Cancelable()
    const run = operation.run(async (cancel) => {
      void cancel.task(async (inner) => {
        await rejection(inner.sleep('1h'))
        await turns(3)
        inner.throwIfCanceled()
      })
      await cancel.sleep('1h').catch(() => undefined)
      return 'partial'
    })
    operation.cancel('stop')
    expect(await run).toBe('partial')
  })

  test('the error of a task is that of the run also if its body goes on', async () => {
    const failure = new Error('disk')
    const operation = new Cancelable()
    const run = operation.run((cancel) => (void cancel.task(() => Promise.reject(failure)), never()))
    expect(await rejection(run)).toBe(failure)
    expect(operation.context.status).toBe('abandoned')
  })

  test("onChildError: 'ignore' leaves the error to the promise of the task", async () => {
    const failure = new Error('minor')
    const errors: unknown[] = []
    const seen = await unhandledIn(async () => {
      const run = Cancelable.run(
        async (cancel) => {
          void cancel.task(() => Promise.reject(failure))
          void cancel.task(() => Promise.reject(failure)).catch((error: unknown) => errors.push(error))
          await cancel.task(() => coreSleep(2))
          return 'done'
        },
        { onChildError: 'ignore' },
      )
      expect(await run).toBe('done')
    })
    expect(seen).toEqual([])
    expect(errors).toEqual([failure])
  })

  test('a cancelation reaches tasks, also while only they are left', async () => {
    const steps: string[] = []
    const operation = new Cancelable()
    const seen = await unhandledIn(async () => {
      const run = operation.run((cancel) => {
        void cancel.task((inner) => unwind(inner, steps))
        return 'done'
      })
      await turns(2)
      expect(operation.context.status).toBe('running')
      operation.cancel('stop')
      expect(await rejection(run)).toMatchObject({ message: 'stop' })
    })
    expect(seen).toEqual([])
    expect(steps).toEqual(['unwound'])
    expect(operation.context.status).toBe('canceled')
  })

  test('an error of the body cancels the tasks', async () => {
    const failure = new Error('body')
    let reason: unknown
    const run = Cancelable.run((cancel) => {
      void cancel.task((inner) => {
        inner.onCancel((given) => (reason = given))
        return inner.sleep('1h')
      })
      throw failure
    })
    expect(await rejection(run)).toBe(failure)
    expect(reason).toMatchObject({ kind: 'parent' })
  })

  test('await using waits for the tasks of a block', async () => {
    const steps: string[] = []
    {
      await using cancel = new Cancelable().enter()
      void cancel.task((inner) => coreSleep(5).then(() => steps.push(`task ${inner.isCanceled}`)))
    }
    expect(steps).toEqual(['task false'])
  })

  test('bad input: clear errors, and nothing starts', async () => {
    using cancel = new Cancelable().enter()
    expect(thrown(() => cancel.task('x' as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    expect(thrown(() => cancel.task(never, { timeout: -1 }))).toMatchObject({ code: 'ERR_OUT_OF_RANGE' })
    expect(thrown(() => new Cancelable({ onChildError: 'stop' as never }))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    })
    let ended!: Cancelable
    await Cancelable.run((each) => void (ended = each))
    let called = false
    const refused = ended.task(() => (called = true))
    expect(await rejection(refused)).toMatchObject({ message: 'The parent operation ended' })
    expect(called).toBe(false)
    expect(thrown(() => ended.task('x' as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  })
})

describe('all()', () => {
  test('of an operation that is over does not touch the iterable', async () => {
    const touched = {
      [Symbol.iterator]: (): never => {
        throw new Error('touched')
      },
    }
    const stopped = new Cancelable().enter()
    stopped.cancel('stop')
    expect(await rejection(stopped.all(touched))).toMatchObject({ message: 'stop' })
    const ended = new Cancelable().enter()
    ended.complete()
    expect(await rejection(ended.all(touched))).toMatchObject({ message: 'The parent operation ended' })
  })

  test('results are in the order of the functions, whichever ends first', async () => {
    const results = await Cancelable.run((cancel) => cancel.all([slow(6, 'a'), () => 'b', slow(1, 'c')]))
    expect(results).toEqual(['a', 'b', 'c'])
    expect(await Cancelable.run((cancel) => cancel.all([]))).toEqual([])
  })

  test('concurrency bounds how many run at once; an iterable is taken from as they end', async () => {
    let running = 0
    let most = 0
    let taken = 0
    function* functions(): Generator<TaskFunction<number>> {
      for (let i = 0; i < 20; i++) {
        taken++
        yield async () => {
          most = Math.max(most, ++running)
          expect(taken).toBeLessThanOrEqual(i + 4)
          await coreSleep(1)
          running--
          return i
        }
      }
    }
    const results = await Cancelable.run((cancel) => cancel.all(functions(), { concurrency: 3 }))
    expect(results).toEqual(Array.from({ length: 20 }, (_, i) => i))
    expect(most).toBe(3)
  })

  test('an error cancels the rest, starts no more, and is thrown when the others have ended', async () => {
    const failure = new Error('page 2')
    const steps: string[] = []
    const seen = await unhandledIn(async () => {
      const result = await Cancelable.run(async (cancel) => {
        const all = cancel.all(
          [(inner) => unwind(inner, steps), () => Promise.reject(failure), () => steps.push('must not start')],
          { concurrency: 2 },
        )
        expect(await rejection(all)).toBe(failure)
        expect(steps).toEqual(['unwound'])
        expect(cancel.isCanceled).toBe(false)
        return 'fallback'
      })
      expect(result).toBe('fallback')
    })
    expect(seen).toEqual([])
    expect(await rejection(Cancelable.run((cancel) => cancel.all([() => Promise.reject(failure)])))).toBe(failure)
  })

  test('its end with the operation is not unhandled, however the body ends', async () => {
    const seen = await unhandledIn(async () => {
      for (const concurrency of [1, 2]) {
        const failing = Cancelable.run(async (cancel) => {
          void cancel.all([(inner) => inner.sleep('1h'), (inner) => inner.sleep('1h')], { concurrency })
          await turns()
          throw new Error('body')
        })
        expect(await rejection(failing)).toMatchObject({ message: 'body' })
        const block = new Cancelable().enter()
        void block.all([(inner) => inner.sleep('1h'), (inner) => inner.sleep('1h')], { concurrency })
        await turns()
        block[Symbol.dispose]()
        await turns(2)
      }
    })
    expect(seen).toEqual([])
  })

  test('an error that nothing awaits is not lost', async () => {
    const failure = new Error('page 2')
    for (const [fails, waits] of [
      [0, 0],
      [0, 3],
      [2, 0],
    ] as const) {
      const seen = await unhandledIn(async () => {
        await Cancelable.run(async (cancel) => {
          void cancel.all([() => turns(fails).then(() => Promise.reject(failure))])
          await turns(waits)
        })
        await turns()
      })
      expect(seen).toEqual([failure])
    }
  })

  test("onChildError: 'ignore' lets the others go on", async () => {
    const results = await Cancelable.run((cancel) =>
      cancel.all([slow(2, 'a'), () => Promise.reject(new Error('b')), slow(1, 'c')], {
        onChildError: 'ignore',
        concurrency: 1,
      }),
    )
    expect(results).toEqual(['a', undefined, 'c'])
  })

  test("onChildError: 'ignore' leaves its end with the operation no unhandled rejection", async () => {
    const operation = new Cancelable()
    const seen = await unhandledIn(async () => {
      const run = operation.run(async (cancel) => {
        void cancel.all([(inner) => inner.sleep('1h')], { onChildError: 'ignore' })
        await cancel.sleep('1h')
      })
      operation.cancel('stop')
      await rejection(run)
    })
    expect(seen).toEqual([])
  })

  test('a cancelation ends all, and rejects with the error of the operation', async () => {
    const operation = new Cancelable()
    const errors: unknown[] = []
    const started: number[] = []
    const seen = await unhandledIn(async () => {
      const run = operation.run(async (cancel) => {
        const functions = [1, 2, 3].map((each) => (inner: Cancelable) => {
          started.push(each)
          return inner.sleep('1h')
        })
        const all = cancel.all(functions, { concurrency: 2 })
        errors.push(await rejection(cancel.all(functions, { concurrency: 1 })), await rejection(all))
        cancel.throwIfCanceled()
      })
      await turns()
      operation.cancel('stop')
      expect(await rejection(run)).toBe(operation.signal.reason)
    })
    expect(seen).toEqual([])
    expect(errors).toEqual([operation.signal.reason, operation.signal.reason])
    expect(errors.every((each) => each === operation.signal.reason)).toBe(true)
    expect(started).toEqual([1, 2, 1])
  })

  test('the operation does not end before it', async () => {
    const steps: unknown[] = []
    await Cancelable.run((cancel) => {
      void cancel.all([slow(2, 1), slow(1, 2), slow(1, 3)], { concurrency: 1 }).then((all) => steps.push(...all))
    })
    expect(steps).toEqual([1, 2, 3])
  })

  test('an iterator that throws, or yields anything but functions, ends what runs', async () => {
    let closed = false
    const done = deferred()
    function* broken(): Generator<never> {
      try {
        yield ((inner: Cancelable) => inner.sleep('1h').finally(done.resolve)) as never
        yield 5 as never
      } finally {
        closed = true
      }
    }
    await Cancelable.run(async (cancel) => {
      const all = cancel.all(broken())
      expect(await rejection(all)).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
      await done.promise
      expect(closed).toBe(true)
    })
  })

  test('starts nothing in an operation whose time is over, and no more after one has canceled it', async () => {
    const late = new Cancelable({ timeout: 1 }).enter()
    keepBusy(2)
    let called = 0
    let taken = 0
    function* functions(): Generator<TaskFunction> {
      for (; taken < 5; taken++) yield () => (called++, operation.cancel('stop'))
    }
    expect(await rejection(late.all([() => called++]))).toMatchObject({ reason: { kind: 'timeout' } })
    late[Symbol.dispose]()
    const operation = new Cancelable().enter()
    expect(called).toBe(0)
    expect(await rejection(operation.all(functions()))).toMatchObject({ message: 'stop' })
    expect([called, taken]).toEqual([1, 0])
    operation[Symbol.dispose]()
  })

  test('closes an iterator that has more, and only that; an error of it is reported', async () => {
    const reported = reportedErrors()
    const failure = new Error('close')
    const closes: number[] = []
    for (const count of [1, 2]) {
      let left = count
      const functions = {
        [Symbol.iterator]: () => ({
          next: () =>
            left-- === 0
              ? { done: true as const, value: undefined }
              : { done: false as const, value: () => turns().then(failPage) },
          return: () => {
            closes.push(count)
            throw failure
          },
        }),
      }
      const concurrency = count === 1 ? 2 : 1
      const run = Cancelable.run((cancel) => cancel.all(functions as never, { concurrency }))
      expect(await rejection(run)).toMatchObject({ message: 'page' })
    }
    expect(closes).toEqual([2])
    expect(reported).toEqual([{ error: failure, origin: 'task' }])
  })

  test('one that passes on a cancelation ends the others for the same reason', async () => {
    let reason: unknown
    const run = Cancelable.run((cancel) =>
      cancel.all([
        (inner) => inner.onCancel((given) => (reason = given)).sleep('1h'),
        () => Cancelable.run(never, { timeout: 0, parent: null }),
      ]),
    )
    expect(await rejection(run)).toMatchObject({ reason: { kind: 'timeout' } })
    expect(reason).toMatchObject({ kind: 'timeout' })
  })

  test('bad input: clear errors, and nothing starts', async () => {
    using cancel = new Cancelable().enter()
    let called = 0
    const call = (): number => called++
    expect(thrown(() => cancel.all(5 as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    expect(thrown(() => cancel.all([call, Promise.resolve() as never]))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    expect(thrown(() => cancel.all([call], { concurrency: 0 }))).toMatchObject({ code: 'ERR_OUT_OF_RANGE' })
    expect(thrown(() => cancel.all([call], { concurrency: 'x' as never }))).toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    })
    expect(thrown(() => cancel.all([call], { limit: 2 } as never))).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
    expect(thrown(() => cancel.all([call], { onChildError: 'stop' as never }))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    })
    expect(called).toBe(0)
  })
})

function canceled(): CancelationToken {
  const token = new CancelationToken()
  token.cancel('before')
  return token
}
