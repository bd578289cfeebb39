/** Hostile input and unlucky timing: nothing may hang, get lost or crash the process. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { setTimeout as coreSleep } from 'node:timers/promises'
import { queryObjects } from 'node:v8'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  Cancelable,
  cancelable,
  cancelableStream,
  CancelationError,
  CancelationToken,
  every,
  guard,
  run as runCommand,
  samples,
} from '../../src/index.js'
import { TimerList } from '../../src/engine/timers.js'
import { useClock } from '../../src/testing/index.js'
import { block, never, rejection, thrown, turns } from './helpers.js'

let reported: { error: unknown; origin: string }[] = []
const listener = (message: unknown): void => void reported.push(message as never)
beforeEach(() => {
  reported = []
  subscribe('tripline:error', listener)
})
afterEach(() => {
  unsubscribe('tripline:error', listener)
})

/** The outcome of a promise, or `'hangs'`. */
function within(promise: PromiseLike<unknown>, ms: number = 1000): Promise<unknown> {
  return Promise.race([
    Promise.resolve(promise).catch((error: unknown) => error),
    coreSleep(ms, 'hangs', { ref: false }),
  ])
}

describe('ending', () => {
  test('an operation whose cancelation a check has noticed is left at once, with its grace period pending', async () => {
    const operation = new Cancelable({ timeout: 5, grace: 20 }).enter()
    block(10)
    expect(operation.isCanceled).toBe(true)
    await operation[Symbol.asyncDispose]()
    // The timers still work.
    await new Cancelable().run((cancel) => cancel.sleep(30))
    expect(operation.context.status).toBe('canceled')
  })

  test('a child that ends during a cleanup does not end the wait for that cleanup', async () => {
    let cleaned = false
    const result = await Cancelable.run((cancel) => {
      cancel.defer(async () => {
        await cancel.child().run(async () => {})
        await coreSleep(20)
        cleaned = true
      })
      return 1
    })
    expect([result, cleaned]).toEqual([1, true])
  })

  test('deferred cleanups run when the operation is canceled before its start', async () => {
    const token = new CancelationToken()
    token.cancel('early')
    const steps: string[] = []
    const run = new Cancelable({ token, grace: 1000 })
    run.defer(async () => {
      await coreSleep(10)
      steps.push('run')
    })
    expect(await rejection(run.run(() => steps.push('body')))).toBe(run.signal.reason)
    expect(steps).toEqual(['run'])
    expect(run.context.status).toBe('canceled')

    const entered = new Cancelable({ timeout: 0 })
    entered.defer(() => steps.push('entered'))
    expect(thrown(() => entered.enter())).toBeInstanceOf(CancelationError)
    expect(steps).toEqual(['run', 'entered'])
  })

  test('a cleanup that never ends delays a run that never started by its grace period only', async () => {
    const operation = new Cancelable({ timeout: 0, grace: 5 })
    operation.defer(() => never())
    expect(await within(operation.run(() => 1))).toBeInstanceOf(CancelationError)
  })
})

describe('leaving', () => {
  test('no timer is left behind if the children ended within the grace period', async () => {
    const before = process.getActiveResourcesInfo().filter((each) => each === 'Timeout').length
    await Cancelable.run(
      (cancel) => {
        cancel
          .child()
          .run((child) => child.sleep(60_000))
          .catch(() => undefined)
      },
      { grace: 60_000 },
    )
    const after = process.getActiveResourcesInfo().filter((each) => each === 'Timeout').length
    expect(after).toBeLessThanOrEqual(before)
  })

  test('complete() leaves the cleanups to the end of the block', async () => {
    let cleaned = false
    const operation = new Cancelable().enter()
    operation.defer(async () => {
      await coreSleep(10)
      cleaned = true
    })
    operation.complete()
    await operation[Symbol.asyncDispose]()
    expect([cleaned, operation.context.status]).toEqual([true, 'completed'])
  })

  test('a child that a cleanup started does not outlive its parent', async () => {
    const children: Cancelable[] = []
    const start = (parent: Cancelable): void => {
      const child = parent.child()
      children.push(child)
      child.run((each) => each.race(never())).catch(() => undefined)
    }
    await Cancelable.run((cancel) => cancel.defer(() => start(cancel)))
    for (const how of [Symbol.dispose, Symbol.asyncDispose] as const) {
      const entered = new Cancelable().enter()
      entered.defer(() => start(entered))
      await entered[how]()
    }
    expect(children.map((each) => each.reason?.kind)).toEqual(['parent', 'parent', 'parent'])
  })

  test('a parent waits for a child that is in its cleanup', async () => {
    for (const [kind, body] of [
      ['fulfilled', () => undefined],
      ['canceled by another', () => Cancelable.run(() => 1, { timeout: 0 })],
    ] as const) {
      let cleaned = false
      await Cancelable.run(
        (parent) => {
          parent
            .child({ grace: 1000 })
            .run((child) => {
              child.defer(async () => {
                await coreSleep(20)
                cleaned = true
              })
              return body()
            })
            .catch(() => undefined)
          return turns(5)
        },
        { grace: 1000 },
      )
      expect([kind, cleaned]).toEqual([kind, true])
    }
  })
})

describe('notifying', () => {
  test('a listener registered while others are called is called once', () => {
    let inAbort = 0
    let inDispose = 0
    let inListener = 0
    const source = { arm: () => ({ [Symbol.dispose]: () => void operation.onCancel(() => inDispose++) }) }
    const operation: Cancelable = new Cancelable({ sources: [source] }).enter()
    operation.onCancel(() => operation.onCancel(() => inListener++))
    operation.signal.addEventListener('abort', () => operation.onCancel(() => inAbort++))
    operation.cancel('stop')
    expect([inAbort, inDispose, inListener]).toEqual([1, 1, 1])
    operation.onCancel(() => inListener++)
    expect(inListener).toBe(2)
  })

  test('an operation stays canceled if a source cancels it and then fails to be armed', () => {
    const failure = new Error('arm')
    const source = {
      arm(): never {
        operation.cancel('first')
        throw failure
      },
    }
    const operation: Cancelable = new Cancelable({ sources: [source] })
    expect(thrown(() => operation.enter())).toBe(failure)
    expect(operation.cancel('second')).toBe(false)
    expect([operation.context.status, operation.reason?.message]).toEqual(['canceled', 'first'])
  })

  test('the message of a cancelation error can be changed, like that of any error', () => {
    const error = thrown(() => new Cancelable({ timeout: 0 }).enter()) as Error
    error.message = `load: ${error.message}`
    expect(error.message).toBe('load: The time had run out already')
    expect(Object.keys(error)).not.toContain('message')
  })

  test('a cancelation works with frozen intrinsics', () => {
    const limit = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')!
    Object.defineProperty(Error, 'stackTraceLimit', { ...limit, writable: false })
    try {
      expect(thrown(() => new Cancelable({ timeout: 0 }).enter())).toBeInstanceOf(CancelationError)
    } finally {
      Object.defineProperty(Error, 'stackTraceLimit', limit)
    }
  })
})

describe('bad calls', () => {
  test('arguments that would guard nothing, or would be ignored, are errors', () => {
    const cancel = new Cancelable().enter()
    const nothing = undefined as never
    const bad: (() => unknown)[] = [
      () => Cancelable.withTimeout(nothing),
      () => Cancelable.withDeadline(nothing),
      () => Cancelable.withToken(nothing),
      () => Cancelable.withAbortSignal(nothing),
      () => Cancelable.withResources(nothing),
      () => Cancelable.withCondition(() => true, null as never),
      () => new Cancelable([] as never),
      () => new Cancelable(new Map() as never),
      () => new Cancelable(new Date() as never),
      () => Cancelable.combine(5 as never),
      () => cancel.child(5 as never),
      () => cancel.stream([], null as never),
      () => cancel.stream([], 5 as never),
      () => cancelable(null as never, () => 1),
      () => cancelableStream([], null as never),
    ]
    for (const call of bad) expect(thrown(call), String(call)).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  })

  test('a shield without options is an error too, as a rejection', async () => {
    const shielded = new Cancelable().enter().shield(() => 1, null as never)
    expect(await rejection(shielded)).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  })

  test('the error for an invalid part names the valid ones', () => {
    expect((thrown(() => Cancelable.combine([{} as never])) as Error).message).toContain('tokens, signals or sources')
  })
})

describe('many and deep', () => {
  test('20,000 tokens are linked, in order', () => {
    const tokens = Array.from({ length: 20_000 }, () => new CancelationToken())
    tokens[1]!.cancel('second')
    tokens[2]!.cancel('third')
    const operation = new Cancelable({ token: tokens })
    thrown(() => operation.enter())
    expect(operation.reason?.message).toBe('second')
  })

  test('a part below 200,000 others is combined', () => {
    const root = new Cancelable().enter()
    let leaf = root
    for (let i = 0; i < 200_000; i++) leaf = new Cancelable({ parent: leaf }).enter()
    const other = new Cancelable({ parent: new Cancelable().enter() })
    const operation = Cancelable.combine([other, leaf]).enter()
    root.cancel('stop')
    expect(operation.isCanceled).toBe(true)
  })
})

describe('time', () => {
  test('the elapsed time of an operation does not grow after its end', async () => {
    const operation = new Cancelable().enter()
    operation[Symbol.dispose]()
    const { elapsed } = operation.context
    await coreSleep(5)
    expect(operation.context.elapsed).toBe(elapsed)
  })

  test('extending the timeout does not move it beyond the deadline', async () => {
    using clock = useClock()
    const deadline = new Date(Date.now() + 3_600_000)
    const extended = [Infinity, 5000].map((timeout) => new Cancelable({ timeout, deadline }).enter())
    extended.push(new Cancelable({ timeout: 10, deadline }).enter())
    for (const each of extended) {
      each.extend('2h')
      expect(each.context.deadline! - clock.now()).toBeLessThan(3_700_000)
    }
    await clock.advance('65m')
    expect(extended.map((each) => each.reason?.kind)).toEqual(['timeout', 'timeout', 'timeout'])
  })

  test('timeouts of many lengths leave nothing behind, and the others still fire in order', async () => {
    const order: number[] = []
    for (const ms of [60, 20, 40]) {
      new Cancelable({ timeout: ms }).onCancel(() => order.push(ms)).enter()
    }
    for (let i = 0; i < 20_000; i++) new Cancelable({ timeout: 3_600_000 + i }).enter()[Symbol.dispose]()
    await new Promise((resolve) => setImmediate(resolve))
    expect(queryObjects(TimerList)).toBeLessThan(2000)
    await coreSleep(100)
    expect(order).toEqual([20, 40, 60])
  })
})

describe('shields', () => {
  test('a shield that cancels the operation in its synchronous part is limited too', async () => {
    const operation = new Cancelable()
    const run = operation.run((cancel) =>
      cancel.shield(
        () => {
          operation.cancel('stop')
          return never()
        },
        { max: 20 },
      ),
    )
    expect(await within(run)).toBe(operation.signal.reason)
  })
})

type Settling = (resolve: (value: unknown) => void, reject: (error: unknown) => void) => void

/** A thenable that is not a promise. */
function thenable(then: Settling): PromiseLike<unknown> {
  // oxlint-disable-next-line unicorn/no-thenable -- what any thenable does to us is what is tested
  return { then } as PromiseLike<unknown>
}

describe('thenables', () => {
  test('race accepts one that settles inside its then()', async () => {
    const cancel = new Cancelable().enter()
    const resolved = thenable((resolve) => resolve(7))
    expect(await within(cancel.race(resolved))).toBe(7)
    expect(await within(cancel.race(resolved))).toBe(7)
    const failure = new Error('no')
    const rejected = thenable((_, reject) => reject(failure))
    expect(await within(cancel.race(rejected))).toBe(failure)
    const broken = thenable(() => {
      throw failure
    })
    expect(await within(cancel.race(broken))).toBe(failure)
    expect(await within(cancel.race(broken))).toBe(failure)
  })

  test('race of what is no promise gives it, but rejects once the operation is canceled', async () => {
    const cancel = new Cancelable()
    await expect(
      cancel.run(async () => {
        expect(await cancel.race(5 as unknown as Promise<number>)).toBe(5)
        cancel.cancel('enough')
        return cancel.race(5 as unknown as Promise<number>)
      }),
    ).rejects.toMatchObject({ message: 'enough' })
  })
})

describe('errors that throw when they are inspected', () => {
  test('an error with a throwing cause, thrown after a cancelation', async () => {
    const error = new Error('body')
    Object.defineProperty(error, 'cause', {
      get() {
        throw new Error('cause')
      },
    })
    const operation = new Cancelable()
    const run = operation.run(async () => {
      operation.cancel('stop')
      throw error
    })
    const own = (await within(run)) as Error
    expect(own).toBe(operation.signal.reason)
    expect(own.cause).toBe(error)
  })

  test('a revoked proxy', async () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const operation = new Cancelable()
    expect(CancelationError.is(proxy)).toBe(false)
    const outcome = await within(
      operation
        .run(async () => {
          throw proxy
        })
        .then(undefined, (error: unknown) => [error === proxy]),
    )
    expect(outcome).toEqual([true])
    expect(operation.context.status).toBe('failed')
  })

  test('something that only calls itself a cancelation is a failure', async () => {
    const operation = new Cancelable()
    const error = { [Symbol.for('tripline.CancelationError')]: true }
    expect(await rejection(operation.run(() => Promise.reject(error as never)))).toBe(error)
    expect(operation.context.status).toBe('failed')
  })

  test('an error with a throwing stack, thrown by a listener: other listeners and all timers go on', async () => {
    unsubscribe('tripline:error', listener)
    const error = new Error('listener')
    Object.defineProperty(error, 'stack', {
      get() {
        throw new Error('stack')
      },
    })
    const token = new CancelationToken()
    let seen = 0
    token.onCancel(() => {
      throw error
    })
    token.onCancel(() => seen++)
    token.cancel()
    expect(seen).toBe(1)

    new Cancelable({ timeout: 5 })
      .onCancel(() => {
        throw error
      })
      .enter()
    expect(await within(new Cancelable({ timeout: 10 }).run(() => never()))).toBeInstanceOf(CancelationError)
  })
})

describe('streams of broken sources', () => {
  for (const interruptible of [true, false]) {
    const how = interruptible ? 'interruptible' : 'checked'

    test(`a result that is not an object fails the read, ${how}`, async () => {
      const source = { [Symbol.asyncIterator]: () => ({ next: async () => undefined as never }) }
      const stream = new Cancelable().enter().stream(source, { interruptible })
      expect(await within(stream.next())).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
      expect(await within(stream.next())).toEqual({ done: true, value: undefined })
    })

    test(`a result that is not a promise is accepted, as in for await, ${how}`, async () => {
      let i = 0
      const next = (): IteratorResult<number> =>
        i < 2 ? { done: false, value: ++i } : { done: true, value: undefined }
      const source = { [Symbol.asyncIterator]: () => ({ next }) } as unknown as AsyncIterable<number>
      const items: number[] = []
      for await (const item of new Cancelable().enter().stream(source, { interruptible })) items.push(item)
      expect(items).toEqual([1, 2])
    })

    test(`a generator that yields a rejecting promise is closed, ${how}`, async () => {
      let closed = false
      const failure = new Error('item')
      function* items(): Generator<Promise<number>> {
        try {
          yield Promise.reject(failure)
          yield Promise.resolve(2)
        } finally {
          closed = true
        }
      }
      expect(await within(new Cancelable().enter().stream(items(), { interruptible }).next())).toBe(failure)
      expect(closed).toBe(true)
    })
  }

  test('a result with a getter that throws fails the read', async () => {
    const failure = new Error('done')
    const result = {
      get done(): boolean {
        throw failure
      },
    }
    const source = { [Symbol.asyncIterator]: () => ({ next: async () => result as never }) }
    expect(await within(new Cancelable().enter().stream(source).next())).toBe(failure)
  })
})

describe('options that hide their content', () => {
  const HIDING: readonly (readonly [string, unknown])[] = [
    ['an array', []],
    ['a Map', new Map([['timeout', 5]])],
    ['a Date', new Date()],
    ['null', null],
    ['a string', 'fast'],
  ]
  const CALLS: readonly (readonly [string, (options: never) => unknown])[] = [
    ['Cancelable', (options) => new Cancelable(options)],
    ['cancelable', (options) => cancelable(options, () => undefined)],
    ['guard', (options) => guard({ memory: 100 }, options)],
    ['samples', (options) => samples(options)],
    ['every', (options) => every('1h', () => undefined, options)],
  ]
  for (const [call, make] of CALLS) {
    test.each(HIDING)(`are refused by ${call}: %s`, (_, options) => {
      expect(thrown(() => make(options as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    })
  }

  test.each(HIDING)('are refused by run: %s', async (_, options) => {
    expect(await rejection(runCommand('true', [], options as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  })
})
