/** Clean-up is waited for: which bodies a canceled run waits for without the option `grace`, and for which it does not. */
import { setTimeout as coreSleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { Cancelable, CancelationError, CancelationToken, TokenSource, cancelableStream } from '../../src/index.js'
import { runChild } from '../../src/cancelable/child-run.js'
import { kTimerList } from '../../src/engine/timers.js'
import { useClock } from '../../src/testing/index.js'
import { deferred, never, rejection, turns, unhandledIn, until } from './helpers.js'

/** Longer than the few turns of a body that is left. */
const rollBack = (): Promise<void> => coreSleep(15)

/** A body that sleeps, and cleans up for a while when it is canceled. */
const rollingBack =
  (steps: string[]) =>
  async (cancel: Cancelable): Promise<void> => {
    try {
      await cancel.sleep('1h')
    } finally {
      await rollBack()
      steps.push('rolled back')
    }
  }

/** A source that never yields. */
const silent = { [Symbol.asyncIterator]: () => ({ next: () => never<IteratorResult<number>>() }) }

/** What a canceled operation with this body has done by the time its run settles. */
const cleaning = async (body: (cancel: Cancelable) => unknown): Promise<string[]> => {
  const steps: string[] = []
  const operation = new Cancelable()
  const run = operation.run(async (cancel) => {
    cancel.defer(async () => {
      await rollBack()
      steps.push('cleaned')
    })
    await body(cancel)
  })
  operation.cancel('stop')
  await rejection(run)
  return steps
}

/** The status of a canceled operation after the few turns in which a body that is left is abandoned. */
const left = async (options: object, body: (cancel: Cancelable) => unknown): Promise<string> => {
  const operation = new Cancelable(options)
  const run = rejection(operation.run(body))
  operation.cancel('stop')
  await turns(3)
  const { status } = operation.context
  await run
  return status
}

/** A body that goes on after a block in it was canceled, and has looked. */
const afterBlock = (cancel: Cancelable): Promise<never> => {
  const block = cancel.child().enter()
  block.cancel('before')
  expect(block.isCanceled).toBe(true)
  return never()
}

/** An operation that has completed. */
const completed = async (): Promise<Cancelable> => {
  let kept!: Cancelable
  await Cancelable.run((cancel) => {
    kept = cancel
  })
  return kept
}

/** Bodies that wait through their operation in one way each, or find out by a check. */
const WAYS: Readonly<Record<string, (cancel: Cancelable) => unknown>> = {
  sleep: (cancel) => cancel.sleep('1h'),
  'a wait of a block': (cancel) => cancel.child().enter().child().enter().sleep('1h'),
  'a check of a block': async (cancel) => {
    const block = cancel.child().enter()
    while (!block.isCanceled) await turns()
    block.throwIfCanceled()
  },
  'a listener of a block': async (cancel) => {
    const block = cancel.child().enter()
    await new Promise((resolve) => block.onCancel(resolve))
    block.throwIfCanceled()
  },
  'the signal of a block': (cancel) => coreSleep(60_000, undefined, { signal: cancel.child().enter().signal }),
  'a stream with an operation of its own': async (cancel) => {
    for await (const each of cancelableStream(silent, { parent: cancel })) void each
  },
  'an operation that is combined with it': (cancel) => Cancelable.combine([cancel]).run((inner) => inner.sleep('1h')),
  race: (cancel) => cancel.race(never()),
  stream: async (cancel) => {
    for await (const each of cancel.stream(silent)) void each
  },
  chunks: async (cancel) => {
    for await (const each of cancel.chunks(silent, 2)) void each
  },
  yield: async (cancel) => {
    for (;;) await cancel.yield()
  },
  'a check that throws': async (cancel) => {
    for (;;) {
      cancel.throwIfCanceled()
      await new Promise(setImmediate)
    }
  },
  'isCanceled, read as true': async (cancel) => {
    while (!cancel.isCanceled) await new Promise(setImmediate)
    throw new Error('canceled')
  },
  'a listener of onCancel': (cancel) =>
    new Promise((_, reject) => {
      cancel.onCancel(() => reject(new Error('canceled')))
    }),
  'a listener of signal': (cancel) => coreSleep(60_000, undefined, { signal: cancel.signal }),
  'onabort of signal': (cancel) =>
    new Promise((_, reject) => {
      cancel.signal.addEventListener('abort', () => reject(new Error('canceled')))
    }),
  'a signal that follows it': (cancel) =>
    coreSleep(60_000, undefined, { signal: AbortSignal.any([cancel.signal, new AbortController().signal]) }),
  'a child': (cancel) => cancel.child().run((inner) => inner.sleep('1h')),
  'a shield': (cancel) => cancel.shield(() => coreSleep(5)),
  "a child's shield": (cancel) => cancel.child().run((inner) => inner.shield(() => coreSleep(5))),
}

describe('a body that has learned of the cancelation is waited for', () => {
  for (const [way, wait] of Object.entries(WAYS)) {
    test(`by ${way}`, async () => {
      const steps: string[] = []
      const operation = new Cancelable()
      const run = operation.run(async (cancel) => {
        try {
          await wait(cancel)
        } catch (error) {
          await rollBack()
          steps.push('rolled back')
          throw error
        }
      })
      await turns()
      operation.cancel('stop')
      expect(await rejection(run)).toBeInstanceOf(CancelationError)
      expect(steps).toEqual(['rolled back'])
      expect(operation.context.status).toBe('canceled')
    })
  }

  test('by its child, which is the one that cleans up', async () => {
    const steps: string[] = []
    const operation = new Cancelable()
    const run = operation.run((cancel) => cancel.child().run((inner) => inner.child().run(rollingBack(steps))))
    operation.cancel('stop')
    await rejection(run)
    expect(steps).toEqual(['rolled back'])
  })

  test('with a timeout as well', async () => {
    const steps: string[] = []
    const operation = new Cancelable({ timeout: '1h' })
    const run = operation.run(rollingBack(steps))
    operation.cancel('stop')
    await rejection(run)
    expect(steps).toEqual(['rolled back'])
  })

  test('after a shield that lasted longer than the grace period', async () => {
    const steps: string[] = []
    const shielded = deferred()
    const operation = new Cancelable({ grace: 20 })
    const run = operation.run(async (cancel) => {
      try {
        await cancel.shield(() => shielded.promise)
      } finally {
        await coreSleep(1)
        steps.push('rolled back')
      }
    })
    operation.cancel('stop')
    await coreSleep(60)
    expect(operation.context.status).toBe('canceled')
    shielded.resolve()
    await rejection(run)
    expect(steps).toEqual(['rolled back'])
  })

  test('but not forever', async () => {
    const operation = new Cancelable()
    const run = operation.run((cancel) => cancel.sleep('1h').catch(() => never()))
    operation.cancel('stop')
    await turns(3)
    expect(operation.context.status).toBe('canceled')
    await rejection(run)
    expect(operation.context.status).toBe('abandoned')
  })
})

describe('asynchronous cleanups are waited for', () => {
  test('if the body has unwound', async () => {
    expect(await cleaning((cancel) => cancel.sleep('1h'))).toEqual(['cleaned'])
  })

  test('if the body has not learned of the cancelation', async () => {
    expect(await cleaning(() => never())).toEqual(['cleaned'])
  })

  test('in a block that is left by await using', async () => {
    const steps: string[] = []
    const operation = new Cancelable().enter()
    operation.defer(async () => {
      await rollBack()
      steps.push('cleaned')
    })
    operation.cancel('stop')
    await operation[Symbol.asyncDispose]()
    expect(steps).toEqual(['cleaned'])
  })

  test('in each child, whichever ends first', async () => {
    const steps: string[] = []
    const clean = (inner: Cancelable, step: string, wait: () => Promise<void>): Promise<void> => {
      inner.defer(() => wait().then(() => void steps.push(step)))
      return inner.sleep('1h')
    }
    await Cancelable.run((cancel) => {
      void cancel.child().run((inner) => clean(inner, 'quick', turns))
      void cancel.child().run((inner) => clean(inner, 'slow', rollBack))
    })
    expect(steps.toSorted()).toEqual(['quick', 'slow'])
  })

  test('in a child that its parent ends', async () => {
    const steps: string[] = []
    await Cancelable.run((cancel) => {
      void cancel.child().run(async (inner) => {
        inner.defer(async () => {
          await rollBack()
          steps.push('cleaned')
        })
        await inner.sleep('1h')
      })
    })
    expect(steps).toEqual(['cleaned'])
  })
})

describe('a body is left after one turn', () => {
  test('if it has not learned of the cancelation', async () => {
    expect(await left({}, () => never())).toBe('abandoned')
    expect(await left({}, (cancel) => [cancel.signal, cancel.isCanceled, never()][2])).toBe('abandoned')
    expect(await left({}, (cancel) => cancel.child().run(() => never()))).not.toBe('completed')
  })

  test('if only a block in it was canceled, or a block that never looks', async () => {
    expect(await left({}, afterBlock)).toBe('abandoned')
    expect(await left({}, (cancel) => [cancel.child().enter(), never()][1])).toBe('abandoned')
    // It has extras of its own, as one with a listener.
    expect(await left({}, (cancel) => [cancel.child({ name: 'block', ref: true }).enter(), never()][1])).toBe(
      'abandoned',
    )
  })

  test('if its last sleep was over before the cancelation', async () => {
    const slept = deferred()
    const operation = new Cancelable()
    const run = rejection(
      operation.run(async (cancel) => {
        await cancel.sleep(1)
        slept.resolve()
        await never()
      }),
    )
    await slept.promise
    operation.cancel('stop')
    await turns(3)
    expect(operation.context.status).toBe('abandoned')
    await run
  })

  test('if grace is 0', async () => {
    expect(await left({ grace: 0 }, (cancel) => cancel.sleep('1h').catch(() => never()))).toBe('abandoned')
    expect(await left({ grace: '0ms' }, (cancel) => cancel.onCancel(() => undefined) && never())).toBe('abandoned')
  })

  test('if it is the body of a tick', async () => {
    const parent = new Cancelable().enter()
    const settled = deferred<unknown>()
    const tick = runChild(
      parent,
      undefined,
      (cancel) => cancel.sleep('1h').catch(() => never()),
      () => undefined,
      settled.resolve,
    )
    tick.cancel('stop')
    await turns(3)
    expect(tick.context.status).toBe('abandoned')
    expect(await settled.promise).toMatchObject({ message: 'stop' })
  })
})

test('a body that has unwound leaves no timer of a grace period behind', async () => {
  const operation = new Cancelable()
  const run = operation.run((cancel) => cancel.sleep('1h'))
  operation.cancel('stop')
  await rejection(run)
  await turns(3)
  expect(operation[kTimerList]).toBeNull()
})

test('a child that passes on the cancelation of another operation cleans up before its parent ends', async () => {
  const foreign = new Cancelable()
  foreign.cancel('elsewhere')
  const steps: string[] = []
  await Cancelable.run(async (cancel) => {
    cancel
      .child()
      .run((inner) => {
        inner.defer(() => rollBack().then(() => steps.push('cleaned')))
        foreign.throwIfCanceled()
      })
      .catch(() => undefined)
    await turns()
  })
  expect(steps).toEqual(['cleaned'])
})

test('the grace period of a block begins at its end, also if it was notified before its place in the list', async () => {
  using clock = useClock()
  const token = new CancelationToken()
  const root = new Cancelable().enter()
  const block = root.child({ grace: '20s' }).enter()
  block.child({ token }).enter()
  root.addSource(new TokenSource(token))
  const steps: string[] = []
  block.defer(() => rollBack().then(() => steps.push('cleaned')))
  token.cancel('stop')
  await clock.advance('1h')
  await block[Symbol.asyncDispose]()
  expect(steps).toEqual(['cleaned'])
})

describe('the grace period of an operation', () => {
  test('bounds what it waits for below it, however long that takes', async () => {
    using clock = useClock()
    const operation = new Cancelable({ grace: '20s' })
    const run = rejection(
      operation.run((cancel) => {
        void cancel.child({ grace: '1h' }).run((inner) => inner.sleep('1h').catch(() => never()))
        return never()
      }),
    )
    operation.cancel('stop')
    await clock.advance('20s')
    expect(operation.context.status).toBe('abandoned')
    await run
  })

  test('bounds the wait for a task once its body is over', async () => {
    using clock = useClock()
    const operation = new Cancelable({ grace: '20s' })
    const run = rejection(
      operation.run((cancel) => {
        cancel.task((inner) => inner.sleep('1h').catch(() => never()), { grace: '1h' }).catch(() => undefined)
      }),
    )
    await turns()
    operation.cancel('stop')
    await clock.advance('20s')
    expect(operation.context.endedAt).toBe(clock.now())
    expect(await run).toMatchObject({ message: 'stop' })
  })
})

describe('a shield', () => {
  test('is limited from the first cancelation on; those of ancestors give it no more time', async () => {
    using clock = useClock()
    const root = new Cancelable({ grace: '1h' })
    let child!: Cancelable
    let shielded!: Cancelable
    const run = rejection(
      root.run((cancel) => {
        child = cancel.child({ grace: '1h' })
        return child.run((inner) =>
          inner.shield((own) => ((shielded = own), own.sleep('1h')), {
            max: '30s',
          }),
        )
      }),
    )
    child.cancel('first')
    await clock.advance('20s')
    root.cancel('second')
    await clock.advance('10s')
    expect(shielded.reason).toMatchObject({ kind: 'timeout' })
    await run
  })

  test('is not limited by the cancelation of an ancestor that spares its operation', async () => {
    using clock = useClock()
    const parent = new Cancelable().enter()
    let shielded!: Cancelable
    const { promise, resolve } = deferred()
    const run = parent.child().run((inner) =>
      inner.shield((own) => ((shielded = own), promise), {
        max: '30s',
      }),
    )
    parent.cancel('stop', { children: false })
    await clock.advance('1h')
    expect(shielded.isCanceled).toBe(false)
    resolve()
    await run
  })

  test('that fails with an error of its own is unhandled if nothing awaits it', async () => {
    const failure = new Error('mine')
    const seen = await unhandledIn(async () => {
      using operation = new Cancelable().enter()
      void operation.shield(() => Promise.reject(failure))
      await turns(2)
      operation.cancel('stop')
      void operation.shield(() => 1)
    })
    expect(seen).toEqual([failure])
  })
})

describe('a wait that is not awaited when the cancelation comes', () => {
  const WAITS: Readonly<Record<string, (cancel: Cancelable) => unknown>> = {
    sleep: (cancel) => cancel.sleep('1h'),
    race: (cancel) => cancel.race(never()),
    yield: (cancel) => cancel.yield(),
    next: (cancel) => cancel.stream(silent).next(),
    'two of next': (cancel) => {
      const stream = cancel.stream(silent)
      return [stream.next(), stream.next(), stream.next()]
    },
    chunks: (cancel) => cancel.chunks(silent, 2).next(),
    shield: (cancel) => cancel.shield(() => coreSleep(1)),
    'the run of a child': (cancel) => cancel.child().run((inner) => inner.sleep('1h')),
    'the run of a child that is left': (cancel) => cancel.child().run(() => never()),
  }

  for (const [name, begin] of Object.entries(WAITS)) {
    test(`${name}: its rejection is not unhandled, whenever it was begun`, async () => {
      const seen = await unhandledIn(async () => {
        const operation = new Cancelable()
        const run = operation.run(async (cancel) => {
          begin(cancel)
          await cancel.race(never()).finally(() => begin(cancel))
        })
        await turns()
        operation.cancel('user left')
        await rejection(run)
        begin(operation)
        const ended = new Cancelable()
        await ended.run((cancel) => void begin(cancel))
        begin(ended)
      })
      expect(seen).toEqual([])
    })
  }

  test('an error that a child fails with itself is unhandled as ever', async () => {
    const failure = new Error('mine')
    const seen = await unhandledIn(async () => {
      using operation = new Cancelable().enter()
      void operation.child().run(() => Promise.reject(failure))
      await turns(2)
    })
    expect(seen).toEqual([failure])
  })
})

describe('an operation that has ended', () => {
  const OVER = { reason: { kind: 'parent', message: 'The parent operation ended' } }

  test('rejects every wait that begins in it', async () => {
    const operation = await completed()
    expect(await rejection(operation.sleep(1))).toMatchObject(OVER)
    expect(await rejection(operation.race(Promise.resolve(1)))).toMatchObject(OVER)
    expect(await rejection(operation.race(Promise.reject(new Error('own'))))).toMatchObject(OVER)
    expect(await rejection(operation.yield())).toMatchObject(OVER)
    expect(await rejection(operation.shield(() => 1))).toMatchObject(OVER)
    expect(operation.isCanceled).toBe(false)
  })

  test('refuses children', async () => {
    const operation = await completed()
    let called = false
    const run = operation.child().run(() => {
      called = true
    })
    expect(await rejection(run)).toMatchObject(OVER)
    expect(() => operation.child().enter()).toThrow('The parent operation ended')
    expect(called).toBe(false)
  })

  test('closes the streams that begin in it, and keeps its partial result', async () => {
    const operation = await completed()
    operation.partialResult = 'kept'
    let closed = 0
    const source = {
      [Symbol.asyncIterator]: () => ({ next: () => never(), return: () => (closed++, never()) }),
    }
    expect(await rejection(operation.stream(source).next())).toMatchObject(OVER)
    expect(await rejection(operation.chunks(source, 2).next())).toMatchObject(OVER)
    expect(closed).toBe(2)
    expect(operation.partialResult).toBe('kept')
  })

  test('does so as a block as well', async () => {
    const operation = new Cancelable().enter()
    const pending = operation.sleep('1h')
    operation[Symbol.dispose]()
    expect(await rejection(pending)).toMatchObject(OVER)
    expect(await rejection(operation.sleep(1))).toMatchObject(OVER)
  })

  test('rejects with its own error if it was canceled', async () => {
    const operation = new Cancelable()
    const run = operation.run(() => never())
    operation.cancel('stop')
    const error = await rejection(run)
    await until(() => operation.context.status === 'abandoned')
    expect(await rejection(operation.sleep(1))).toBe(error)
    expect(await rejection(operation.race(never()))).toBe(error)
  })
})
