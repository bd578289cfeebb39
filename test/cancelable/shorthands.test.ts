/** Options in every form: shorthands beside options, getters, inherited ones, and what is no options at all. */
import { describe, expect, test } from 'vitest'
import { Cancelable, CancelationToken, cancelable, cancelableStream, every, guard, run } from '../../src/index.js'
import { never, rejection, thrown } from './helpers.js'

describe('a source given twice', () => {
  test('is two sources, of which either cancels', async () => {
    for (const canceled of [0, 1] as const) {
      const [one, two] = [new CancelationToken(), new CancelationToken()]
      const both = Cancelable.withToken(one, { token: two }).enter()
      const several = Cancelable.withToken([one], { token: [two] }).enter()
      ;[one, two][canceled]!.cancel('stop')
      expect([both.isCanceled, several.isCanceled]).toEqual([true, true])
    }
    for (const aborted of [0, 1]) {
      const controllers = [new AbortController(), new AbortController(), new AbortController()]
      const [first, second, third] = controllers.map((each) => each.signal)
      const both = Cancelable.withAbortSignal(first!, { abortSignal: second!, signal: third! }).enter()
      controllers[aborted]!.abort()
      expect(both.reason).toMatchObject({ kind: 'abort' })
    }
    const conditions = Cancelable.withCondition(() => false, { condition: () => true, interval: 5 })
    expect(await rejection(conditions.run((cancel) => cancel.sleep('1h')))).toMatchObject({
      reason: { kind: 'condition' },
    })
    using signals = Cancelable.withSignal('SIGUSR2', { signals: ['SIGHUP'] }).enter()
    expect([process.listenerCount('SIGUSR2'), process.listenerCount('SIGHUP')]).toEqual([1, 1])
    expect(signals.isCanceled).toBe(false)
  })

  test('of two times, the shorter counts', () => {
    expect(Cancelable.withTimeout('1h', { timeout: 0 }).run.length).toBe(1)
    using short = Cancelable.withTimeout('1h', { timeout: '1m' }).enter()
    using long = Cancelable.withTimeout('1m', { timeout: '1h' }).enter()
    for (const each of [short, long]) expect(each.context.deadline! - each.context.startedAt!).toBeCloseTo(60_000)
    const [early, late] = [new Date(Date.now() + 60_000), new Date(Date.now() + 3_600_000)]
    using first = Cancelable.withDeadline(early, { deadline: late }).enter()
    using second = Cancelable.withDeadline(late, { deadline: early }).enter()
    for (const each of [first, second]) expect(each.context.deadline! - performance.now()).toBeLessThan(60_001)
  })

  test('a parent given twice is refused', () => {
    using parent = new Cancelable().enter()
    using other = new Cancelable().enter()
    expect(thrown(() => parent.child({ parent: other }))).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
    expect(thrown(() => parent.child({ parent: null }))).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
    expect(parent.child({ parent }).context.parentId).toBe(parent.context.id)
  })
})

test('a shorthand without its value is refused', () => {
  const shorthands = [
    'withTimeout',
    'withDeadline',
    'withToken',
    'withSignal',
    'withAbortSignal',
    'withResources',
    'withCondition',
  ]
  for (const name of shorthands) {
    const shorthand = Cancelable[name as 'withTimeout'] as unknown as () => Cancelable
    expect(
      thrown(() => shorthand()),
      name,
    ).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  }
  expect(thrown(() => Cancelable.withSignal([]))).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
})

describe('signal', () => {
  test('takes an AbortSignal, as fetch and Node do', async () => {
    const controller = new AbortController()
    const operation = Cancelable.run((cancel) => cancel.sleep('1h'), { signal: controller.signal })
    const wrapped = cancelable({ signal: [controller.signal] }, (cancel) => cancel.sleep('1h'))()
    const child = new Cancelable()
      .enter()
      .child({ signal: controller.signal })
      .run(() => never())
    controller.abort()
    for (const each of [operation, wrapped, child]) {
      expect(await rejection(each)).toMatchObject({ reason: { kind: 'abort' } })
    }
    expect(thrown(() => new Cancelable({ signal: 'SIGINT' as never }))).toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
      message: expect.stringContaining('"signal"') as string,
    })
  })

  test('of run, an AbortSignal cancels the command, and a name is the signal that ends it', async () => {
    const signal = AbortSignal.timeout(20)
    const { reason, sent } = await run('sleep', ['60'], { signal, stdio: 'ignore' })
    expect(reason).toMatchObject({ kind: 'abort' })
    expect(sent).toBe('SIGTERM')
  })
})

describe('options in other forms than a literal', () => {
  class WithGetter {
    get timeout(): number {
      return 0
    }
  }
  const inherited = Object.create({ timeout: 0 }) as object
  const forms: readonly [string, object][] = [
    ['a getter of a class', new WithGetter()],
    ['an inherited getter', new (class extends WithGetter {})()],
    ['an inherited option', inherited],
    ['an object without a prototype', Object.assign(Object.create(null) as object, { timeout: 0 })],
    ['a getter of a literal', Object.defineProperty({}, 'timeout', { get: () => 0, enumerable: true })],
  ]
  for (const [name, options] of forms) {
    test(`${name} counts, wherever options are taken`, async () => {
      const parent = new Cancelable().enter()
      const operations = [
        new Cancelable(options),
        parent.child(options),
        Cancelable.withTimeout('1h', options),
        Cancelable.withCondition(() => false, options),
        Cancelable.combine([parent], options),
      ]
      const runs = [
        ...operations.map((each) => each.run(() => 'ran')),
        Cancelable.run(() => 'ran', options),
        cancelable(options, () => 'ran')(),
        cancelableStream(['item'], options).next(),
        parent.task(() => 'ran', options),
      ]
      for (const each of runs) expect(await rejection(each)).toMatchObject({ reason: { kind: 'timeout' } })
    })
  }

  test('unknown options among them are refused by name', () => {
    class Typo {
      timeOut = 5
    }
    expect(thrown(() => new Cancelable(new Typo() as object))).toMatchObject({
      message: expect.stringContaining("Did you mean 'timeout'") as string,
    })
  })

  test('a misspelled option of chunks is compared with all that there are', () => {
    using cancel = new Cancelable().enter()
    expect(thrown(() => cancel.chunks([], 2, { maxWiat: 5 } as never))).toMatchObject({
      message: expect.stringContaining("Did you mean 'maxWait'"),
    })
    expect(thrown(() => cancelableStream([], { reportEvry: 5 } as never))).toMatchObject({
      message: expect.stringContaining("Did you mean 'reportEvery'"),
    })
    expect(thrown(() => cancelable({ injekt: false } as never))).toMatchObject({
      message: expect.stringContaining("Did you mean 'inject'"),
    })
  })

  test('options of streams and chunks', async () => {
    class Keep {
      get keep(): number {
        return 1
      }
    }
    await Cancelable.run(async (cancel) => {
      for await (const each of cancel.chunks([1, 2, 3], 2, new Keep())) void each
      expect(cancel.partialResult).toMatchObject({ items: [3] })
    })
  })
})

test('what is no options is refused, wherever options are taken', () => {
  using memory = guard({ memory: 99 })
  const nothings: readonly unknown[] = [
    AbortSignal.abort(),
    new AbortController(),
    new CancelationToken(),
    memory,
    new Cancelable(),
    new Map([['timeout', 5]]),
    new Set(),
    [],
    new Date(),
    Promise.resolve(),
    new Error('x'),
    /x/,
    new URL('http://x'),
    new Uint8Array(1),
    new (class Other {
      count(): number {
        return 5
      }
    })(),
    5,
    'text',
    null,
    () => undefined,
  ]
  using parent = new Cancelable().enter()
  for (const nothing of nothings as readonly never[]) {
    const calls: readonly (() => unknown)[] = [
      () => new Cancelable(nothing),
      () => Cancelable.withTimeout('1h', nothing),
      () => Cancelable.withCondition(() => false, nothing),
      () => parent.child(nothing),
      () => parent.task(() => 1, nothing),
      () => parent.stream([], nothing),
      () => parent.chunks([], 1, nothing),
      () => cancelable(nothing, () => 1),
      () => cancelableStream([], nothing),
      () => every(1000, () => undefined, nothing),
    ]
    for (const call of calls)
      expect(thrown(call), `${String(call)} ${String(nothing)}`).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  }
})

describe('resources is the name everywhere', () => {
  test('of a ticker, with guard as another name', async () => {
    using memory = guard({ memory: 99.9 })
    for (const options of [{ resources: memory }, { guard: memory }, { resources: memory, guard: memory }]) {
      await every('1h', () => undefined, { ...options, whileBreached: 'pause' }).close()
    }
    expect(thrown(() => every('1h', () => undefined, { resources: { memory: 99 }, guard: memory }))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    })
    expect(thrown(() => every('1h', () => undefined, { whileBreached: 'pause' }))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    })
  })

  test('of a command, with limits as another name', async () => {
    using memory = guard({ memory: 99.9 })
    for (const options of [
      { resources: { 'process.count': 99 } },
      { limits: { 'process.count': 99 } },
      { resources: memory },
    ]) {
      expect(await run('true', [], { ...options, stdio: 'ignore' })).toMatchObject({ status: 0 })
    }
    const both = run('true', [], { resources: { memory: 99 }, limits: { memory: 98 } })
    expect(await rejection(both)).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
    const paused = run('true', [], { resources: memory, onBreach: 'pause' })
    expect(await rejection(paused)).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
  })
})
