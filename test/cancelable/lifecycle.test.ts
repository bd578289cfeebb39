/** Rows 1 to 20 of docs/coming-from-python.md: making, starting, ending. */
import { inspect } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import {
  Cancelable,
  CancelationError,
  CancelationToken,
  ManualCancelation,
  ReusedError,
  TimeoutCancelation,
  anyOf,
  type CancelableOptions,
} from '../../src/index.js'
import { kLinks } from '../../src/cancelable/operation.js'
import { kStore, registerNow } from '../../src/cancelable/registration.js'
import { OperationRegistry } from '../../src/registry/index.js'
import { observe, regions } from '../../src/engine/watching.js'
import { kTimerList } from '../../src/engine/timers.js'
import { kHub } from '../../src/sources/token.js'
import { useClock } from '../../src/testing/index.js'
import { reportedErrors } from '../helpers/reported-errors.js'
import { block as keepBusy, deferred, never, rejection, thrown, turns, unhandledIn } from './helpers.js'

describe('creating an operation', () => {
  test('row 1: takes id, name, parent and metadata, all optional', () => {
    const parent = new Cancelable()
    const metadata = { tenant: 'a' }
    const { context } = new Cancelable({ id: 'job-1', name: 'job', parent, metadata })
    expect(context.id).toBe('job-1')
    expect(context.name).toBe('job')
    expect(context.parentId).toBe(parent.context.id)
    expect(context.metadata).toBe(metadata)
    const bare = new Cancelable().context
    expect([bare.name, bare.parentId, bare.metadata]).toEqual([undefined, undefined, undefined])
  })

  test('row 2: sources given as an option are armed', async () => {
    const token = new CancelationToken()
    const source = {
      arm: (sink: { cancel(reason: never): boolean }) => token.onCancel((reason) => sink.cancel(reason as never)),
    }
    const run = Cancelable.run(() => never(), { sources: [source] })
    token.cancel('by the source')
    expect(await rejection(run)).toMatchObject({ reason: { kind: 'manual', message: 'by the source' } })
  })

  test('rows 3 and 4: an id is made when it is first read, and is unique and permanent', () => {
    const a = new Cancelable()
    const b = new Cancelable()
    expect(a.context.id).not.toBe(b.context.id)
    expect(a.context.id).toBe(a.context.id)
    expect(new Cancelable({ id: 'mine' }).context.id).toBe('mine')
  })

  test('row 5: operations have no name by default; shorthands accept all other options', () => {
    expect(Cancelable.withTimeout(5).context.name).toBeUndefined()
    expect(Cancelable.withTimeout(5, { name: 'n' }).context.name).toBe('n')
  })

  test('the error for a misspelled option names the nearest, and wrong types are refused', () => {
    const bad: [object, string, RegExp][] = [
      [{ timout: 5 }, 'ERR_INVALID_ARG_VALUE', /Did you mean 'timeout'/],
      [{ timeout: '5 parsecs' }, 'ERR_INVALID_ARG_VALUE', /timeout/],
      [{ timeout: Number.NaN }, 'ERR_OUT_OF_RANGE', /timeout/],
      [{ timeout: -1 }, 'ERR_OUT_OF_RANGE', /timeout/],
      [{ deadline: 5 }, 'ERR_INVALID_ARG_TYPE', /deadline/],
      [{ deadline: { epochMilliseconds: 5 } }, 'ERR_INVALID_ARG_TYPE', /deadline/],
      [{ deadline: new Date(Number.NaN) }, 'ERR_INVALID_ARG_VALUE', /deadline/],
      [{ token: {} }, 'ERR_INVALID_ARG_TYPE', /token/],
      [{ abortSignal: {} }, 'ERR_INVALID_ARG_TYPE', /abortSignal/],
      [{ signals: 'SIGINT' }, 'ERR_INVALID_ARG_TYPE', /signals/],
      [{ signals: ['SIGNIT'] }, 'ERR_INVALID_ARG_VALUE', /Did you mean 'SIGINT'/],
      [{ signals: ['SIGKILL'] }, 'ERR_INVALID_ARG_VALUE', /catch/],
      [{ condition: 5 }, 'ERR_INVALID_ARG_TYPE', /condition/],
      [{ condition: { check: () => true, intervall: 5 } }, 'ERR_INVALID_ARG_VALUE', /Did you mean 'interval'/],
      [{ resources: { memry: 90 } }, 'ERR_INVALID_ARG_VALUE', /Did you mean 'memory'/],
      [{ limits: { memory: 90 } }, 'ERR_INVALID_ARG_VALUE', /Unknown option 'limits'. Did you mean 'resources'\?/],
      [{ guard: {} }, 'ERR_INVALID_ARG_VALUE', /Did you mean 'resources'/],
      [{ sources: [{}] }, 'ERR_INVALID_ARG_TYPE', /arm/],
      [{ parent: {} }, 'ERR_INVALID_ARG_TYPE', /parent/],
      [{ grace: Infinity }, 'ERR_OUT_OF_RANGE', /grace/],
      [{ name: 5 }, 'ERR_INVALID_ARG_TYPE', /name/],
      [{ metadata: 5 }, 'ERR_INVALID_ARG_TYPE', /metadata/],
    ]
    for (const [options, code, message] of bad) {
      const error = thrown(() => new Cancelable(options)) as Error & { code: string }
      expect(error.code, inspect(options)).toBe(code)
      expect(error.message, inspect(options)).toMatch(message)
    }
    expect(thrown(() => new Cancelable(null as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  })

  test('an undefined option counts as left out', async () => {
    const options = { timeout: undefined, token: undefined, parent: undefined, grace: undefined }
    expect(await Cancelable.run(() => 1, options)).toBe(1)
  })
})

describe('starting and ending', () => {
  test('row 6: entering is synchronous, and start listeners are called when it runs', () => {
    const seen: string[] = []
    const operation = new Cancelable().onStart((context) => seen.push(context.status))
    operation.enter()
    expect(seen).toEqual(['running'])
    operation[Symbol.dispose]()
  })

  test('row 7: ending is idempotent, and runs once', () => {
    const operation = new Cancelable().enter()
    let cleanups = 0
    operation.defer(() => cleanups++)
    operation[Symbol.dispose]()
    operation[Symbol.dispose]()
    expect(cleanups).toBe(1)
    expect(operation.cancel()).toBe(false)
    expect(operation.context.status).toBe('disposed')
  })

  test('row 8: the rejection is a typed error, whatever the source', async () => {
    const error = await rejection(Cancelable.run(() => never(), { timeout: 5 }))
    expect(error).toBeInstanceOf(TimeoutCancelation)
    expect(error).toBeInstanceOf(CancelationError)
    expect(error).toMatchObject({ code: 'ERR_TRIPLINE_CANCELED', name: 'TimeoutError', reason: { timeout: 5 } })
  })

  test('row 9: an operation may be disposed of before it starts', () => {
    const operation = new Cancelable()
    operation[Symbol.dispose]()
    expect(operation.context.status).toBe('disposed')
    expect(thrown(() => operation.enter())).toBeInstanceOf(ReusedError)
  })

  test('row 10: an operation can only be used once', async () => {
    const operation = new Cancelable()
    expect(await operation.run(() => 1)).toBe(1)
    expect(thrown(() => operation.run(() => 2))).toMatchObject({ code: 'ERR_TRIPLINE_REUSED' })
    expect(thrown(() => operation.enter())).toMatchObject({ code: 'ERR_TRIPLINE_REUSED' })
    expect(operation.context.status).toBe('completed')
    const entered = new Cancelable().enter()
    expect(thrown(() => entered.run(() => 2))).toBeInstanceOf(ReusedError)
    expect(entered.context.status).toBe('running')
    entered[Symbol.dispose]()
  })

  test('row 11: an operation that is already canceled never calls the body', async () => {
    const token = new CancelationToken()
    token.cancel('before')
    let called = false
    const body = (): void => {
      called = true
    }
    for (const options of [{ token }, { timeout: 0 }, { abortSignal: AbortSignal.abort() }]) {
      const operation = new Cancelable(options)
      expect(await rejection(operation.run(body))).toBeInstanceOf(CancelationError)
      expect(operation.context.status).toBe('canceled')
      expect(thrown(() => new Cancelable(options).enter())).toBeInstanceOf(CancelationError)
    }
    const pending = new Cancelable()
    pending.cancel('while pending')
    expect(await rejection(pending.run(body))).toMatchObject({ message: 'while pending' })
    expect(called).toBe(false)
  })

  test('row 12: cancel() is synchronous and returns whether it was the first', () => {
    const operation = new Cancelable().enter()
    expect(operation.cancel('one')).toBe(true)
    expect(operation.cancel('two')).toBe(false)
    expect(operation.reason).toMatchObject({ kind: 'manual', message: 'one' })
    expect(thrown(() => operation.cancel(5 as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    operation[Symbol.dispose]()
    expect(operation.context.status).toBe('canceled')
  })

  test('row 13: an operation may be canceled at once', () => {
    const operation = new Cancelable().enter()
    operation.cancel()
    expect(operation.isCanceled).toBe(true)
    expect(operation.signal.aborted).toBe(true)
    expect(operation.context.status).toBe('canceled')
  })

  test('row 14: an operation has these properties', () => {
    const parent = new Cancelable().enter()
    const operation = parent.child().enter()
    expect(operation.context.status).toBe('running')
    expect(operation.context.parentId).toBe(parent.context.id)
    expect(operation.isCanceled).toBe(false)
    expect(operation.reason).toBeUndefined()
    expect(operation.signal).toBeInstanceOf(AbortSignal)
    expect(operation.signal).toBe(operation.signal)
    parent[Symbol.dispose]()
    expect(operation.context.status).toBe('canceled')
  })

  test('row 15: a check throws the same error with which the run rejects', async () => {
    let checked: unknown
    let aborted: unknown
    const run = Cancelable.run((cancel) => {
      cancel.throwIfCanceled()
      cancel.cancel('stop')
      aborted = cancel.signal.reason
      checked = thrown(() => cancel.throwIfCanceled())
      throw checked
    })
    const error = await rejection(run)
    expect(error).toBeInstanceOf(ManualCancelation)
    expect(checked).toBe(error)
    expect(aborted).toBe(error)
  })

  test('row 16: yield() lets the loop turn and then checks', async () => {
    let turned = false
    const run = Cancelable.run(async (cancel) => {
      setImmediate(() => {
        turned = true
      })
      await cancel.yield()
      expect(turned).toBe(true)
      cancel.cancel('now')
      await cancel.yield()
    })
    expect(await rejection(run)).toMatchObject({ message: 'now' })
  })

  test('row 17: nothing depends on garbage collection; a failed constructor leaves nothing', () => {
    const token = new CancelationToken()
    expect(() => new Cancelable({ token, timeout: Number.NaN })).toThrow(RangeError)
    expect(token[kHub].head).toBeNull()
  })

  test('a block may say that it is complete', () => {
    const seen: unknown[] = []
    const operation = new Cancelable().onComplete(() => seen.push('complete')).enter()
    operation.complete()
    expect(operation.context.status).toBe('completed')
    operation[Symbol.dispose]()
    expect(operation.context.status).toBe('completed')
    expect(seen).toEqual(['complete'])
  })

  test('using and await using', async () => {
    let inner: Cancelable
    {
      using operation = new Cancelable().enter()
      inner = operation
    }
    expect(inner.context.status).toBe('disposed')
    const done = deferred()
    {
      await using operation = new Cancelable().enter()
      operation.defer(async () => {
        await turns(2)
        done.resolve()
      })
      inner = operation
    }
    await done.promise
    expect(inner.context.status).toBe('disposed')
  })

  test('disposing asynchronously of a run that goes on cancels it, too; its body unwinds', async () => {
    const operation = new Cancelable()
    const steps: string[] = []
    const run = operation.run(async (cancel) => {
      const child = cancel.child({ parent: cancel }).enter()
      await cancel.sleep(60_000).catch(() => steps.push(`unwinding ${child.isCanceled}`))
      cancel.throwIfCanceled()
    })
    await operation[Symbol.asyncDispose]()
    expect(operation.context.status).toBe('canceled')
    expect(await rejection(run)).toMatchObject({ reason: { kind: 'manual' } })
    expect(steps).toEqual(['unwinding true'])
  })

  test('a block that is disposed of twice, asynchronously, still ends after its cleanups', async () => {
    const cleanup = deferred()
    const block = new Cancelable().enter()
    block.defer(() => cleanup.promise)
    const first = block[Symbol.asyncDispose]()
    await block[Symbol.asyncDispose]()
    await turns(2)
    expect(block.context.status).toBe('running')
    cleanup.resolve()
    await first
    expect(block.context.status).toBe('disposed')
  })

  test('a canceled block waits for its cleanups within the grace period, any other for as long as they take', async () => {
    using clock = useClock()
    const ends: string[] = []
    const start = (name: string): Cancelable => {
      const block = new Cancelable().enter()
      block.defer(() => never())
      if (name === 'canceled') block.cancel('stop')
      void block[Symbol.asyncDispose]().then(() => ends.push(name))
      return block
    }
    start('canceled')
    start('running')
    await clock.advance(999)
    expect(ends).toEqual([])
    await clock.advance(1)
    await turns(3)
    expect(ends).toEqual(['canceled'])
    await clock.advance('1h')
    expect(ends).toEqual(['canceled'])
  })

  test('an error of a cleanup of a block is reported', async () => {
    const reported = reportedErrors()
    const failure = new Error('cleanup')
    {
      await using block = new Cancelable().enter()
      block.defer(() => Promise.reject(failure))
    }
    expect(reported).toEqual([{ error: failure, origin: 'cleanup' }])
  })

  test('options of cancel() leave the children to it, unless they say otherwise', () => {
    const parent = new Cancelable().enter()
    const child = parent.child().enter()
    parent.cancel('stop', { by: 'a test' })
    expect(child.isCanceled).toBe(true)
    expect(thrown(() => parent.defer(5 as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  })

  test('disposing of a run that goes on cancels it', async () => {
    const operation = new Cancelable()
    const run = operation.run((cancel) => cancel.sleep(60_000))
    operation[Symbol.dispose]()
    expect(await rejection(run)).toMatchObject({ reason: { kind: 'manual' } })
  })

  test('a source that cannot be armed makes the call fail before the body starts, and leaves nothing behind', async () => {
    const token = new CancelationToken()
    const broken = {
      arm() {
        throw new Error('no such device')
      },
    }
    let called = false
    const operation = new Cancelable({ token, sources: [broken], timeout: 60_000 })
    const run = operation.run(() => {
      called = true
    })
    expect(await rejection(run)).toMatchObject({ message: 'no such device' })
    expect(called).toBe(false)
    expect(operation.context.status).toBe('pending')
    expect(token[kHub].head).toBeNull()
    expect(operation[kTimerList]).toBeNull()
    expect(thrown(() => new Cancelable({ sources: [{ arm: () => 5 as never }] }).enter())).toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    })
  })

  test('sources are not armed once an earlier one has canceled', async () => {
    const token = new CancelationToken()
    token.cancel('long ago')
    let armed = 0
    const later = {
      arm() {
        armed++
        return { [Symbol.dispose]: () => undefined }
      },
    }
    const operation = new Cancelable({ token, sources: [later] })
    expect(await rejection(operation.run(() => 1))).toMatchObject({ message: 'long ago' })
    expect(armed).toBe(0)
  })

  test('a source that cancels while it is armed leaves nothing connected', () => {
    for (const when of ['at the start', 'later'] as const) {
      const token = new CancelationToken()
      const own = { arm: () => (operation.cancel('own'), { [Symbol.dispose]: () => undefined }) }
      const operation: Cancelable = new Cancelable(when === 'later' ? {} : { sources: [anyOf(token, own)] })
      if (when === 'later') operation.enter().addSource(anyOf(token, own))
      else expect(thrown(() => operation.enter())).toMatchObject({ message: 'own' })
      expect(token[kHub].head).toBeNull()
      expect(operation[kLinks]).toBeNull()
    }
  })

  test('an operation whose start failed has not started; canceled meanwhile, it has ended', () => {
    const broken = { arm: (): never => { throw new Error('no such device') } } // prettier-ignore
    const pending = new Cancelable({ sources: [broken] })
    thrown(() => pending.enter())
    expect([pending.context.startedAt, pending.context.elapsed]).toEqual([undefined, undefined])
    const canceling = { arm: (): never => { canceled.cancel('first'); throw new Error('no such device') } } // prettier-ignore
    const canceled: Cancelable = new Cancelable({ sources: [canceling] })
    thrown(() => canceled.enter())
    let settled = false
    canceled.onSettled(() => (settled = true))
    expect(settled).toBe(true)
  })

  test('a run that nothing else has reads the clock once: it has no time of its end', async () => {
    let held!: Cancelable
    await Cancelable.run((cancel) => void (held = cancel))
    expect([held.context.status, held.context.endedAt, held.context.elapsed]).toEqual([
      'completed',
      undefined,
      undefined,
    ])
    const left = rejection(Cancelable.run((cancel) => ((held = cancel), never())))
    held.cancel('stop')
    await left
    expect([held.context.status, held.context.endedAt]).toEqual(['abandoned', undefined])
    const own = new Cancelable()
    await own.run(() => 1)
    expect(own.context.endedAt).toBeDefined()
  })

  test('a copy from another thread has the id and the name of the original', () => {
    using original = new Cancelable({ id: 'job 7', name: 'crunch' }).enter()
    const shared = original.share()
    using copy = Cancelable.from(shared).enter()
    expect([copy.context.id, copy.context.name]).toEqual(['job 7', 'crunch'])
    expect(Cancelable.from({ ...shared, name: undefined }).context.name).toBeUndefined()
    expect(Cancelable.from({ ...shared, name: 5 as never }).context.name).toBeUndefined()
    original.cancel('both')
    expect(copy.isCanceled).toBe(true)
    expect(copy.reason).toMatchObject({ message: 'both' })
    expect(new Cancelable({ id: 'job 8' }).share()).toMatchObject({ id: 'job 8', name: undefined })
  })

  test('an operation may be disposed of or canceled while it starts', async () => {
    const disposed = new Cancelable()
    disposed.onStart(() => disposed[Symbol.dispose]())
    expect(await rejection(disposed.run(() => 1))).toBeInstanceOf(ReusedError)
    expect(disposed.context.status).toBe('disposed')
    const canceled = new Cancelable()
    canceled.onStart(() => canceled.cancel('at the start'))
    expect(await rejection(canceled.run(() => 1))).toMatchObject({ message: 'at the start' })
    const inSource = new Cancelable({
      sources: [
        {
          arm() {
            inSource.cancel('while arming')
            return { [Symbol.dispose]: () => undefined }
          },
        },
      ],
    })
    expect(await rejection(inSource.run(() => 1))).toMatchObject({ message: 'while arming' })
    expect(inSource[kLinks]).toBeNull()
  })

  test('a body that is not a function is refused at the call', () => {
    expect(thrown(() => Cancelable.run(5 as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  })

  test('a body may return a value, a promise or a thenable, or throw', async () => {
    expect(await Cancelable.run(() => 1)).toBe(1)
    expect(await Cancelable.run(async () => 2)).toBe(2)
    // oxlint-disable-next-line unicorn/no-thenable -- what any thenable does to us is what is tested
    expect(await Cancelable.run(() => ({ then: (resolve: (value: number) => void) => resolve(3) }) as never)).toBe(3)
    const error = new Error('mine')
    expect(
      await rejection(
        Cancelable.run(() => {
          throw error
        }),
      ),
    ).toBe(error)
  })
})

describe('a body with a result that cannot be read', () => {
  test('fails the run and leaves nothing armed', async () => {
    const before = process.listenerCount('SIGUSR2')
    const operation = new Cancelable({ timeout: '1h', signals: ['SIGUSR2'] })
    const result = new Proxy(
      {},
      {
        get() {
          throw new Error('hands off')
        },
      },
    )
    await expect(operation.run(() => result)).rejects.toThrow('hands off')
    expect(operation.context.status).toBe('failed')
    expect(process.listenerCount('SIGUSR2')).toBe(before)
  })
})

describe('waiting', () => {
  test('ends in the order in which it began, whichever waits have ended before', async () => {
    const operation = new Cancelable().enter()
    const order: string[] = []
    const promises = ['a', 'b', 'c', 'd'].map((name) => ({ name, own: deferred() }))
    const waits = promises.map(({ name, own }) =>
      operation.race(own.promise).then(
        () => order.push(`${name} settled`),
        () => order.push(name),
      ),
    )
    promises[1]!.own.resolve()
    promises[3]!.own.resolve()
    await turns()
    operation.cancel('stop')
    await Promise.all(waits)
    expect(order).toEqual(['b settled', 'd settled', 'a', 'c'])
  })

  test('for one promise ends in all operations but those that were canceled', async () => {
    const { promise, resolve } = deferred<string>()
    const operations = Array.from({ length: 5 }, () => new Cancelable().enter())
    const waits = operations.map((each) => each.race(promise).catch((error: Error) => error.message))
    for (const i of [2, 4, 0]) operations[i]!.cancel('stop')
    resolve('value')
    expect(await Promise.all(waits)).toEqual(['stop', 'value', 'stop', 'value', 'stop'])
  })
})

test('a body is called by what surrounds it, and so is a block at its start', async () => {
  const steps: string[] = []
  const own = new OperationRegistry()
  const surrounded = (): Cancelable => {
    const operation = new Cancelable({ register: own })
    registerNow(own[kStore], operation).surround((body) => {
      steps.push('around')
      return body()
    })
    return operation
  }
  expect(await surrounded().run(() => steps.push('body'))).toBe(2)
  surrounded().enter().complete()
  expect(steps).toEqual(['around', 'body', 'around'])
  expect(own.statistics().ended.total).toBe(2)
  using plain = new Cancelable({ register: own }).enter()
  expect(own.list()).toEqual([plain.context])
  expect((thrown(() => new Cancelable({ parent: {} as never })) as Error).message).toContain(
    'a Cancelable, or null for none',
  )
})

/** A thenable whose `then` is this function. */
const thenable = (then: (resolve: (value: unknown) => void) => void): PromiseLike<unknown> =>
  // oxlint-disable-next-line unicorn/no-thenable -- what any thenable does to us is what is tested
  ({ then }) as PromiseLike<unknown>

/** The kinds of the reasons of a parent and of its child, whose times have passed when the child looks. */
const reasonsFound = (
  outer: (at: (seconds: number) => Date) => CancelableOptions,
  inner: (at: (seconds: number) => Date) => CancelableOptions,
  before: (parent: Cancelable) => unknown = () => undefined,
): (string | undefined)[] => {
  vi.useFakeTimers({ toFake: ['Date'] })
  try {
    const start = Date.now()
    const at = (seconds: number): Date => new Date(start + seconds * 1000)
    using parent = new Cancelable(outer(at)).enter()
    const child = parent.child(inner(at)).enter()
    before(parent)
    vi.setSystemTime(at(60))
    keepBusy(2)
    expect(child.isCanceled).toBe(true)
    return [parent.context.reason?.kind, child.reason?.kind]
  } finally {
    vi.useRealTimers()
  }
}

/** Options with a deadline so many seconds after the start. */
const until =
  (seconds: number) =>
  (at: (seconds: number) => Date): CancelableOptions => ({ deadline: at(seconds) })

test('a deadline notices within 30 seconds that the system clock was set forward', () => {
  vi.useFakeTimers()
  try {
    using operation = new Cancelable({ deadline: new Date(Date.now() + 600_000) }).enter()
    vi.setSystemTime(Date.now() + 660_000)
    vi.advanceTimersByTime(29_999)
    expect(operation.context.status).toBe('running')
    vi.advanceTimersByTime(1)
    expect(operation.context.status).toBe('canceled')
  } finally {
    vi.useRealTimers()
  }
})

describe('a check in code that never yields', () => {
  test('finds the deadline that passed first, that of a parent if both are the same', () => {
    expect(reasonsFound(until(50), until(10))).toEqual([undefined, 'timeout'])
    expect(reasonsFound(until(10), until(50))).toEqual(['timeout', 'parent'])
    expect(reasonsFound(until(10), until(10))).toEqual(['timeout', 'parent'])
  })

  test('finds the deadline of a parent before the idle time of a child', () => {
    expect(reasonsFound(until(10), () => ({ idle: 1 }))).toEqual(['timeout', 'parent'])
  })

  test('leaves out the deadline of a parent that was canceled without its children', () => {
    expect(reasonsFound(until(10), until(50), (parent) => parent.cancel('stop', { children: false }))).toEqual([
      'manual',
      'timeout',
    ])
  })
})

test('a body that does not wait has ended when run() returns', async () => {
  const operation = new Cancelable()
  const run = operation.run(() => 1)
  expect(operation.context.status).toBe('completed')
  await run
})

test('a thenable settles the run once, as a promise would', async () => {
  const failure = new Error('below')
  const { running } = Cancelable.abandoned
  const chained = new Cancelable()
  expect(await rejection(chained.run(() => thenable((resolve) => resolve(Promise.reject(failure)))))).toBe(failure)
  expect(chained.context.status).toBe('failed')
  const twice = thenable((resolve) => {
    resolve(1)
    resolve(2)
  })
  expect(await Cancelable.run(() => twice)).toBe(1)
  expect(Cancelable.abandoned.running).toBe(running)
})

test('a parent whose child was abandoned has a time of its end', async () => {
  const parent = new Cancelable()
  await parent.run(async (cancel) => {
    const child = cancel.child()
    const run = rejection(child.run(() => never()))
    child.cancel('stop')
    await run
  })
  expect(parent.context.endedAt).toBeGreaterThanOrEqual(parent.context.startedAt!)
})

test('a cancelation survives an error whose causes form a ring', async () => {
  const first = new Error('first')
  first.cause = new Error('second', { cause: first })
  const operation = new Cancelable()
  const run = operation.run((cancel) => cancel.sleep('1h').catch(() => Promise.reject(first)))
  operation.cancel('stop')
  expect(await rejection(run)).toMatchObject({ message: 'stop', cause: first })
})

describe('extend()', () => {
  test('counts from now, in either direction, and does not start a clock before the start', async () => {
    using clock = useClock()
    const operation = new Cancelable({ timeout: '50s' })
    operation.extend('40s')
    await clock.advance('1h')
    expect(operation.context.status).toBe('pending')
    operation.enter()
    await clock.advance('25s')
    operation.extend('30s')
    expect(operation.context.deadline).toBe(clock.now() + 30_000)
    await clock.advance(29_999)
    expect(operation.isCanceled).toBe(false)
    await clock.advance(1)
    expect(operation.reason).toMatchObject({ kind: 'timeout', timeout: 30_000 })
    const shorter = new Cancelable({ timeout: '1h' }).enter()
    shorter.extend('1s')
    await clock.advance('1s')
    expect(shorter.isCanceled).toBe(true)
    expect(clock.pending).toBe(0)
  })

  test('after the end changes nothing, also for what is combined of it', async () => {
    using clock = useClock()
    const ended = new Cancelable({ timeout: '50s' }).enter()
    ended.complete()
    ended.extend('1s')
    const combined = Cancelable.combine([ended]).enter()
    expect(combined.context.deadline).toBe(clock.now() + 50_000)
    combined.complete()
  })

  test('on the real clock, a shorter time ends it sooner, and Infinity takes it away', async () => {
    const operation = new Cancelable({ timeout: '1h' })
    const run = operation.run((cancel) => cancel.sleep('1h'))
    operation.extend(1)
    expect(await rejection(run)).toMatchObject({ reason: { kind: 'timeout', timeout: 1 } })
    const free = new Cancelable({ timeout: '1h' }).enter()
    free.extend(Infinity)
    expect([free[kTimerList], free.context.deadline]).toEqual([null, undefined])
    free.complete()
    free.extend(1)
    expect(free.context.status).toBe('completed')
  })

  test('is reported to regions, which watch anew', () => {
    observe({ marked: () => undefined, changed: () => undefined })
    using operation = new Cancelable().enter()
    const changed = vi.spyOn(regions!, 'changed').mockReturnValue(undefined)
    operation.extend('1h')
    expect(changed).toHaveBeenCalledTimes(1)
    changed.mockRestore()
  })

  test('is seen by every operation below that looks, and never yields', () => {
    for (let which = 0; which < 7; which++) {
      const root = new Cancelable().enter()
      const [a, b, c] = [1, 2, 3].map(() => root.child().enter()) as [Cancelable, Cancelable, Cancelable]
      const leaves = [a, b, c, b.child().enter(), b.child().enter()]
      leaves.push(leaves[3]!.child().enter(), c.child().enter())
      root.extend(1)
      keepBusy(2)
      expect(leaves[which]!.isCanceled, String(which)).toBe(true)
      root[Symbol.dispose]()
    }
  })

  test('of one of several siblings concerns neither these nor what is above', () => {
    using root = new Cancelable().enter()
    const first = root.child().enter()
    const second = root.child().enter()
    first.child().enter()
    first.extend(1)
    keepBusy(2)
    expect([first.isCanceled, second.isCanceled, root.isCanceled]).toEqual([true, false, false])
  })

  test('a deadline on the wall clock is over exactly then', async () => {
    using clock = useClock()
    // The wall clock of the test clock goes along with it.
    const probe = new Cancelable({ timeout: 0 })
    thrown(() => probe.enter())
    const date = probe.context.startDate!.getTime()
    const operation = new Cancelable({ deadline: new Date(date + 90_000) }).enter()
    await clock.advance(89_999)
    expect(operation.isCanceled).toBe(false)
    await clock.advance(1)
    expect(operation.reason).toMatchObject({ kind: 'timeout' })
  })
})

test('a run without a parent is unhandled if nothing awaits it, for whatever reason it is canceled', async () => {
  const above = new Cancelable({ id: 'above' }).enter()
  const waiting = rejection(above.sleep('1h'))
  above.complete()
  const error = (await waiting) as CancelationError
  const seen = await unhandledIn(async () => {
    const operation = new Cancelable()
    void operation.run(() => never())
    operation.cancel(error.reason)
    await turns(3)
  })
  expect(seen).toMatchObject([{ reason: { kind: 'parent', parentId: 'above' } }])
})

test('a child that is refused for a reason of its own is unhandled if nothing awaits it', async () => {
  const token = new CancelationToken()
  token.cancel('before')
  const seen = await unhandledIn(async () => {
    using parent = new Cancelable().enter()
    void parent.child({ token }).run(() => 1)
    await turns()
    parent.cancel('stop')
    void parent.child().run(() => 1)
    await turns()
  })
  expect(seen).toMatchObject([{ message: 'before' }])
})
