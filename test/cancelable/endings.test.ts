/** How operations with tasks, shields and cleanups end; shrunk programs of the model in `test/model/`. */
import { describe, expect, it } from 'vitest'
import { Cancelable, type CancelableOptions } from '../../src/index.js'
import { useClock } from '../../src/testing/index.js'
import { reportedErrors } from '../helpers/reported-errors.js'

interface End {
  readonly at: number
  readonly message: string | undefined
}

/** Runs a body on a test clock; the clock's time counts from the start of the run. */
async function endOf(
  body: (cancel: Cancelable, now: () => number) => unknown,
  options: CancelableOptions = {},
  act: (operation: Cancelable) => void = () => undefined,
): Promise<End> {
  using clock = useClock()
  const begin = clock.now()
  const now = (): number => clock.now() - begin
  const operation = new Cancelable(options)
  const end = operation
    .run((cancel) => body(cancel, now))
    .then(
      () => ({ at: now(), message: undefined }),
      (error: Error) => ({ at: now(), message: error.message }),
    )
  act(operation)
  await clock.advance('1m')
  return end
}

/** A wait that no cancelation reaches. */
const plain = (ms: number): Promise<void> => Cancelable.run((cancel) => cancel.sleep(ms), { parent: null })

async function failLater(message: string): Promise<never> {
  await plain(5000)
  throw new Error(message)
}

/** A task that is still cleaning up when its parent's grace period is over. */
function stuck(cancel: Cancelable): void {
  void cancel.task((task) => task.defer(() => plain(10_000)), { grace: '1h' }).catch(() => undefined)
}

describe('children', () => {
  it('are waited for while they clean up, also if they have just fulfilled', async () => {
    let cleaned: number | undefined
    const end = await endOf((cancel, now) => {
      void cancel.task(async (task) => {
        task.defer(() => plain(500).then(() => (cleaned = now())))
      })
      throw new Error('failed')
    })
    expect(cleaned).toBe(500)
    expect(end).toEqual({ at: 500, message: 'failed' })
  })

  it('are waited for while a block in them cleans up', async () => {
    let cleaned: number | undefined
    const end = await endOf(async (cancel, now) => {
      const block = cancel.child().enter()
      block.defer(() => plain(500).then(() => (cleaned = now())))
      void block[Symbol.asyncDispose]()
      throw new Error('failed')
    })
    expect(cleaned).toBe(500)
    expect(end).toEqual({ at: 500, message: 'failed' })
  })

  it('have the grace period once, however the operation ends', async () => {
    const failed = await endOf((cancel) => {
      stuck(cancel)
      throw new Error('failed')
    })
    expect(failed).toEqual({ at: 1000, message: 'failed' })
    const cleanedUp = await endOf((cancel) => {
      stuck(cancel)
      cancel.defer(() => plain(300))
      throw new Error('failed')
    })
    expect(cleanedUp).toEqual({ at: 1300, message: 'failed' })
  })
})

describe('the grace period of a canceled operation', () => {
  it('is that of its cleanups if the body goes on', async () => {
    const end = await endOf(
      (cancel) => {
        cancel.defer(() => plain(10_000))
        return new Promise(() => undefined)
      },
      {},
      (operation) => operation.cancel('stop'),
    )
    expect(end).toEqual({ at: 1000, message: 'stop' })
  })

  it('is over for its children, too', async () => {
    const end = await endOf(
      async (cancel) => {
        stuck(cancel)
        await cancel.sleep('1h')
      },
      {},
      (operation) => operation.cancel('stop'),
    )
    expect(end).toEqual({ at: 1000, message: 'stop' })
  })

  it('is not given again to children that a cleanup starts, and they are canceled', async () => {
    const reasons: unknown[] = []
    const startIn = (cancel: Cancelable): void => {
      cancel.defer(() => {
        const late = cancel.child({ grace: '1h' })
        late.run((each) => each.race(new Promise(() => undefined))).catch(() => undefined)
        late.onCancel(({ kind }) => reasons.push(kind))
        return plain(10_000)
      })
    }
    const canceled = await endOf(
      async (cancel) => {
        startIn(cancel)
        await cancel.sleep('1h')
      },
      {},
      (operation) => operation.cancel('stop'),
    )
    expect(canceled).toEqual({ at: 1000, message: 'stop' })
    const failed = await endOf((cancel) => {
      stuck(cancel)
      const children: Cancelable[] = []
      cancel.defer(() => {
        const late = cancel.child().enter()
        children.push(late)
        late.onCancel(({ kind }) => reasons.push(kind))
      })
      throw new Error('failed')
    })
    expect(failed).toEqual({ at: 1000, message: 'failed' })
    expect(reasons).toEqual(['parent', 'parent'])
  })

  it('of 0 is one turn, also for the children of a run that has fulfilled', async () => {
    using clock = useClock()
    const run = Cancelable.run(
      (cancel) => {
        cancel
          .child({ grace: '1h' })
          .run(() => new Promise(() => undefined))
          .catch(() => undefined)
        return 'done'
      },
      { grace: 0 },
    )
    expect(await run).toBe('done')
    expect(clock.pending).toBeLessThanOrEqual(1)
  })

  it('is not waited for once it is over: later cleanups are begun, and their errors reported', async () => {
    const reported = reportedErrors()
    const steps: number[] = []
    const end = await endOf(
      async (cancel, now) => {
        cancel.defer(() => (steps.push(now()), failLater('begun late')))
        cancel.defer(() => (steps.push(now()), failLater('too late')))
        await cancel.sleep('1h')
      },
      {},
      (operation) => operation.cancel('stop'),
    )
    expect(end).toEqual({ at: 1000, message: 'stop' })
    expect(steps).toEqual([0, 1000])
    expect(reported.map(({ error, origin }) => [(error as Error).message, origin])).toEqual([
      ['too late', 'cleanup'],
      ['begun late', 'cleanup'],
    ])
  })
})

it('an operation whose combinations have ended gives its body no time to unwind', async () => {
  using _ = useClock()
  const operation = new Cancelable()
  operation.combine(new Cancelable()).enter().complete()
  const run = operation.run(() => new Promise(() => undefined))
  operation.cancel('stop')
  await expect(run).rejects.toThrow('stop')
  expect(operation.context.status).toBe('abandoned')
})

it('children that a cancelation has spared end when the operation is abandoned, and its run settles', async () => {
  const operation = new Cancelable()
  let child: Cancelable | undefined
  const run = operation.run((cancel) => {
    child = cancel.child().enter()
    return new Promise(() => undefined)
  })
  operation.cancel('stop', { children: false })
  expect(child!.isCanceled).toBe(false)
  await expect(run).rejects.toThrow('stop')
  expect(operation.context.status).toBe('abandoned')
  expect(child!.isCanceled).toBe(true)
})

describe('a block that is disposed of asynchronously', () => {
  it('is ending from then on: neither dispose nor complete changes its end', async () => {
    const steps: string[] = []
    const block = new Cancelable().enter()
    block.defer(() => void steps.push('cleaned'))
    const ended = block[Symbol.asyncDispose]()
    block.complete()
    block[Symbol.dispose]()
    expect([block.context.status, steps]).toEqual(['running', []])
    await ended
    expect([block.context.status, steps]).toEqual(['disposed', ['cleaned']])
  })
})

describe('tasks', () => {
  it('that are ended with an operation that has failed do not cancel it', async () => {
    const reasons: string[] = []
    const operation = new Cancelable()
    operation.onCancel(({ message }) => reasons.push(message))
    await expect(
      operation.run((cancel) => {
        void cancel.task((task) => task.sleep('1h'))
        throw new Error('failed')
      }),
    ).rejects.toThrow('failed')
    expect(operation.reason).toBeUndefined()
    expect(operation.context.status).toBe('failed')
    expect(reasons).toEqual([])
  })

  it('that fail while they are being ended do not replace the error of the body', async () => {
    const reported = reportedErrors()
    const end = await endOf((cancel) => {
      void cancel.task(async (task) => {
        task.defer(async () => {
          await plain(100)
          throw new Error('later')
        })
      })
      throw new Error('failed')
    })
    expect(end.message).toBe('failed')
    expect(reported).toMatchObject([{ error: { message: 'later' } }])
  })
})

describe('shields', () => {
  it('have their `max` from the first cancelation on, whatever is canceled after it', async () => {
    const end = await endOf((cancel) => {
      for (const time of [3000, 7000]) {
        void cancel.task((task) => task.shield((inner) => inner.sleep(time), { max: 5000 })).catch(() => undefined)
      }
      throw new Error('failed')
    })
    expect(end).toEqual({ at: 5000, message: 'failed' })
  })

  it.each([undefined, 2000])('are followed by the whole grace period (%s)', async (grace) => {
    const end = await endOf(
      async (cancel) => {
        try {
          await cancel.shield(() => plain(1500))
        } finally {
          await plain(60_000)
        }
      },
      grace === undefined ? {} : { grace },
      (operation) => operation.cancel('stop'),
    )
    expect(end).toEqual({ at: 1500 + (grace ?? 1000), message: 'stop' })
  })

  it('are followed by the whole grace period for children, also if the body ends before the last shield', async () => {
    let cleaned: number | undefined
    const end = await endOf(
      async (cancel, now) => {
        void cancel.task(async (task) => {
          task.defer(() => plain(10_000))
          await task.shield(() => plain(5000))
        })
        cancel.defer(() => (cleaned = now()))
        await cancel.shield(() => plain(3000))
      },
      {},
      (operation) => operation.cancel('stop'),
    )
    // The task is abandoned then.
    expect(cleaned).toBe(6000)
    expect(end).toEqual({ at: 6000, message: 'stop' })
  })
})
