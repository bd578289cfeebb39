/** Rows 76 to 88, 101 to 105 and 114 to 120 of docs/coming-from-python.md: combining, listening, shielding, parents and children. */
import { setTimeout as coreSleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import {
  cancelable,
  Cancelable,
  CancelationError,
  CancelationToken,
  TokenSource,
  ParentCancelation,
  rootCause,
  TimeoutSource,
  type CancelationReason,
} from '../../src/index.js'
import { kFirstChild, kExtras } from '../../src/cancelable/operation.js'
import { kHub } from '../../src/sources/token.js'
import { deferred, never, rejection, thrown, turns, until } from './helpers.js'
import { OperationRegistry } from '../../src/registry/index.js'
import { useClock } from '../../src/testing/index.js'
import { reportedErrors } from '../helpers/reported-errors.js'

describe('combining', () => {
  test('rows 76 and 77: of operations, tokens, signals and sources; each part counts', async () => {
    for (let which = 0; which < 4; which++) {
      const part = new Cancelable()
      const token = new CancelationToken()
      const controller = new AbortController()
      const operation = Cancelable.combine(
        [part, token, controller.signal, new TimeoutSource(which === 3 ? 5 : '1m')],
        {
          name: 'all of it',
        },
      )
      expect(operation.context.name).toBe('all of it')
      const run = operation.run(() => never())
      if (which === 0) part.cancel('part')
      if (which === 1) token.cancel('token')
      if (which === 2) controller.abort()
      await rejection(run)
      expect(operation.reason!.kind).toBe(['manual', 'manual', 'abort', 'timeout'][which])
      expect(token[kHub].head).toBeNull()
      expect(part[kExtras]!.followers!.head).toBeNull()
    }
  })

  test('row 76: copies the configuration of the parts and leaves them unchanged', async () => {
    const token = new CancelationToken()
    const a = new Cancelable({ token, timeout: '1m', name: 'a' })
    const b = Cancelable.withTimeout(5)
    const operation = a.combine(b)
    expect(await rejection(operation.run(() => never()))).toMatchObject({ reason: { timeout: 5 } })
    expect([a.context.status, b.context.status]).toEqual(['pending', 'pending'])
    expect(a.context.name).toBe('a')
    const second = Cancelable.withToken(token).combine(Cancelable.withDeadline(new Date(Date.now() + 60_000)))
    const run = second.run(() => never())
    token.cancel('token')
    expect(await rejection(run)).toMatchObject({ message: 'token' })
  })

  test('row 76: a parent of a part is a parent of the combination', () => {
    const parents = [new Cancelable().enter(), new Cancelable().enter()]
    for (const which of [0, 1]) {
      const operation = Cancelable.combine(parents.map((parent) => parent.child())).enter()
      parents[which]!.cancel('parent')
      expect(operation.isCanceled).toBe(true)
      expect(rootCause(operation.reason!)).toMatchObject({ message: 'parent' })
      parents[which] = new Cancelable().enter()
    }
  })

  test('row 76: it is below the parent of its part, whose time stays its own', () => {
    const seen: unknown[] = []
    const parent = new Cancelable({ timeout: '1h' }).onProgress(({ message }) => seen.push(message)).enter()
    const operation = Cancelable.combine([parent.child()]).enter()
    expect(operation.context.parentId).toBe(parent.context.id)
    operation.reportProgress('below')
    expect(seen).toEqual(['below'])
    parent.extend(Infinity)
    expect(operation.context.deadline).toBeUndefined()
    parent[Symbol.dispose]()
  })

  test('row 76: a part may be in several combinations, also after its cancelation', () => {
    const part = new Cancelable().enter()
    const several = [1, 2].map(() => part.combine(new CancelationToken()).enter())
    part.cancel('part')
    several.push(part.combine(new CancelationToken()))
    thrown(() => several[2]!.enter())
    expect(several.map((each) => each.reason?.message)).toEqual(['part', 'part', 'part'])
  })

  test('every registry of an operation is notified of its end', () => {
    const registries = [1, 2, 3].map(() => new OperationRegistry())
    const operation = new Cancelable().enter()
    for (const each of registries) each.register(operation)
    operation.complete()
    expect(registries.map((each) => [each.size, each.statistics().ended.total])).toEqual([
      [0, 1],
      [0, 1],
      [0, 1],
    ])
  })

  test('row 76: a registered part counts like any other', () => {
    const token = new CancelationToken()
    for (const cancel of [(part: Cancelable) => void part.cancel('x'), () => void token.cancel('x')]) {
      const part = new Cancelable({ token, register: new OperationRegistry() })
      const operation = part.combine(new CancelationToken()).enter()
      cancel(part)
      expect(operation.isCanceled).toBe(true)
    }
  })

  test('row 76: the earliest deadline and the longest grace period of the parts count', async () => {
    using clock = useClock()
    const deadlines = [7_200_000, 3_600_000, 10_800_000].map(
      (ms) => new Cancelable({ deadline: new Date(Date.now() + ms) }),
    )
    const [first, ...others] = deadlines as [Cancelable, ...Cancelable[]]
    const early = first.combine(...others).enter()
    expect(early.context.deadline! - clock.now()).toBeGreaterThan(3_590_000)
    expect(early.context.deadline! - clock.now()).toBeLessThan(3_610_000)
    early[Symbol.dispose]()
    const patient = new Cancelable({ grace: '2s' }).combine(
      new Cancelable({ grace: '5s' }),
      new Cancelable({ grace: 0 }),
    )
    const run = rejection(patient.run(() => never()))
    patient.cancel('stop')
    await clock.advance(4999)
    expect(patient.context.status).toBe('canceled')
    await clock.advance(1)
    expect(await run).toMatchObject({ message: 'stop' })
    expect(patient.context.status).toBe('abandoned')
    const single = new Cancelable().combine(new Cancelable({ grace: '2s' }))
    const other = rejection(single.run(() => never()))
    single.cancel('stop')
    await turns(3)
    expect(single.context.status).toBe('canceled')
    await clock.advance('2s')
    expect(await other).toMatchObject({ message: 'stop' })
    expect(single.context.status).toBe('abandoned')
  })

  test('a part that cannot be one is refused by its type', () => {
    for (const bad of [null, 5, 'x', undefined, {}]) {
      expect(thrown(() => Cancelable.combine([bad as never]))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    }
  })

  test('row 78: the first reason stays, and a part that was canceled before the combination counts', async () => {
    const part = new Cancelable()
    part.cancel('before')
    expect(await rejection(Cancelable.combine([part, new CancelationToken()]).run(() => 1))).toMatchObject({
      message: 'before',
    })
    expect(() => Cancelable.combine([])).toThrow(/at least one/)
    expect(() => Cancelable.combine([5 as never])).toThrow(TypeError)
  })
})

describe('listeners', () => {
  test('row 80: listeners of every kind, several of each, can be chained', async () => {
    const seen: string[] = []
    const operation = new Cancelable()
      .onStart(() => seen.push('start'))
      .onProgress(({ message }) => seen.push(`progress ${message}`))
      .onComplete((value) => seen.push(`complete ${String(value)}`))
      .onCancel(() => seen.push('cancel'))
      .onError(() => seen.push('error'))
      .onComplete(() => seen.push('complete again'))
    await operation.run((cancel) => {
      cancel.reportProgress('half')
      return 'done'
    })
    expect(seen).toEqual(['start', 'progress half', 'complete done', 'complete again'])
    for (const on of ['onStart', 'onProgress', 'onComplete', 'onCancel', 'onError'] as const) {
      expect(thrown(() => operation[on](5 as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    }
  })

  test('row 81: one that fails is reported, and no other listener is affected', async () => {
    const errors = reportedErrors()
    const failure = new Error('listener')
    const seen: string[] = []
    const operation = new Cancelable({ grace: 0 })
      .onStart(() => {
        throw failure
      })
      .onCancel(() => {
        throw failure
      })
      .onCancel(async () => {
        await turns()
        throw failure
      })
      .onCancel(() => seen.push('third'))
    const run = operation.run(() => never())
    operation.cancel()
    await rejection(run)
    await turns(2)
    expect(seen).toEqual(['third'])
    expect(errors).toEqual([
      { error: failure, origin: 'start listener' },
      { error: failure, origin: 'cancel listener' },
      { error: failure, origin: 'cancel listener' },
    ])
  })

  test('row 81: without a subscriber for errors, it is a warning', async () => {
    const warning = new Promise<Error>((resolve) => {
      process.once('warning', resolve)
    })
    const operation = new Cancelable().onCancel(() => {
      throw new Error('no subscriber')
    })
    operation.enter().cancel()
    expect(await warning).toMatchObject({
      name: 'TriplineWarning',
      message: 'cancel listener failed: Error: no subscriber',
    })
  })

  test('row 82: an asynchronous listener delays nothing', async () => {
    const slow = deferred()
    const operation = new Cancelable().onComplete(() => slow.promise)
    expect(await operation.run(() => 1)).toBe(1)
    slow.resolve()
  })

  test('row 83: a listener is called at the moment of the cancelation; one that is added later is called at once', () => {
    const seen: string[] = []
    const operation = new Cancelable()
      .onCancel((reason, context) => seen.push(`${reason.message} ${context.status}`))
      .enter()
    operation.cancel('now')
    expect(seen).toEqual(['now canceled'])
    operation.onCancel(() => seen.push('late'))
    expect(seen).toEqual(['now canceled', 'late'])
  })

  test('rows 84, 85, 87: progress has a message, data and a time, and is kept', () => {
    const operation = new Cancelable().enter()
    operation.reportProgress('no listener', { done: 1 })
    expect(operation.context.progress).toMatchObject({ message: 'no listener', data: { done: 1 } })
    expect(operation.context.progress!.at).toBeLessThanOrEqual(performance.now())
    expect(operation.context.progress!.operation).toBe(operation.context)
    expect(thrown(() => operation.reportProgress(5 as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    operation[Symbol.dispose]()
  })

  test('row 86: progress bubbles to the parents, after the operation’s own listeners', () => {
    const seen: string[] = []
    const root = new Cancelable({ name: 'root' }).onProgress(({ operation }) => seen.push(`root: ${operation.name}`))
    root.enter()
    const leaf = root
      .child()
      .enter()
      .child({ name: 'leaf' })
      .onProgress(() => seen.push('leaf'))
      .enter()
    leaf.reportProgress('x')
    expect(seen).toEqual(['leaf', 'root: leaf'])
    root[Symbol.dispose]()
  })
})

describe('shields', () => {
  test('row 101: a shielded part survives, the run waits for it, and the cancelation follows', async () => {
    const steps: string[] = []
    const operation = new Cancelable()
    const run = operation.run(async (cancel) => {
      await cancel.shield(async (inner) => {
        cancel.cancel('stop')
        expect(inner.isCanceled).toBe(false)
        expect(inner.signal.aborted).toBe(false)
        await inner.sleep(5)
        await coreSleep(1, undefined, { signal: inner.signal })
        steps.push('saved')
      })
      steps.push('never')
    })
    expect(await rejection(run)).toBe(operation.signal.reason)
    expect(steps).toEqual(['saved'])
    expect(operation.context.status).toBe('canceled')
  })

  test('row 101: nested shields work as well', async () => {
    const steps: string[] = []
    const operation = new Cancelable()
    const run = operation.run((cancel) =>
      cancel.shield(async (inner) => {
        await inner.shield(async () => {
          operation.cancel('stop')
          await turns(3)
          steps.push('inner')
        })
        steps.push('outer')
      }),
    )
    expect(await rejection(run)).toMatchObject({ message: 'stop' })
    expect(steps).toEqual(['inner', 'outer'])
  })

  test('row 102: the shielded part has an operation of its own, which ends', async () => {
    let inside: Cancelable | undefined
    const result = await Cancelable.run((cancel) =>
      cancel.shield((inner) => {
        inside = inner
        expect(inner.context.status).toBe('running')
        expect(inner.context.parentId).toBeUndefined()
        return 5
      }),
    )
    expect(result).toBe(5)
    expect(inside!.context).toMatchObject({ name: 'shield', status: 'completed' })
  })

  test('rows 103 and 104: max limits a shield, counted from the cancelation; then the shield is abandoned', async () => {
    let inside: Cancelable | undefined
    const operation = new Cancelable()
    const run = operation.run((cancel) =>
      cancel.shield(
        (inner) => {
          inside = inner
          return never()
        },
        { max: 5 },
      ),
    )
    await coreSleep(10)
    expect(inside!.isCanceled).toBe(false)
    operation.cancel('stop')
    expect(await rejection(run)).toMatchObject({ message: 'stop' })
    expect(inside!.context).toMatchObject({ status: 'abandoned', reason: { kind: 'timeout', timeout: 5 } })
    expect(operation.context.status).toBe('canceled')
  })

  test('row 103: a shield does not start in a canceled operation', async () => {
    let called = false
    const run = Cancelable.run((cancel) => {
      cancel.cancel('stop')
      return cancel.shield(() => {
        called = true
      })
    })
    expect(await rejection(run)).toMatchObject({ message: 'stop' })
    expect(called).toBe(false)
    const bad = Cancelable.run((cancel) => cancel.shield(() => 1, { maxx: 5 } as never))
    expect(await rejection(bad)).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
  })

  test('the run waits for a shield that the body did not await', async () => {
    let saved = false
    await Cancelable.run((cancel) => {
      void cancel.shield(async () => {
        await turns(3)
        saved = true
      })
    })
    expect(saved).toBe(true)
  })

  test('the run waits for a shield that another shield started while the run was waiting', async () => {
    const steps: string[] = []
    await Cancelable.run((cancel) => {
      void cancel.shield(async () => {
        await turns(3)
        void cancel.shield(async () => {
          await turns(3)
          steps.push('second')
        })
        steps.push('first')
      })
    })
    expect(steps).toEqual(['first', 'second'])
  })
})

describe('wrapping', () => {
  test('row 105: a wrapped function checks first, and otherwise behaves the same', () => {
    const operation = new Cancelable().enter()
    const target = { factor: 2 }
    const times = operation.wrap(function times(this: typeof target, a: number, b: number): number {
      return this.factor * a * b
    })
    expect([times.name, times.length]).toEqual(['times', 2])
    expect(times.call(target, 3, 4)).toBe(24)
    operation.cancel('stop')
    expect(thrown(() => times.call(target, 3, 4))).toBeInstanceOf(CancelationError)
    expect(thrown(() => operation.wrap(5 as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  })

  test('cancelable(options, fn): an operation for every call', async () => {
    const seen: (string | undefined)[] = []
    const load = cancelable({ timeout: '1m' }, async function load(this: unknown, cancel, a: number, b: number) {
      seen.push(cancel.context.name)
      return [this, a, b]
    })
    const self = {}
    expect(await load.call(self, 1, 2)).toEqual([self, 1, 2])
    expect(await load(3, 4)).toEqual([undefined, 3, 4])
    expect(seen).toEqual(['load', 'load'])
    expect([load.name, load.length]).toEqual(['load', 2])
    const hasty = cancelable({ timeout: 2, name: 'hasty' }, () => never())
    expect(await rejection(hasty())).toMatchObject({ name: 'TimeoutError', context: { name: 'hasty' } })
    expect(() => cancelable({ timout: 5 } as never, () => 1)).toThrow(/timeout/)
    expect(() => cancelable({}, 5 as never)).toThrow(TypeError)
  })
})

describe('families', () => {
  test('rows 114 and 115: children are linked while they run, and share the reason', async () => {
    const root = new Cancelable().enter()
    const a = root.child().enter()
    const b = new Cancelable({ parent: root }).enter()
    const done = root.child().enter()
    done[Symbol.dispose]()
    root.cancel('stop')
    expect(a.reason).toBe(b.reason)
    expect(a.reason).toMatchObject({
      kind: 'parent',
      parentId: root.context.id,
      parent: { kind: 'manual', message: 'stop' },
      message: 'The parent operation was canceled: stop',
    })
    expect(rootCause(a.reason!)).toBe(root.reason)
    expect(thrown(() => a.throwIfCanceled())).toBeInstanceOf(ParentCancelation)
    expect(done.isCanceled).toBe(false)
    expect(root[kFirstChild]).toBeNull()
  })

  test('row 116: children may be spared until the parent ends', () => {
    const root = new Cancelable().enter()
    const child = root.child().enter()
    root.cancel('only me', { children: false })
    expect(root.isCanceled).toBe(true)
    expect(child.isCanceled).toBe(false)
    root[Symbol.dispose]()
    expect(child.reason).toMatchObject({ kind: 'parent', parent: { message: 'only me' } })
  })

  test('row 117: a timeout of the parent reaches children wherever they run', async () => {
    const parent = new Cancelable({ timeout: 5 })
    let child: Promise<unknown> | undefined
    const run = parent.run((cancel) => {
      child = cancel.child().run(() => never())
      return child
    })
    expect(await rejection(run)).toMatchObject({ name: 'TimeoutError' })
    expect(await rejection(child!)).toMatchObject({ reason: { kind: 'parent', parent: { kind: 'timeout' } } })
  })

  test('row 118: children that have ended or were canceled before keep their reason', () => {
    const root = new Cancelable().enter()
    const first = root.child().enter()
    first.cancel('first')
    root.cancel('root')
    expect(first.reason).toMatchObject({ message: 'first' })
  })

  test('row 119: a child that fails or is canceled does not affect its parent', async () => {
    const result = await Cancelable.run(async (cancel) => {
      await cancel
        .child()
        .run(() => Promise.reject(new Error('child')))
        .catch(() => undefined)
      await cancel
        .child({ timeout: 1 })
        .run(() => never())
        .catch(() => undefined)
      return cancel.isCanceled
    })
    expect(result).toBe(false)
  })

  test('a child of a parent that is canceled or has ended never starts', async () => {
    const canceled = new Cancelable().enter()
    canceled.cancel('stop')
    expect(await rejection(canceled.child().run(() => 1))).toMatchObject({
      reason: { kind: 'parent', parent: { message: 'stop' } },
    })
    const ended = new Cancelable().enter()
    ended[Symbol.dispose]()
    const error = (await rejection(ended.child().run(() => 1))) as ParentCancelation
    expect(error.reason).toMatchObject({ kind: 'parent', message: 'The parent operation ended' })
    expect(error.reason.parent).toBeUndefined()
  })

  test('a child may start before its parent', () => {
    const parent = new Cancelable({ timeout: 5 })
    const child = parent.child().enter()
    parent.enter()
    const end = performance.now() + 20_000
    while (!child.isCanceled && performance.now() < end);
    expect(child.reason).toMatchObject({ kind: 'parent', parent: { kind: 'timeout' } })
  })

  test('leaving the block of a parent ends its children', () => {
    const parent = new Cancelable().enter()
    const child = parent.child().enter()
    const grandchild = child.child().enter()
    parent[Symbol.dispose]()
    expect([parent, child, grandchild].map((each) => each.context.status)).toEqual(['disposed', 'canceled', 'canceled'])
    expect(child.reason).toMatchObject({ kind: 'parent' })
  })

  test('the whole subtree is canceled before any listener is called, and parents are notified first', () => {
    const root = new Cancelable().enter()
    const all: Cancelable[] = [root]
    const order: number[] = []
    const canceledThen: boolean[] = []
    for (let i = 1; i < 10; i++) all.push(all[Math.floor((i - 1) / 2)]!.child().enter())
    all.forEach((each, i) =>
      each.onCancel(() => {
        order.push(i)
        canceledThen.push(all.every((other) => other.isCanceled && other.signal.aborted))
      }),
    )
    root.cancel()
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(canceledThen).toEqual(Array.from({ length: 10 }, () => true))
  })

  test('a source that the oldest and the youngest share, in either order, notifies parents first', () => {
    for (const youngestFirst of [false, true]) {
      const token = new CancelationToken()
      const oldest = new Cancelable(youngestFirst ? {} : { token }).enter()
      const between = [oldest.child().enter()]
      for (let i = 0; i < 3; i++) between.push(between.at(-1)!.child().enter())
      const youngest = between.at(-1)!.child({ token }).enter()
      if (youngestFirst) oldest.addSource(new TokenSource(token))
      const notified: Cancelable[] = []
      for (const each of [youngest, ...between, oldest]) each.onCancel(() => notified.push(each))
      token.cancel()
      expect(notified.map((each) => [oldest, ...between, youngest].indexOf(each))).toEqual([0, 1, 2, 3, 4, 5])
    }
  })

  test('row 120: siblings of every age leave in any order', async () => {
    const root = new Cancelable().enter()
    const children = Array.from({ length: 7 }, () => root.child().enter())
    for (const i of [0, 6, 3, 1, 5, 2]) children[i]![Symbol.dispose]()
    const more = root.child().enter()
    const reasons: (CancelationReason | undefined)[] = []
    root.cancel('end')
    for (const each of [children[4]!, more]) reasons.push(each.reason)
    expect(reasons.map((each) => each?.kind)).toEqual(['parent', 'parent'])
    expect(children[0]!.isCanceled).toBe(false)
    await until(() => root[kFirstChild] === null)
  })
})
