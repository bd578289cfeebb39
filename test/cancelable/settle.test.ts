/** How a canceled run settles: its turn, its grace period, what may delay it, and when its body is abandoned. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { setTimeout as coreSleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { Cancelable, CancelationError, CancelationToken, TokenSource, type AbandonedMessage } from '../../src/index.js'
import { kTimerList } from '../../src/engine/timers.js'
import { block, deferred, never, rejection, turns } from './helpers.js'

/** Messages published on a channel while `fn` runs. */
async function published(channel: string, fn: () => Promise<unknown>): Promise<unknown[]> {
  const messages: unknown[] = []
  const listener = (message: unknown): void => void messages.push(message)
  subscribe(channel, listener)
  try {
    await fn()
  } finally {
    unsubscribe(channel, listener)
  }
  return messages
}

describe('without grace', () => {
  test('a body that cooperates unwinds before the run settles', async () => {
    const steps: string[] = []
    const operation = new Cancelable()
    const run = operation.run(async (cancel) => {
      try {
        await cancel.sleep(60_000)
      } finally {
        steps.push('inner')
        await Promise.resolve()
        steps.push('outer')
      }
    })
    operation.cancel('stop')
    expect(await rejection(run)).toBe(operation.signal.reason)
    expect(steps).toEqual(['inner', 'outer'])
    expect(operation.context.status).toBe('canceled')
  })

  test('a whole chain of cooperating bodies unwinds, and none is abandoned', async () => {
    const root = new Cancelable()
    const operations: Cancelable[] = [root]
    const nest =
      (depth: number) =>
      async (cancel: Cancelable): Promise<never> => {
        if (depth === 0) return never()
        const child = cancel.child()
        operations.push(child)
        return child.run(nest(depth - 1))
      }
    const run = root.run(nest(5))
    root.cancel('stop')
    expect(await rejection(run)).toBeInstanceOf(CancelationError)
    expect(operations.map((each) => each.context.status)).toEqual([
      'canceled',
      'canceled',
      'canceled',
      'canceled',
      'canceled',
      'abandoned',
    ])
  })

  test('row 163: a body that goes on is abandoned after one turn, and counted', async () => {
    const before = Cancelable.abandoned
    const late = deferred<number>()
    const operation = new Cancelable()
    const run = operation.run(() => late.promise)
    operation.cancel('stop')
    const messages = await published('tripline:abandoned', () => rejection(run))
    expect(operation.context.status).toBe('abandoned')
    expect(messages).toHaveLength(1)
    const message = messages[0] as AbandonedMessage
    expect(message).toMatchObject({ reason: { message: 'stop' }, outcome: undefined })
    expect(message.operation).toBe(operation.context)
    expect(Cancelable.abandoned.running).toBe(before.running + 1)
    late.resolve(5)
    await turns()
    expect(message.outcome).toEqual({ status: 'fulfilled', value: 5 })
    expect(Cancelable.abandoned).toEqual({
      running: before.running,
      total: before.total + 1,
      fulfilled: before.fulfilled + 1,
      rejected: before.rejected,
    })
    expect(operation.context.status).toBe('abandoned')
  })

  test('row 163: a late rejection is swallowed and counted', async () => {
    const before = Cancelable.abandoned
    const late = deferred()
    const run = Cancelable.run((cancel) => {
      cancel.cancel()
      return late.promise
    })
    await rejection(run)
    late.reject(new Error('too late'))
    await turns(2)
    expect(Cancelable.abandoned.rejected).toBe(before.rejected + 1)
  })
})

describe('with grace 0', () => {
  test('a body that waits for an abandoned child has one more turn, once', async () => {
    const operation = new Cancelable({ grace: 0 })
    let child!: Cancelable
    const run = operation.run((cancel) => {
      child = cancel.child({ grace: 0 })
      return child.run(() => never())
    })
    operation.cancel('stop')
    await rejection(run)
    expect([operation.context.status, child.context.status]).toEqual(['canceled', 'abandoned'])
    const deaf = new Cancelable({ grace: 0 })
    const other = deaf.run((cancel) => {
      cancel
        .child({ grace: 0 })
        .run(() => never())
        .catch(() => undefined)
      return never()
    })
    deaf.cancel('stop')
    await rejection(other)
    expect(deaf.context.status).toBe('abandoned')
  })
})

describe('with grace', () => {
  test('row 156: the body may go on during the grace period; its result within it counts', async () => {
    const operation = new Cancelable({ grace: '30s' })
    const run = operation.run(async () => {
      await coreSleep(5)
      return 'saved'
    })
    operation.cancel('stop')
    expect(await run).toBe('saved')
    expect(operation.context.status).toBe('completed')
    expect(operation.context.reason).toMatchObject({ message: 'stop' })
    expect(operation.isCanceled).toBe(true)
  })

  test('row 156: after the grace period, the run rejects without waiting for the body', async () => {
    const operation = new Cancelable({ grace: 5 })
    const run = operation.run(() => never())
    operation.cancel('stop')
    await turns(2)
    expect(operation.context.status).toBe('canceled')
    expect(await rejection(run)).toMatchObject({ message: 'stop' })
    expect(operation.context.status).toBe('abandoned')
    expect(operation[kTimerList]).toBeNull()
  })

  test('the error of a body that fails within the grace period becomes the cause', async () => {
    const operation = new Cancelable({ grace: '30s' })
    const failure = new Error('could not save')
    const run = operation.run(async () => {
      await coreSleep(1)
      throw failure
    })
    operation.cancel('stop')
    const error = (await rejection(run)) as CancelationError
    expect(error).toBeInstanceOf(CancelationError)
    expect(error.cause).toBe(failure)
  })
})

describe('what a run waits for', () => {
  test('cleanups: the last one first, on every way out', async () => {
    for (const way of ['fulfills', 'fails', 'is canceled', 'goes on']) {
      const steps: number[] = []
      const operation = new Cancelable()
      const run = operation.run(async (cancel) => {
        cancel.defer(() => steps.push(1))
        cancel.defer(async () => {
          await Promise.resolve()
          steps.push(2)
        })
        cancel.defer(() => steps.push(3))
        if (way === 'fails') throw new Error('failed')
        if (way === 'is canceled') {
          cancel.cancel()
          cancel.throwIfCanceled()
        }
        if (way === 'goes on') {
          cancel.cancel()
          await never()
        }
      })
      await run.catch(() => undefined)
      await turns()
      expect(steps, way).toEqual([3, 2, 1])
    }
  })

  test('a canceled run waits for asynchronous cleanups, but no longer than its grace period', async () => {
    const steps: string[] = []
    const patient = new Cancelable({ grace: '30s' })
    const run = patient.run(async (cancel) => {
      cancel.defer(async () => {
        await coreSleep(5)
        steps.push('cleaned')
      })
      await cancel.sleep(60_000)
    })
    patient.cancel()
    await rejection(run)
    expect(steps).toEqual(['cleaned'])

    const hurried = Cancelable.run(
      async (cancel) => {
        cancel.defer(() => never())
        cancel.defer(() => steps.push('first'))
        cancel.cancel()
        await cancel.sleep(60_000)
      },
      { grace: 0 },
    )
    await rejection(hurried)
    expect(steps).toEqual(['cleaned', 'first'])
  })

  test('a failing cleanup fails a run that succeeded; a run that failed keeps its error', async () => {
    const failure = new Error('cleanup')
    const operation = new Cancelable()
    const failing = operation.run((cancel) => {
      cancel.defer(() => {
        throw failure
      })
      return 1
    })
    expect(await rejection(failing)).toBe(failure)
    expect(operation.context).toMatchObject({ status: 'failed', error: failure })
    const primary = new Error('primary')
    const reports = await published('tripline:error', async () => {
      const both = Cancelable.run((cancel) => {
        cancel.defer(() => Promise.reject(failure))
        throw primary
      })
      expect(await rejection(both)).toBe(primary)
    })
    expect(reports).toEqual([{ error: failure, origin: 'cleanup' }])
    const several = Cancelable.run((cancel) => {
      cancel.defer(() => Promise.reject(primary))
      cancel.defer(() => Promise.reject(failure))
    })
    expect(await rejection(several)).toMatchObject({ errors: [failure, primary] })
  })

  test('a cleanup that is added after the end runs at once', async () => {
    let late: Cancelable | undefined
    await Cancelable.run((cancel) => {
      late = cancel
    })
    let ran = false
    late!.defer(() => {
      ran = true
    })
    expect(ran).toBe(true)
  })

  test('row 162: children that outlive the body are canceled, and the run waits for them within the grace period', async () => {
    const steps: string[] = []
    const operation = new Cancelable({ grace: '30s' })
    let child: Promise<unknown> | undefined
    const run = operation.run((cancel) => {
      child = rejection(
        cancel.child({ grace: '30s' }).run(async (inner) => {
          try {
            await inner.sleep(60_000)
          } finally {
            await coreSleep(5)
            steps.push('child')
          }
        }),
      )
      return 'done'
    })
    expect(await run).toBe('done')
    steps.push('parent')
    expect(steps).toEqual(['child', 'parent'])
    expect(await child).toMatchObject({ reason: { kind: 'parent', parentId: operation.context.id } })
    expect(((await child) as CancelationError<never>).reason).not.toHaveProperty('parent')
  })

  test('a parent that is canceled waits for a child that is cleaning up', async () => {
    const steps: string[] = []
    const parent = new Cancelable({ grace: '30s' })
    const run = parent.run(async (cancel) => {
      const child = cancel.child({ grace: '30s' }).run((inner) => {
        inner.defer(async () => {
          parent.cancel('stop')
          await coreSleep(5)
          steps.push('cleaned')
        })
      })
      await Promise.race([child, cancel.sleep('1h')])
    })
    expect(await rejection(run)).toMatchObject({ message: 'stop' })
    expect(steps).toEqual(['cleaned'])
  })

  test('children that never end delay it by the grace period only', async () => {
    const operation = new Cancelable({ grace: 5 })
    let child: Promise<unknown> | undefined
    const run = operation.run((cancel) => {
      child = rejection(cancel.child({ grace: '30s' }).run(() => never()))
      return 'done'
    })
    expect(await run).toBe('done')
    void child
  })
})

describe('what the run rejects with', () => {
  test("a library's own AbortError becomes the cause of ours, unless ours is its cause already", async () => {
    const operation = new Cancelable()
    const run = operation.run(async (cancel) => {
      await coreSleep(60_000, undefined, { signal: cancel.signal })
    })
    operation.cancel('stop')
    const error = (await rejection(run)) as CancelationError
    expect(error).toBe(operation.signal.reason)
    // Node's error has the cancelation as its cause already, so the causes must not form a circle.
    expect(error.cause).toBe(error.reason)

    const foreign = new DOMException('gone', 'AbortError')
    const other = new Cancelable()
    const second = other.run(async (cancel) => {
      await cancel.sleep(60_000).catch(() => {
        throw foreign
      })
    })
    other.cancel('stop')
    expect(((await rejection(second)) as Error).cause).toBe(foreign)
  })

  test('row 35: a cancelation error that the body passes on counts as its own cancelation', async () => {
    const token = new CancelationToken()
    token.cancel('elsewhere')
    const seen: string[] = []
    const operation = new Cancelable().onCancel((reason) => seen.push(reason.message))
    const error = await rejection(operation.run(() => token.throwIfCanceled()))
    expect(error).toBeInstanceOf(CancelationError)
    expect(operation.context).toMatchObject({ status: 'canceled', reason: { message: 'elsewhere' } })
    expect(operation.signal.reason).toBe(error)
    expect(seen).toEqual(['elsewhere'])
  })

  test('row 36: any other error is a failure', async () => {
    const seen: unknown[] = []
    const operation = new Cancelable().onError((error) => seen.push(error))
    const failure = new Error('mine')
    expect(await rejection(operation.run(() => Promise.reject(failure)))).toBe(failure)
    expect(operation.context).toMatchObject({ status: 'failed', error: failure, reason: undefined })
    expect(seen).toEqual([failure])
  })

  test('row 37: a body that swallows the cancelation completes, and the reason is kept', async () => {
    const operation = new Cancelable()
    const run = operation.run(async (cancel) => {
      await cancel.sleep(60_000).catch(() => undefined)
      return 'partial'
    })
    operation.cancel('stop')
    expect(await run).toBe('partial')
    expect(operation.context).toMatchObject({ status: 'completed', reason: { message: 'stop' } })
  })
})

describe('a cancelation ends', () => {
  test('the siblings of one that shares a source with its ancestor', async () => {
    const token = new CancelationToken()
    const oldest = new Cancelable()
    const ends: string[] = []
    const note = (name: string, promise: Promise<unknown>): Promise<unknown> =>
      promise.catch(() => void ends.push(name))
    const run = note(
      'oldest',
      oldest.run(async (cancel) => {
        const youngest = cancel.child().run((inner) => inner.child({ token }).run(() => never()))
        const siblings = [1, 2].map((i) =>
          note(
            `sibling ${i}`,
            cancel.child().run((inner) => inner.sleep('1h')),
          ),
        )
        cancel.addSource(new TokenSource(token))
        await Promise.all([youngest, ...siblings])
      }),
    )
    token.cancel('stop')
    await turns(10)
    expect(ends.toSorted()).toEqual(['oldest', 'sibling 1', 'sibling 2'])
    await run
  })

  test('an ancestor of one that shares its source, which has its turn even so: as a run, or as a block at its end', async () => {
    const token = new CancelationToken()
    const start = (cancel: Cancelable): void => {
      cancel
        .child()
        .run((inner) => inner.child({ token }).run(() => never()))
        .catch(() => undefined)
      cancel.addSource(new TokenSource(token))
    }
    const run = rejection(Cancelable.run((cancel) => (start(cancel), never()), { grace: 0 }))
    const open = new Cancelable().enter()
    start(open)
    let cleaned = false
    open.defer(async () => {
      await turns(3)
      cleaned = true
    })
    token.cancel('stop')
    expect(await run).toMatchObject({ message: 'stop' })
    await turns(3)
    await open[Symbol.asyncDispose]()
    expect(cleaned).toBe(true)
  })

  for (const [between, grace] of [
    [1, undefined],
    [2, undefined],
    [1, 0],
  ] as const) {
    test(`the youngest of ${between} below one that shares its source before those above it, with grace ${grace}`, async () => {
      const token = new CancelationToken()
      const steps: string[] = []
      const chain: Cancelable[] = []
      const body = async (cancel: Cancelable): Promise<void> => {
        if (chain.push(cancel) <= between) {
          await cancel.child({ grace }).run(body)
          return
        }
        try {
          await cancel.child({ token, grace }).run(() => never())
        } finally {
          // With a grace period of 0 there are no further turns.
          if (grace === undefined) await turns(3)
          steps.push('unwound')
        }
      }
      const run = Cancelable.run(body, { token, grace })
      token.cancel('stop')
      expect(await rejection(run)).toMatchObject({ message: 'stop' })
      expect(steps).toEqual(['unwound'])
      expect(chain.map(({ context }) => context.status)).toEqual(chain.map(() => 'canceled'))
    })
  }

  test('the children of a block that is left before its listeners have been notified', async () => {
    const ends: string[] = []
    let both: Promise<unknown>
    {
      await using cancel = new Cancelable({ timeout: 1 }).enter()
      both = Promise.all(
        [1, 2].map((i) =>
          rejection(cancel.child().run((inner) => inner.sleep('1h'))).then(() => ends.push(`child ${i}`)),
        ),
      )
      block(2)
      expect(cancel.isCanceled).toBe(true)
    }
    await turns(10)
    // In any order: on a busy machine the first may end a turn later.
    expect(ends.toSorted()).toEqual(['child 1', 'child 2'])
    await both
  })

  test('a child before its parent if the grace periods of both are over while the loop is blocked', async () => {
    const parent = new Cancelable({ grace: 2 })
    const run = parent.run((cancel) =>
      cancel.child({ grace: 1 }).run(async (inner) => {
        await inner.child().run(() => 1)
        await never()
      }),
    )
    await turns()
    parent.cancel('stop')
    block(5)
    expect(await rejection(run)).toMatchObject({ message: 'stop' })
    // Abandoned if its body did not know of the end of the child first.
    expect(parent.context.status).toBe('canceled')
  })

  test('nothing above it, whatever the order of the turns below', async () => {
    const top = new Cancelable()
    const run = top.run(async (cancel) => {
      const parent = cancel.child({ grace: 2 })
      const below = rejection(parent.run((inner) => inner.child({ grace: 1 }).run(() => never())))
      parent.cancel('stop')
      block(5)
      await below
      await turns(3)
      return top.context.status
    })
    expect(await run).toBe('running')
  })

  test('the runs before one whose listener starts another that was canceled', async () => {
    const token = new CancelationToken()
    const first = rejection(Cancelable.run(() => never(), { token }))
    const second = new Cancelable({ token, grace: 0 })
    let third: Promise<unknown> | undefined
    second.onCancel(() => {
      const late = new Cancelable({ token })
      late.defer(() => undefined)
      third = rejection(late.run(() => 1))
    })
    const run = rejection(second.run(() => never()))
    token.cancel('stop')
    expect(await Promise.all([first, run])).toMatchObject([{ message: 'stop' }, { message: 'stop' }])
    expect(await third).toMatchObject({ message: 'stop' })
  })
})
