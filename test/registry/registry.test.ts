/** `tripline/registry`: listing, canceling and counting the operations that run. */
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { kStore, registerNow } from '../../src/cancelable/registration.js'
import { Cancelable, DuplicateIdError, every } from '../../src/index.js'
import { OperationRegistry, registry } from '../../src/registry/index.js'
import { deferred, never, rejection, thrown } from '../cancelable/helpers.js'

const names = (operations: readonly { name: string | undefined }[]): unknown[] => operations.map(({ name }) => name)

/** Everything that a test has started. */
const started: Cancelable[] = []
function enter(options: ConstructorParameters<typeof Cancelable>[0]): Cancelable {
  const operation = new Cancelable(options).enter()
  started.push(operation)
  return operation
}
afterEach(() => {
  for (const each of started.splice(0).toReversed()) each[Symbol.dispose]()
  expect(registry.size).toBe(0)
})

describe('registering', () => {
  test('rows 122, 131: per operation, from the start to whichever end', async () => {
    const own = new OperationRegistry()
    const operation = new Cancelable({ name: 'a', register: own })
    expect(own.size).toBe(0)
    const { promise, resolve } = deferred<number>()
    const run = operation.run(() => promise)
    expect(own.list()).toEqual([operation.context])
    resolve(1)
    await run
    expect(own.size).toBe(0)
    await rejection(Cancelable.run(() => Promise.reject(new Error('failed')), { register: own }))
    await rejection(Cancelable.run(() => never(), { register: own, timeout: 1 }))
    new Cancelable({ register: own }).enter()[Symbol.dispose]()
    expect(own.size).toBe(0)
    expect(own.statistics().ended).toEqual({
      total: 4,
      completed: 1,
      failed: 1,
      canceled: 0,
      disposed: 1,
      abandoned: 1,
    })
  })

  test('row 121: `true` stands for the default registry', () => {
    const operation = enter({ register: true })
    expect(registry.list()).toEqual([operation.context])
    expect(enter({ register: false }).context.status).toBe('running')
    expect(registry.size).toBe(1)
  })

  test('row 122: all that start, until that is ended; not those before', async () => {
    const before = enter({ name: 'before' })
    const own = new OperationRegistry()
    const tracking = own.trackAll()
    const during = enter({ name: 'during', parent: before })
    const ticker = every(1, (cancel) => cancel.sleep(1))
    await new Promise((resolve) =>
      own.onSettled(({ parentId }) => parentId === own.list({ name: 'ticker' })[0]!.id && resolve(0)),
    )
    expect(names(own.list({ name: '*' }))).toEqual(['during', 'ticker'])
    await ticker.close()
    tracking[Symbol.dispose]()
    const after = enter({ name: 'after' })
    expect(names(own.list({ name: '*' }))).toEqual(['during'])
    during[Symbol.dispose]()
    after[Symbol.dispose]()
    expect(own.size).toBe(0)
  })

  test('row 122: tracking that was asked for twice ends when both have ended it', () => {
    const own = new OperationRegistry()
    const first = own.trackAll()
    const second = own.trackAll()
    first[Symbol.dispose]()
    first[Symbol.dispose]()
    const during = enter({})
    expect(own.size).toBe(1)
    during[Symbol.dispose]()
    second[Symbol.dispose]()
    enter({})
    expect(own.size).toBe(0)
  })

  test('by a call, before the start and after it; twice is once', async () => {
    const own = new OperationRegistry()
    const operation = new Cancelable({ register: own })
    own.register(operation)
    own.register(operation)
    expect(own.statistics().byStatus).toEqual({ pending: 1, running: 0, canceled: 0 })
    using tracking = own.trackAll()
    operation.enter()
    tracking[Symbol.dispose]()
    own.register(operation)
    expect(own.statistics().byStatus).toEqual({ pending: 0, running: 1, canceled: 0 })
    operation[Symbol.dispose]()
    const running = new Cancelable().enter()
    own.register(running)
    running.cancel()
    expect(own.statistics().byStatus).toEqual({ pending: 0, running: 0, canceled: 1 })
    running[Symbol.dispose]()
    expect(own.size).toBe(0)
    const canceled = new Cancelable()
    own.register(canceled)
    canceled.cancel()
    expect(own.size).toBe(0)
    expect(own.statistics().ended).toMatchObject({ total: 3, disposed: 1, canceled: 2 })
  })

  test('an operation whose start fails is pending again, or not registered', () => {
    const own = new OperationRegistry()
    const failing = { name: 'x', arm: (): Disposable => { throw new Error('not armed') } } // prettier-ignore
    expect(thrown(() => new Cancelable({ register: own, sources: [failing] }).enter())).toMatchObject({
      message: 'not armed',
    })
    expect(own.size).toBe(0)
    let fails = true
    const once = { arm: (): Disposable => { if (fails) throw new Error('not yet'); return { [Symbol.dispose]() {} } } } // prettier-ignore
    const operation = new Cancelable({ sources: [once] })
    own.register(operation)
    thrown(() => operation.enter())
    expect(own.statistics().byStatus).toMatchObject({ pending: 1, running: 0 })
    fails = false
    operation.enter()
    expect(own.statistics().byStatus).toMatchObject({ pending: 0, running: 1 })
    operation[Symbol.dispose]()
    expect(own.statistics()).toMatchObject({ active: 0, ended: { total: 1 } })
  })

  test('a start that has failed may be repeated: the operation is registered once, and ends once', () => {
    const own = new OperationRegistry({ history: 5 })
    let fails = 2
    const twice = { arm: (): Disposable => { if (fails-- > 0) throw new Error('not yet'); return { [Symbol.dispose]() {} } } } // prettier-ignore
    const operation = new Cancelable({ register: own, sources: [twice] })
    thrown(() => operation.enter())
    thrown(() => operation.enter())
    operation.enter()
    expect(own.statistics()).toMatchObject({ active: 1, byStatus: { pending: 0, running: 1 } })
    operation.complete()
    expect(own.statistics()).toMatchObject({ active: 0, ended: { total: 1, completed: 1 } })
    expect(own.history()).toHaveLength(1)
  })

  test('by its stage: one that is canceled and has not ended counts as canceled', () => {
    const own = new OperationRegistry()
    const operation = new Cancelable().enter()
    operation.cancel('stop')
    own.register(operation)
    expect(own.statistics().byStatus).toEqual({ pending: 0, running: 0, canceled: 1 })
    operation[Symbol.dispose]()
    expect([own.size, own.statistics().byStatus.canceled]).toEqual([0, 0])
    own.register(enter({}))
    expect(own.statistics().byStatus).toEqual({ pending: 0, running: 1, canceled: 0 })
  })

  test('taken out before its start, it stays out; and one that has ended cannot be taken out', () => {
    const own = new OperationRegistry()
    const operation = new Cancelable({ id: 'once' })
    own.register(operation)
    own.unregister(operation)
    operation.enter()
    expect(own.size).toBe(0)
    operation.complete()
    const canceled = new Cancelable()
    const registration = registerNow(own[kStore], canceled)
    canceled.cancel()
    registration.leave()
    expect([own.unregister(canceled), own.size]).toEqual([false, 0])
  })

  test('row 122: tracking may be switched on again', () => {
    const own = new OperationRegistry()
    own.trackAll()[Symbol.dispose]()
    using _ = own.trackAll()
    expect(own.size).toBe(0)
    enter({})
    expect(own.size).toBe(1)
  })

  test('row 4: a duplicate id is refused, and nothing has started', async () => {
    const own = new OperationRegistry()
    const first = enter({ id: 'job', register: own })
    let called = false
    const second = new Cancelable({ id: 'job', register: own, timeout: '1h' })
    expect(await rejection(second.run(() => void (called = true)))).toMatchObject({
      name: 'DuplicateIdError',
      code: 'ERR_TRIPLINE_DUPLICATE_ID',
      id: 'job',
    })
    expect(called).toBe(false)
    expect(own.get('job')).toBe(first.context)
    first[Symbol.dispose]()
    expect(await second.run(() => 'started later')).toBe('started later')
    expect(own.get('job')).toBeUndefined()
  })

  test('an id may also clash with one that the library made', () => {
    const own = new OperationRegistry()
    const { id } = enter({ register: own }).context
    expect(own.get(id)?.id).toBe(id)
    expect(thrown(() => own.register(new Cancelable({ id })))).toBeInstanceOf(DuplicateIdError)
    expect(own.size).toBe(1)
  })

  test('unregistering leaves no trace', () => {
    const own = new OperationRegistry({ history: 5 })
    const operation = enter({ id: 'x', register: own })
    expect(own.unregister(operation)).toBe(true)
    expect(own.unregister(operation)).toBe(false)
    expect(own.get('x')).toBeUndefined()
    operation[Symbol.dispose]()
    expect([own.size, own.history().length, own.statistics().ended.total]).toEqual([0, 0, 0])
  })

  test('a registration that has left does not leave again', () => {
    const own = new OperationRegistry()
    const registration = registerNow(own[kStore], new Cancelable())
    registration.leave()
    registration.leave()
    expect([own.size, own.statistics().byStatus.pending]).toEqual([0, 0])
  })

  test('a combined operation has a registration of its own, or no registration', () => {
    const own = new OperationRegistry()
    const part = enter({ register: own })
    const combined = part.combine(new Cancelable()).enter()
    expect(own.list()).toEqual([part.context])
    combined[Symbol.dispose]()
  })

  test('bad input', () => {
    const own = new OperationRegistry()
    for (const bad of [1, 'yes', {}, null]) {
      expect(thrown(() => new Cancelable({ register: bad as never }))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    }
    const ended = new Cancelable().enter()
    ended[Symbol.dispose]()
    expect(thrown(() => own.register(ended))).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
    for (const bad of [{}, null, 5]) {
      expect(thrown(() => own.register(bad as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    }
    expect(thrown(() => new OperationRegistry({ history: -1 }))).toMatchObject({ code: 'ERR_OUT_OF_RANGE' })
    expect(thrown(() => new OperationRegistry({ histroy: 1 } as never))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    })
  })
})

describe('looking', () => {
  test('rows 124, 130: by name, status, parent, metadata, age and any condition', async () => {
    const own = new OperationRegistry()
    const parent = enter({ id: 'p', name: 'import', register: own, metadata: { tenant: 'a' } })
    const child = enter({ name: 'import/rows', register: own, parent, metadata: { tenant: 'b', size: NaN } })
    const other = enter({ name: 'Export', register: own })
    enter({ register: own })
    other.cancel()
    const found = (filter: Parameters<typeof own.list>[0]): unknown[] => names(own.list(filter))
    expect(found({})).toEqual(['import', 'import/rows', 'Export', undefined])
    expect(found({ name: 'import' })).toEqual(['import'])
    expect(found({ name: 'import*' })).toEqual(['import', 'import/rows'])
    expect(found({ name: '?xport' })).toEqual(['Export'])
    expect(found({ name: /EXP/gi })).toEqual(['Export'])
    expect(found({ name: (name) => name === undefined })).toEqual([undefined])
    expect(found({ status: 'canceled' })).toEqual(['Export'])
    expect(found({ status: ['canceled', 'running'] })).toHaveLength(4)
    expect(found({ status: [] })).toEqual([])
    expect(found({ parent: 'p' })).toEqual(['import/rows'])
    expect(found({ parent })).toEqual(['import/rows'])
    expect(found({ metadata: { tenant: 'b', size: NaN } })).toEqual(['import/rows'])
    expect(found({ metadata: { constructor: Object } })).toEqual([])
    expect(found({ where: (async () => false) as never })).toEqual([])
    expect(found({ metadata: (metadata) => metadata === undefined })).toEqual(['Export', undefined])
    expect(found({ where: ({ id }) => id === 'p' })).toEqual(['import'])
    expect(found({ olderThan: '1h' })).toEqual([])
    expect(found({ youngerThan: '1h', name: 'i*' })).toEqual(['import', 'import/rows'])
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(found({ olderThan: 2, youngerThan: Infinity })).toHaveLength(4)
    own.register(new Cancelable({ name: 'pending' }))
    expect(found({ olderThan: 0 })).not.toContain('pending')
    expect(own.get('p')).toBe(parent.context)
    expect(own.get('nothing')).toBeUndefined()
    expect(child.context.parentId).toBe('p')
  })

  test('bad filters', () => {
    const bad: [unknown, string][] = [
      [{ nmae: 'x' }, 'ERR_INVALID_ARG_VALUE'],
      [{ name: 5 }, 'ERR_INVALID_ARG_TYPE'],
      [{ status: 'runing' }, 'ERR_INVALID_ARG_VALUE'],
      [{ status: [1] }, 'ERR_INVALID_ARG_TYPE'],
      [{ olderThan: -1 }, 'ERR_OUT_OF_RANGE'],
      [{ youngerThan: '-5s' }, 'ERR_OUT_OF_RANGE'],
      [{ olderThan: NaN }, 'ERR_OUT_OF_RANGE'],
      [{ parent: 1 }, 'ERR_INVALID_ARG_TYPE'],
      [{ metadata: 'x' }, 'ERR_INVALID_ARG_TYPE'],
      [{ where: true }, 'ERR_INVALID_ARG_TYPE'],
      ['name', 'ERR_INVALID_ARG_TYPE'],
      [Object.create({}), 'ERR_INVALID_ARG_TYPE'],
      [Object.create({ nmae: 'x' }), 'ERR_INVALID_ARG_VALUE'],
      [null, 'ERR_INVALID_ARG_TYPE'],
    ]
    for (const [filter, code] of bad) {
      for (const call of [
        () => registry.list(filter as never),
        () => registry.tree(filter as never),
        () => registry.cancelAll(filter as never),
        () => registry.history(filter as never),
      ]) {
        expect(thrown(call), JSON.stringify(filter)).toMatchObject({ code })
      }
    }
    for (const call of [() => registry.get(1 as never), () => registry.cancel(undefined as never)]) {
      expect(thrown(call)).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    }
    expect(thrown(() => registry.history({ limit: -1 }))).toMatchObject({ code: 'ERR_OUT_OF_RANGE' })
    expect(thrown(() => registry.cancelAll({}, { batch: 0 }))).toMatchObject({ code: 'ERR_OUT_OF_RANGE' })
    expect(thrown(() => registry.cancelAll({}, { batchs: 1 } as never))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    })
    expect(thrown(() => registry.cancelAll({}, { reason: 1 as never }))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  })

  test('row 133: the tree skips operations that are not registered', () => {
    const own = new OperationRegistry()
    const root = enter({ name: 'root', register: own })
    const hidden = enter({ parent: root })
    enter({ name: 'leaf', parent: hidden, register: own })
    enter({ name: 'other', register: own })
    expect(own.tree()).toMatchObject([
      { operation: { name: 'root' }, children: [{ operation: { name: 'leaf' }, children: [] }] },
      { operation: { name: 'other' }, children: [] },
    ])
    expect(own.tree({ name: 'leaf' })).toMatchObject([{ operation: { name: 'leaf' }, children: [] }])
  })

  test('a filter may end operations, and the rest is still found', () => {
    const own = new OperationRegistry()
    const all = Array.from({ length: 5 }, (_, i) => enter({ name: `${i}`, register: own }))
    const found = own.list({
      where: ({ name }) => {
        if (name === '1') for (const each of [1, 2, 3]) all[each]![Symbol.dispose]()
        return true
      },
    })
    expect(names(found)).toEqual(['0', '1', '4'])
  })
})

describe('canceling', () => {
  test('row 125: one, by its id', () => {
    const operation = enter({ id: 'x', register: true })
    expect(registry.cancel('y')).toBe(false)
    expect(registry.cancel('x', 'enough')).toBe(true)
    expect(registry.cancel('x')).toBe(false)
    expect(operation.reason).toMatchObject({ kind: 'manual', message: 'enough' })
    expect(thrown(() => registry.cancel('x', 1 as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  })

  test('row 126: ten thousand by a pattern, the loop turning after each batch', async () => {
    const own = new OperationRegistry()
    const runs = Array.from({ length: 10_000 }, (_, i) =>
      Cancelable.run((cancel) => cancel.sleep('1h'), { name: i % 2 === 0 ? `job/${i}` : 'other', register: own }).catch(
        () => undefined,
      ),
    )
    expect(own.size).toBe(10_000)
    const canceled = (): number => own.statistics().byStatus.canceled + own.statistics().ended.total
    let most = 0
    let turns = 0
    const canceling = own.cancelAll({ name: 'job/*' }, { reason: 'stop', batch: 50 })
    for (let before = 0; before < 5000; turns++) {
      await turn()
      most = Math.max(most, canceled() - before)
      before = canceled()
    }
    expect(await canceling).toBe(5000)
    expect(turns).toBeGreaterThan(100)
    // Half of each batch matches; a turn of this test may fall behind by one.
    expect(most).toBeLessThanOrEqual(100)
    expect(own.statistics().reasons).toEqual({ manual: 5000 })
    expect(await own.cancelAll()).toBe(5000)
    await Promise.all(runs)
    expect(own.size).toBe(0)
  })

  test('a parent that matches does not cancel all of its children in one turn', async () => {
    const own = new OperationRegistry()
    const parent = enter({ name: 'job', register: own })
    const children = Array.from({ length: 1000 }, () => enter({ name: 'job', parent, register: own }))
    const canceling = own.cancelAll({ name: 'job' }, { batch: 10 })
    expect(children.filter((each) => each.isCanceled).length).toBeLessThanOrEqual(10)
    expect(parent.isCanceled).toBe(false)
    expect(await canceling).toBe(1001)
    expect(children.every((each) => each.reason!.kind === 'manual')).toBe(true)
  })

  test('operations that come or end meanwhile', async () => {
    const own = new OperationRegistry()
    const all = Array.from({ length: 10 }, (_, i) => enter({ name: `${i}`, register: own }))
    const canceling = own.cancelAll({}, { batch: 2 })
    const late = enter({ name: 'late', register: own })
    for (const each of [4, 5, 6]) all[each]![Symbol.dispose]()
    expect(await canceling).toBe(7)
    expect(late.isCanceled).toBe(false)
    expect(all[0]!.isCanceled).toBe(true)
  })

  test('an error of the filter rejects', async () => {
    const own = new OperationRegistry()
    const operation = enter({ register: own })
    const bad = own.cancelAll({
      where: ({ name }) => {
        if (name === undefined) throw new Error('bad filter')
        return true
      },
    })
    expect(await rejection(bad)).toMatchObject({ message: 'bad filter' })
    expect(operation.isCanceled).toBe(false)
    expect(await own.cancelAll()).toBe(1)
  })
})

describe('what has ended', () => {
  test('row 127: a ring of records, the newest first', async () => {
    const own = new OperationRegistry({ history: 3 })
    for (let i = 0; i < 5; i++) {
      await rejection(
        Cancelable.run(() => Promise.reject(new Error(`failed ${i}`)), {
          id: `id ${i}`,
          name: `${i}`,
          register: own,
          metadata: { i },
        }),
      )
    }
    expect(names(own.history())).toEqual(['4', '3', '2'])
    expect(own.history({ limit: 1 })[0]).toEqual({
      id: 'id 4',
      name: '4',
      status: 'failed',
      parentId: undefined,
      startedAt: expect.any(Number),
      endedAt: expect.any(Number),
      elapsed: expect.any(Number),
      reason: undefined,
      metadata: { i: 4 },
      error: 'failed 4',
    })
    expect(own.history({ limit: 0 })).toEqual([])
    expect(names(own.history({ metadata: { i: 3 } }))).toEqual(['3'])
    expect(own.history({ status: 'completed' })).toEqual([])
    expect(own.history({ olderThan: '1h' })).toEqual([])
    own.historySize = 2
    expect(names(own.history())).toEqual(['4', '3'])
    await Cancelable.run(() => 1, { name: '5', register: own })
    expect(names(own.history())).toEqual(['5', '4'])
    own.clearHistory()
    expect(own.history()).toEqual([])
    own.historySize = 0
    await Cancelable.run(() => 1, { register: own })
    expect(own.history()).toEqual([])
  })

  test('row 129: statistics', async () => {
    const own = new OperationRegistry()
    expect(own.statistics().duration).toEqual({ mean: NaN, p50: NaN, p90: NaN, p99: NaN, max: NaN })
    await Cancelable.run((cancel) => cancel.sleep(2), { register: own })
    await rejection(Cancelable.run((cancel) => cancel.sleep('1h'), { register: own, timeout: 1 }))
    enter({ register: own })
    const { active, ended, reasons, duration } = own.statistics()
    expect({ active, ended, reasons }).toEqual({
      active: 1,
      ended: { total: 2, completed: 1, failed: 0, canceled: 1, disposed: 0, abandoned: 0 },
      reasons: { timeout: 1 },
    })
    expect(duration.max).toBeGreaterThanOrEqual(duration.p50)
    expect(duration.mean).toBeGreaterThan(0)
  })

  test('onSettled: every end, blocks included; a listener that fails affects no other', async () => {
    const own = new OperationRegistry()
    const seen: unknown[] = []
    const warned = new Promise((resolve) => process.once('warning', resolve))
    own.onSettled(() => {
      throw new Error('listener')
    })
    const subscription = own.onSettled(({ name, status }) => seen.push([name, status]))
    await Cancelable.run(() => 1, { name: 'run', register: own })
    new Cancelable({ name: 'block', register: own }).enter().complete()
    {
      using _left = new Cancelable({ name: 'left', register: own }).enter()
    }
    subscription[Symbol.dispose]()
    await Cancelable.run(() => 1, { name: 'later', register: own })
    expect(seen).toEqual([
      ['run', 'completed'],
      ['block', 'completed'],
      ['left', 'disposed'],
    ])
    expect(String(await warned)).toContain('settled listener "run" failed')
    expect(thrown(() => own.onSettled('x' as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  })
})
