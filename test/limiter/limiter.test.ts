/** Limiters: what runs when, and how the limit follows the guards. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, it } from 'vitest'
import { CancelationError } from '../../src/base/cancelation-error.js'
import { NotAdmittedError } from '../../src/base/errors.js'
import { Cancelable } from '../../src/cancelable/cancelable.js'
import { limiter, type LimitChange, type Limiter } from '../../src/limiter/limiter.js'
import { guard } from '../../src/monitor/guard.js'
import { PACKAGE, runModule } from '../helpers/child.js'
import { eventually } from '../helpers/eventually.js'
import type { FakeMachine } from '../helpers/fake-machine.js'
import { onFreshMachines } from '../helpers/fresh-machine.js'

/** A task that ends when its gate is opened. */
function gate(): { readonly open: () => void; readonly fn: () => Promise<void>; readonly started: () => boolean } {
  let open!: () => void
  let started = false
  const opened = new Promise<void>((resolve) => (open = resolve))
  const fn = (): Promise<void> => {
    started = true
    return opened
  }
  return { open, fn, started: () => started }
}

const fixed = (max: number, more: object = {}): Limiter => limiter({ min: max, max, ...more })
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('run', () => {
  it('runs at most `limit` at the same time, and settles as the functions do', async () => {
    await using limit = fixed(3)
    let most = 0
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, (_, index) =>
        limit.run(async (cancel) => {
          most = Math.max(most, limit.active)
          await cancel.yield()
          if (index === 7) throw new Error('seven')
          return index
        }),
      ),
    )
    expect(most).toBe(3)
    expect(results.map((each) => (each.status === 'fulfilled' ? each.value : 'failed'))).toEqual(
      Array.from({ length: 40 }, (_, index) => (index === 7 ? 'failed' : index)),
    )
    expect([limit.active, limit.waiting]).toEqual([0, 0])
  })

  it('starts at once if a slot is free, also a function that is not async', async () => {
    await using limit = fixed(1)
    let called = false
    const promise = limit.run(() => (called = true))
    expect(called).toBe(true)
    expect(await promise).toBe(true)
    expect(limit.active).toBe(0)
  })

  it('takes the highest priority first, and the oldest among equals', async () => {
    await using limit = fixed(1)
    const first = gate()
    const order: string[] = []
    const runs = [limit.run(first.fn)]
    for (const [name, priority] of [
      ['a', 0],
      ['b', 5],
      ['c', 0],
      ['d', 5],
      ['e', -1],
      ['f', 9],
    ] as const) {
      runs.push(limit.run(() => void order.push(name), { priority }))
    }
    expect(limit.waiting).toBe(6)
    first.open()
    await Promise.all(runs)
    expect(order.join('')).toBe('fbdace')
  })

  it('keeps the async context and the operation of each caller', async () => {
    await using limit = fixed(1)
    const storage = new AsyncLocalStorage<number>()
    const seen = await Promise.all(
      [1, 2, 3].map((each) =>
        storage.run(each, () =>
          limit.run(
            async (cancel) => {
              await cancel.yield()
              return [storage.getStore(), cancel.context.name]
            },
            { name: `run ${each}` },
          ),
        ),
      ),
    )
    expect(seen).toEqual([1, 2, 3].map((each) => [each, `run ${each}`]))
  })

  it('counts a timeout from the start of the function, not of the wait', async () => {
    await using limit = fixed(1)
    const first = gate()
    const running = limit.run(first.fn)
    const waiting = limit.run((cancel) => cancel.context.status, { timeout: '50ms' })
    await new Promise((resolve) => setTimeout(resolve, 80))
    first.open()
    await running
    expect(await waiting).toBe('running')
  })
})

describe('what waits', () => {
  it('leaves when its signal aborts, and is never called; the slot goes to the next', async () => {
    await using limit = fixed(1)
    const first = gate()
    const running = limit.run(first.fn)
    const controller = new AbortController()
    const canceled = gate()
    const last = gate()
    const gone = limit.run(canceled.fn, { signal: controller.signal })
    const next = limit.run(last.fn)
    controller.abort()
    await expect(gone).rejects.toThrow(CancelationError)
    expect(limit.waiting).toBe(1)
    first.open()
    last.open()
    await Promise.all([running, next])
    expect(canceled.started()).toBe(false)
  })

  it('leaves when its parent is canceled or ends', async () => {
    await using limit = fixed(1)
    const first = gate()
    const running = limit.run(first.fn)
    const canceled = gate()
    let unawaited: Promise<void> | undefined
    await expect(
      Cancelable.run(async (cancel) => {
        unawaited = limit.run(canceled.fn, { parent: cancel })
        void limit.run(canceled.fn, { parent: cancel })
        cancel.cancel('enough')
        await cancel.yield()
      }),
    ).rejects.toThrow('enough')
    await expect(unawaited).rejects.toMatchObject({ reason: { kind: 'parent' } })
    await Cancelable.run((cancel) => {
      unawaited = limit.run(canceled.fn, { parent: cancel })
    })
    await expect(unawaited).rejects.toMatchObject({ reason: { kind: 'parent' } })
    expect(limit.waiting).toBe(0)
    first.open()
    await running
    expect(canceled.started()).toBe(false)
  })

  it('is refused after its longest wait, at once for a wait of 0', async () => {
    await using limit = fixed(1)
    const first = gate()
    const running = limit.run(first.fn)
    await expect(limit.run(() => 1, { wait: '20ms' })).rejects.toMatchObject({
      code: 'ERR_TRIPLINE_NOT_ADMITTED',
      kind: 'wait',
    })
    await expect(limit.run(() => 1, { wait: 0 })).rejects.toMatchObject({ kind: 'wait' })
    expect(limit.waiting).toBe(0)
    first.open()
    await running
    expect(await limit.run(() => 1, { wait: 0 })).toBe(1)
  })

  it('is refused where the queue is full, or displaces the last of a lower priority', async () => {
    await using limit = fixed(1, { maxWaiting: 2, name: 'encoder' })
    const first = gate()
    const running = limit.run(first.fn)
    const low = limit.run(() => 'low', { priority: 1 })
    const lowest = limit.run(() => 'lowest', { priority: 1 })
    await expect(limit.run(() => 'late', { priority: 1 })).rejects.toMatchObject({
      code: 'ERR_TRIPLINE_NOT_ADMITTED',
      kind: 'full',
      message: 'Not admitted: 2 wait for encoder, which is the most that may wait',
    })
    const high = limit.run(() => 'high', { priority: 2 })
    await expect(lowest).rejects.toMatchObject({ kind: 'displaced' })
    first.open()
    expect(await Promise.all([running, low, high])).toEqual([undefined, 'low', 'high'])
  })

  it('displaces nothing if it is canceled already', async () => {
    await using limit = fixed(1, { maxWaiting: 1 })
    const first = gate()
    const running = limit.run(first.fn)
    const low = limit.run(() => 'low')
    await expect(limit.run(() => 'high', { priority: 1, signal: AbortSignal.abort() })).rejects.toThrow(
      CancelationError,
    )
    expect(limit.waiting).toBe(1)
    first.open()
    expect(await Promise.all([running, low])).toEqual([undefined, 'low'])
  })

  it('has its turn after an abandoned function, although nothing else keeps the process alive', async () => {
    const { code, stdout } = await runModule(`
      import { limiter } from ${JSON.stringify(PACKAGE)}
      const limit = limiter({ min: 1, max: 1, holdAbandoned: 200 })
      const controller = new AbortController()
      const lost = limit.run(() => new Promise(() => undefined), { signal: controller.signal, grace: 1 })
      const next = limit.run(() => 'next')
      controller.abort()
      await lost.catch(() => undefined)
      console.log(await next, limit.active)`)
    expect([code, stdout]).toEqual([0, 'next 0\n'])
  })

  it('is never lost, whatever is canceled, fails and is abandoned meanwhile', async () => {
    await using limit = fixed(2, { holdAbandoned: '1ms' })
    let settled = 0
    const runs = Array.from({ length: 300 }, (_, index) => {
      const controller = new AbortController()
      if (index % 3 === 0) setImmediate(() => controller.abort())
      if (index % 7 === 0) controller.abort()
      return limit
        .run(
          async (cancel) => {
            if (index % 5 === 0) throw new Error('no')
            await (index % 11 === 0 ? new Promise(() => undefined) : cancel.yield())
          },
          { signal: controller.signal, priority: index % 4, timeout: 5 },
        )
        .then(
          () => settled++,
          () => settled++,
        )
    })
    await Promise.all(runs)
    expect(settled).toBe(300)
    await eventually(() => limit.active === 0)
    expect(limit.waiting).toBe(0)
  })
})

describe('an abandoned body', () => {
  it('keeps its slot until it ends, because it still uses the machine', async () => {
    await using limit = fixed(1)
    const deaf = gate()
    const abandoned = limit.run(deaf.fn, { timeout: 1 })
    const next = gate()
    next.open()
    const after = limit.run(next.fn)
    await expect(abandoned).rejects.toMatchObject({ reason: { kind: 'timeout' } })
    await turn()
    expect([limit.active, next.started()]).toEqual([1, false])
    deaf.open()
    await after
    expect(limit.active).toBe(0)
  })

  it('loses its slot after `holdAbandoned`, because it may never end', async () => {
    await using limit = fixed(1, { holdAbandoned: '10ms' })
    const deaf = limit.run(() => new Promise(() => undefined), { timeout: 1 })
    const after = limit.run(() => 'after')
    await expect(deaf).rejects.toThrow(CancelationError)
    expect(await after).toBe('after')
  })
})

describe('close', () => {
  it('refuses what waits and all that comes, and waits for what runs', async () => {
    const limit = fixed(1)
    const first = gate()
    const running = limit.run(first.fn)
    const waiting = limit.run(() => 1)
    let closed = false
    const closing = limit.close().then(() => (closed = true))
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_TRIPLINE_NOT_ADMITTED', kind: 'closed' })
    await expect(limit.run(() => 1)).rejects.toMatchObject({ kind: 'closed' })
    await turn()
    expect([limit.closed, closed]).toEqual([true, false])
    first.open()
    await Promise.all([running, closing])
  })

  it('lets those that wait have their turn with `drain`', async () => {
    const limit = fixed(1)
    const first = gate()
    void limit.run(first.fn)
    const waiting = limit.run(() => 'waited')
    const closing = limit.close({ drain: true })
    await expect(limit.run(() => 1)).rejects.toThrow(NotAdmittedError)
    first.open()
    expect(await waiting).toBe('waited')
    await closing
    expect(limit.close()).toBe(limit.close())
  })
})

describe('the limit', () => {
  let machine: FakeMachine
  onFreshMachines((fresh) => (machine = fresh))

  it('grows while all slots are used, is cut by a breach, and grows again', async () => {
    using memory = guard({ memory: 90 }, { within: 10 })
    const limit = limiter({ min: 1, max: 8, resources: memory, interval: 10, hold: 10 })
    const changes: LimitChange[] = []
    limit.on('change', (change, of) => {
      expect(of).toBe(limit)
      changes.push(change)
    })
    const over = new AbortController()
    const runs = Array.from({ length: 16 }, async () => {
      while (!over.signal.aborted) await limit.run(() => turn())
    })
    await eventually(() => limit.limit === 8)
    expect(changes.every((each) => each.limit === each.previous + 1 && each.guard === undefined)).toBe(true)
    machine.setMemory(95)
    await eventually(() => limit.limit === 1)
    const cut = changes.find((each) => each.limit < each.previous)!
    expect(cut).toMatchObject({ previous: 8, limit: 4, guard: memory })
    expect(limit.active).toBeLessThanOrEqual(8)
    machine.setMemory(50)
    await eventually(() => limit.limit === 8)
    over.abort()
    await Promise.all(runs)
    await limit.close()
  })

  it('does not grow where slots are left', async () => {
    using memory = guard({ memory: 90 })
    await using limit = limiter({ max: 8, initial: 2, resources: memory, interval: 10 })
    for (let round = 0; round < 30; round++) {
      await limit.run(() => new Promise((resolve) => setTimeout(resolve, 2)))
    }
    expect(limit.limit).toBe(2)
  })

  it('is cut at once by a guard that is breached already, and inside code that never yields', async () => {
    using memory = guard({ memory: 90 }, { within: 5 })
    using load = guard({ load: 100 })
    await using limit = limiter({ max: 8, initial: 8, resources: [load, memory], hold: '1m' })
    machine.setMemory(95)
    // The loop is blocked, so that no listener can run.
    const until = performance.now() + 20_000
    while (!memory.isBreached && performance.now() < until);
    await limit.run(() => expect(limit.limit).toBeLessThan(8))
    await using second = limiter({ max: 8, initial: 8, resources: memory, hold: '1m' })
    expect(second.limit).toBe(2)
  })

  it('goes to 0 with `min: 0`, so that nothing starts before the guard is clear', async () => {
    using memory = guard({ memory: 90 }, { within: 10 })
    machine.setMemory(95)
    await eventually(() => memory.isBreached)
    await using limit = limiter({ min: 0, max: 1, resources: memory, interval: 10, hold: 10 })
    expect(limit.limit).toBe(0)
    const waiting = gate()
    waiting.open()
    const run = limit.run(waiting.fn)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect([waiting.started(), limit.waiting]).toEqual([false, 1])
    machine.setMemory(50)
    await run
  })

  it('is not moved by a guard that only reports', async () => {
    using memory = guard({ memory: 90 }, { within: 10, dryRun: true })
    machine.setMemory(95)
    await eventually(() => memory.isBreached)
    await using limit = limiter({ max: 8, initial: 8, resources: memory })
    expect(limit.limit).toBe(8)
  })

  it('does not grow past its first value while a guard is closed, which watches nothing', async () => {
    const memory = guard({ memory: 90 }, { within: 10 })
    await using limit = limiter({ max: 8, initial: 2, resources: memory, interval: 10 })
    memory.close()
    const over = new AbortController()
    const runs = Array.from({ length: 8 }, async () => {
      while (!over.signal.aborted) await limit.run(() => turn())
    })
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(limit.limit).toBe(2)
    over.abort()
    await Promise.all(runs)
  })

  it('stays where it is, and reports it, when a guard loses its metric', async () => {
    using memory = guard({ memory: 90 }, { within: 10, name: 'ram' })
    await using limit = limiter({ max: 8, initial: 4, resources: memory, interval: 10, hold: 10 })
    const reported = new Promise<Error>((resolve) => process.once('warning', resolve))
    machine.write('proc/meminfo', 'nothing of use\n')
    expect((await reported).message).toMatch(/^guard "ram" failed: MetricUnavailableError/)
    const over = new AbortController()
    const runs = Array.from({ length: 16 }, async () => {
      while (!over.signal.aborted) await limit.run(() => turn())
    })
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(limit.limit).toBe(4)
    over.abort()
    await Promise.all(runs)
  })

  it('is reported by listeners, whose errors stop nothing and which can be removed', async () => {
    using memory = guard({ memory: 90 }, { within: 10 })
    await using limit = limiter({ max: 8, initial: 8, resources: memory, hold: 10 })
    const warnings: string[] = []
    const warned = (warning: Error): void => void warnings.push(warning.message)
    process.on('warning', warned)
    let calls = 0
    limit.on('change', () => {
      throw new Error('of the listener')
    })
    limit.on('change', () => calls++)[Symbol.dispose]()
    machine.setMemory(95)
    await eventually(() => limit.limit === 1 && warnings.length > 0)
    process.off('warning', warned)
    expect(warnings[0]).toBe('change listener "limiter" failed: Error: of the listener')
    expect(calls).toBe(0)
  })
})
