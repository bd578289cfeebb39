/** Rows 50 to 75 of docs/coming-from-python.md: sources. */
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  AbortSignalSource,
  allOf,
  anyOf,
  Cancelable,
  CancelationToken,
  ConditionCancelation,
  ConditionSource,
  ResourceSource,
  SignalCancelation,
  SignalSource,
  TimeoutSource,
  TokenSource,
  type CancelationReason,
  type CancelationSource,
  type CancelSink,
} from '../../src/index.js'
import { kTimerList, kExpire } from '../../src/engine/timers.js'
import { kHub } from '../../src/sources/token.js'
import { block, deferred, never, rejection, thrown, turns, until } from '../cancelable/helpers.js'
import { reportedErrors } from '../helpers/reported-errors.js'

/** A source for tests, which reports on request. */
class HandSource implements CancelationSource {
  readonly name = 'hand'
  readonly sinks = new Set<CancelSink>()
  armed = 0

  arm(sink: CancelSink): Disposable {
    this.armed++
    this.sinks.add(sink)
    return { [Symbol.dispose]: () => void this.sinks.delete(sink) }
  }

  report(message: string): boolean[] {
    const reason: CancelationReason = { kind: 'manual', message, at: performance.now() }
    return [...this.sinks].map((sink) => sink.cancel(reason))
  }
}

describe('a custom source', () => {
  test('rows 50 and 51: arm(sink) returns the function that disarms it; each use is independent', () => {
    const source = new HandSource()
    const a = new Cancelable({ sources: [source] }).enter()
    const b = new Cancelable({ sources: [source] }).enter()
    expect(source.sinks.size).toBe(2)
    a[Symbol.dispose]()
    expect(source.sinks.size).toBe(1)
    expect(source.report('now')).toEqual([true])
    expect(b.reason).toMatchObject({ message: 'now' })
    expect(source.sinks.size).toBe(0)
  })

  test('row 52: only the first report counts, and one after the end does nothing', () => {
    const source = new HandSource()
    const operation = new Cancelable({ sources: [source] }).enter()
    const [sink] = source.sinks
    expect(source.report('one')).toEqual([true])
    const reason: CancelationReason = { kind: 'manual', message: 'two', at: 0 }
    expect(sink!.cancel(reason)).toBe(false)
    expect(operation.reason).toMatchObject({ message: 'one' })
    const ended = new Cancelable({ sources: [source] }).enter()
    const [late] = source.sinks
    ended[Symbol.dispose]()
    expect(late!.cancel(reason)).toBe(false)
    expect(ended.isCanceled).toBe(false)
  })

  test('a source that reports while it is armed cancels before the body starts', async () => {
    let disarmed = 0
    const source: CancelationSource = {
      arm(sink) {
        sink.cancel({ kind: 'manual', message: 'at once', at: performance.now() })
        return { [Symbol.dispose]: () => void disarmed++ }
      },
    }
    let called = false
    const run = Cancelable.run(
      () => {
        called = true
      },
      { sources: [source] },
    )
    expect(await rejection(run)).toMatchObject({ message: 'at once' })
    expect(called).toBe(false)
    expect(disarmed).toBe(1)
  })

  test('row 74: a source that fails to stop is reported, and the other sources are stopped', () => {
    const errors = reportedErrors()
    const failure = new Error('stuck')
    const source: CancelationSource = {
      name: 'valve',
      arm: () => ({
        [Symbol.dispose]() {
          throw failure
        },
      }),
    }
    const hand = new HandSource()
    new Cancelable({ sources: [source, hand] }).enter()[Symbol.dispose]()
    expect(errors).toEqual([{ error: failure, origin: 'source "valve"' }])
    expect(hand.sinks.size).toBe(0)
  })

  test('row 75: a source may be added before or after the start; afterwards it is armed at once', () => {
    const before = new HandSource()
    const after = new HandSource()
    const operation = new Cancelable().addSource(before)
    expect(before.armed).toBe(0)
    operation.enter()
    expect(before.armed).toBe(1)
    operation.addSource(after)
    expect(after.armed).toBe(1)
    after.report('after')
    expect(operation.reason).toMatchObject({ message: 'after' })
    expect(before.sinks.size + after.sinks.size).toBe(0)
    expect(operation.addSource(before)).toBe(operation)
    expect(before.armed).toBe(1)
    expect(thrown(() => operation.addSource({} as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  })

  test('an added source that already has a reason cancels at once', () => {
    const token = new CancelationToken()
    token.cancel('already')
    const operation = new Cancelable().enter().addSource(new TokenSource(token))
    expect(operation.reason).toMatchObject({ message: 'already' })
  })
})

describe('timeouts', () => {
  test('row 53: the shortest of several timeouts counts, as a number or a string', async () => {
    const operation = new Cancelable({ timeout: '1m', sources: [new TimeoutSource(5), new TimeoutSource('1h')] })
    expect(await rejection(operation.run(() => never()))).toMatchObject({ reason: { kind: 'timeout', timeout: 5 } })
    const combined = Cancelable.withTimeout(5).combine(Cancelable.withTimeout('1m'))
    expect(await rejection(combined.run(() => never()))).toMatchObject({ reason: { timeout: 5 } })
  })

  test('0 times out at once, Infinity never, more than 2^31 ms works, NaN and negative numbers are errors', async () => {
    expect(await rejection(Cancelable.run(() => 1, { timeout: 0 }))).toMatchObject({ name: 'TimeoutError' })
    expect(await Cancelable.run(() => 1, { timeout: Infinity })).toBe(1)
    expect(await Cancelable.run((cancel) => cancel.sleep(3), { timeout: 2 ** 31 + 5 })).toBeUndefined()
    expect(await Cancelable.run((cancel) => cancel.sleep(3), { timeout: '30d' })).toBeUndefined()
    for (const timeout of [Number.NaN, -1, '-5s', {}, null]) {
      expect(() => new Cancelable({ timeout: timeout as never })).toThrow(/timeout/)
      expect(() => new TimeoutSource(timeout as never)).toThrow(/timeout/)
    }
    expect(new TimeoutSource(Infinity).timeout).toBe(Infinity)
    const duration = { [Symbol.toStringTag]: 'Temporal.Duration', total: () => 5 }
    expect(await rejection(Cancelable.run(() => never(), { timeout: duration }))).toMatchObject({
      reason: { timeout: 5 },
    })
  })

  test('timeouts never fire early, and fire in the order in which they are due', async () => {
    const order: number[] = []
    const ends: Promise<unknown>[] = []
    for (const timeout of [400, 10, 20, 10, 1, 0.25]) {
      const start = performance.now()
      const operation = new Cancelable({ timeout }).onCancel((reason) => {
        order.push(timeout)
        expect(reason.at - start).toBeGreaterThanOrEqual(timeout)
      })
      ends.push(rejection(operation.run(() => never())))
    }
    await Promise.all(ends)
    expect(order.toSorted((a, b) => a - b)).toEqual([0.25, 1, 10, 10, 20, 400])
    expect(order.indexOf(400)).toBe(5)
  })

  test("when the loop was blocked, a parent's time is found to have run out before its child's", async () => {
    const parent = new Cancelable({ timeout: 5 }).enter()
    const child = parent.child({ timeout: 8 }).enter()
    block(15)
    await until(() => child.reason !== undefined)
    expect(child.reason).toMatchObject({ kind: 'parent', parent: { timeout: 5 } })
  })

  test('rows 54 and 165: extend() moves the timeout or removes it, as a watchdog needs', async () => {
    const operation = new Cancelable({ timeout: 20 }).enter()
    operation.extend('1h')
    block(25)
    expect(operation.isCanceled).toBe(false)
    operation.extend(Infinity)
    expect(operation.context.deadline).toBeUndefined()
    operation.extend(2)
    await until(() => operation.reason !== undefined)
    expect(operation.reason).toMatchObject({ kind: 'timeout', timeout: 2 })
    operation.extend('1h')
    expect(operation.reason).toMatchObject({ timeout: 2 })
    expect(() => operation.extend(-1)).toThrow(RangeError)
    const pending = new Cancelable()
    pending.extend(0)
    expect(await rejection(pending.run(() => 1))).toMatchObject({ name: 'TimeoutError' })
    const now = new Cancelable().enter()
    now.extend(0)
    expect(now.reason).toMatchObject({ kind: 'timeout', timeout: 0 })
  })

  test('row 157: deadlines: the earlier of the two counts, and an inherited one is the parent’s', async () => {
    const soon = new Date(Date.now() + 5)
    const late = new Date(Date.now() + 3_600_000)
    expect(await rejection(Cancelable.run(() => never(), { deadline: soon, timeout: '1h' }))).toMatchObject({
      name: 'TimeoutError',
    })
    expect(await rejection(Cancelable.run(() => never(), { deadline: late, timeout: 5 }))).toMatchObject({
      reason: { timeout: 5 },
    })
    expect(await rejection(Cancelable.run(() => 1, { deadline: new Date(0) }))).toMatchObject({ name: 'TimeoutError' })
    const instant = { [Symbol.toStringTag]: 'Temporal.Instant', epochMilliseconds: Date.now() + 5 }
    expect(await rejection(Cancelable.withDeadline(instant).run(() => never()))).toMatchObject({ name: 'TimeoutError' })
    const parent = new Cancelable({ timeout: 5 }).enter()
    const child = parent.child({ timeout: '1h' }).enter()
    expect(child.context.deadline).toBe(parent.context.deadline)
    await until(() => child.reason !== undefined)
    expect(child.reason).toMatchObject({ kind: 'parent', parent: { kind: 'timeout' } })
  })
})

describe('the wall clock', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  test('a deadline follows it: it has passed after a suspend or a step forwards, but not after a step back', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const deadline = new Date(Date.now() + 3_600_000)
    const operation = new Cancelable({ deadline }).enter()
    expect(operation.isCanceled).toBe(false)
    // Simulates the check that the timer makes every half minute.
    operation[kExpire]()
    expect(operation.reason).toBeUndefined()
    expect(operation[kTimerList]).not.toBeNull()
    vi.setSystemTime(deadline.getTime() - 7_200_000)
    expect(operation.isCanceled).toBe(false)
    expect(operation.context.deadline).toBeGreaterThan(performance.now() + 7_000_000)
    vi.setSystemTime(deadline.getTime() + 1)
    const waiting = new Cancelable({ parent: operation, deadline: new Date(Date.now() + 60_000) }).enter()
    expect(waiting.isCanceled).toBe(true)
    expect(operation.reason).toMatchObject({ kind: 'timeout', timeout: 3_600_000 })

    const other = new Cancelable({ deadline: new Date(Date.now() + 3_600_000) }).enter()
    vi.setSystemTime(Date.now() + 3_600_000)
    other[kExpire]()
    expect(other.reason).toMatchObject({ kind: 'timeout' })
  })
})

describe('OS signals', () => {
  test('rows 55 to 57: one listener per signal, removed with the last operation', async () => {
    const before = process.listenerCount('SIGUSR2')
    const operations = [0, 1, 2].map(() => new Cancelable({ signals: ['SIGUSR2', 'SIGHUP'] }).enter())
    expect(process.listenerCount('SIGUSR2')).toBe(before + 1)
    operations[0]![Symbol.dispose]()
    expect(process.listenerCount('SIGUSR2')).toBe(before + 1)
    process.kill(process.pid, 'SIGUSR2')
    await until(() => operations[1]!.isCanceled)
    expect(operations.map((each) => each.isCanceled)).toEqual([false, true, true])
    expect(operations[1]!.reason).toMatchObject({ kind: 'signal', signal: 'SIGUSR2', message: 'Received SIGUSR2' })
    expect(operations[1]!.reason).toBe(operations[2]!.reason)
    expect(thrown(() => operations[1]!.throwIfCanceled())).toBeInstanceOf(SignalCancelation)
    expect(process.listenerCount('SIGUSR2')).toBe(before)
    expect(process.listenerCount('SIGHUP')).toBe(0)
  })

  test('the end of an operation removes the listeners of all signals of its source', () => {
    const signals = ['SIGUSR2', 'SIGHUP'] as const
    const before = signals.map((signal) => process.listenerCount(signal))
    const operation = new Cancelable({ sources: [new SignalSource(...signals)] }).enter()
    const armed = signals.map((signal) => process.listenerCount(signal))
    expect(armed).toEqual(before.map((count) => count + 1))
    operation[Symbol.dispose]()
    expect(signals.map((signal) => process.listenerCount(signal))).toEqual(before)
  })

  test('they can be given by the shorthand and as a source; unknown and uncatchable signals are refused', () => {
    using one = Cancelable.withSignal('SIGUSR2').enter()
    expect(process.listenerCount('SIGUSR2')).toBe(1)
    expect(one.isCanceled).toBe(false)
    const source = new SignalSource('SIGUSR2', 'SIGHUP')
    expect(source.name).toBe('SIGUSR2, SIGHUP')
    for (const bad of [['SIGKILL'], ['SIGSTOP'], ['SIGFOO'], []] as never[]) {
      expect(() => new SignalSource(...(bad as [never]))).toThrow(TypeError)
    }
  })

  test('in a worker, where no signal arrives, arming fails', async () => {
    // The built package: a worker cannot load TypeScript.
    const url = new URL('../../dist/index.js', import.meta.url).href
    const worker = new Worker(
      `import(${JSON.stringify(url)}).then(({ Cancelable }) => Cancelable.run(() => 1, { signals: ['SIGINT'] }))
        .then(() => 'ran', (error) => error.code)
        .then((result) => require('node:worker_threads').parentPort.postMessage(result))`,
      { eval: true },
    )
    const result = await new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
    expect(result).toBe('ERR_INVALID_ARG_VALUE')
    await worker.terminate()
  })
})

describe('conditions', () => {
  test('rows 58 and 61: it is checked from the start on, and only true cancels', async () => {
    let called = false
    const run = Cancelable.run(
      () => {
        called = true
      },
      { condition: () => true },
    )
    expect(await rejection(run)).toBeInstanceOf(ConditionCancelation)
    expect(called).toBe(false)
    let checks = 0
    const condition = { check: () => (++checks === 3 ? true : ('truthy' as never)), interval: 1, name: 'third' }
    expect(await rejection(Cancelable.run(() => never(), { condition }))).toMatchObject({
      reason: { kind: 'condition', condition: 'third', checks: 3, message: "The condition 'third' held" },
    })
  })

  test('row 58: a promise is awaited, and a check never overlaps the one before', async () => {
    let running = 0
    let most = 0
    let checks = 0
    const check = async (): Promise<boolean> => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, 5))
      running--
      return ++checks === 3
    }
    const error = await rejection(Cancelable.run(() => never(), { condition: { check, interval: 1 } }))
    expect(error).toMatchObject({ reason: { condition: 'check', checks: 3 } })
    expect(most).toBe(1)
  })

  test('row 59: a check that fails is reported once and goes on, or cancels if the option says so', async () => {
    const errors = reportedErrors()
    const failure = new Error('sensor')
    let checks = 0
    const check = (): boolean => {
      if (++checks < 4) throw failure
      return true
    }
    const run = Cancelable.run(() => never(), { condition: { check, interval: 1, name: 'probe' } })
    expect(await rejection(run)).toMatchObject({ reason: { checks: 4 } })
    expect(errors).toEqual([{ error: failure, origin: 'condition "probe"' }])
    const rejecting = { check: () => Promise.reject(failure), onError: 'cancel' as const }
    expect(await rejection(Cancelable.run(() => never(), { condition: rejecting }))).toMatchObject({
      reason: { kind: 'error', cause: failure },
    })
  })

  test('row 60: leaving never waits for a check, and its late result is dropped', async () => {
    const slow = deferred<boolean>()
    const operation = new Cancelable({ condition: () => slow.promise })
    expect(await operation.run(() => 'done')).toBe('done')
    slow.resolve(true)
    await turns(2)
    expect(operation.isCanceled).toBe(false)
  })

  test('row 62: the shorthand takes a condition with its interval and name', async () => {
    const operation = Cancelable.withCondition(() => true, { interval: 5, name: 'full', timeout: '1m' })
    expect(operation.context.name).toBe('full')
    expect(await rejection(operation.run(() => 1))).toMatchObject({ reason: { condition: 'full' } })
    expect(() => new ConditionSource({ check: () => true, interval: 0 })).toThrow(RangeError)
    expect(() => new ConditionSource({ check: () => true, onError: 'explode' as never })).toThrow(TypeError)
  })
})

describe('a foreign AbortSignal', () => {
  test('rows 72 and 158: cancels with its own reason as the cause', async () => {
    const controller = new AbortController()
    const run = Cancelable.run(() => never(), { abortSignal: controller.signal })
    const why = new Error('gone')
    controller.abort(why)
    expect(await rejection(run)).toMatchObject({ reason: { kind: 'abort', cause: why, message: 'Aborted: gone' } })
    for (const reason of [undefined, null, 'text', 5]) {
      const aborted = await rejection(Cancelable.run(() => 1, { abortSignal: AbortSignal.abort(reason) }))
      expect(aborted).toMatchObject({ reason: { kind: 'abort' } })
    }
  })

  test('one listener per signal, however many operations, removed with the last', () => {
    let listeners = 0
    const signal = {
      aborted: false,
      reason: undefined,
      addEventListener: () => void listeners++,
      removeEventListener: () => void listeners--,
    } as unknown as AbortSignal
    const operations = Array.from({ length: 50 }, () => new Cancelable({ abortSignal: signal }).enter())
    expect(listeners).toBe(1)
    for (const each of operations) each[Symbol.dispose]()
    expect(listeners).toBe(0)
  })
})

/** Every kind of source, and how to make it report. */
function everyKind(): [CancelationSource, () => void][] {
  const token = new CancelationToken()
  const controller = new AbortController()
  const hand = new HandSource()
  let held = false
  return [
    [new TokenSource(token), () => token.cancel('token')],
    [new TimeoutSource(5), () => undefined],
    [new AbortSignalSource(controller.signal), () => controller.abort()],
    [new SignalSource('SIGUSR2'), () => process.kill(process.pid, 'SIGUSR2')],
    [
      new ConditionSource({ check: () => held, interval: 1 }),
      () => {
        held = true
      },
    ],
    [hand, () => hand.report('hand')],
  ]
}

describe('composites', () => {
  test('row 69: anyOf cancels with the reason of the first part, for every kind of source', async () => {
    for (const [source, trigger] of everyKind()) {
      const operation = new Cancelable({ sources: [anyOf(source, new TokenSource(new CancelationToken()))] })
      const run = operation.run(() => never())
      // On a busy machine a short timeout may have run out by now; no other source can have reported.
      expect(operation.reason?.kind ?? 'timeout').toBe('timeout')
      trigger()
      await rejection(run)
      expect(operation.reason!.kind).not.toBe('all')
    }
    expect(process.listenerCount('SIGUSR2')).toBe(0)
  })

  test('a composite that comes true while it is armed counts once in the one around it', () => {
    const first = new CancelationToken()
    const second = new CancelationToken()
    const cancels: CancelationSource = {
      arm: () => {
        first.cancel('while armed')
        return { [Symbol.dispose]: () => undefined }
      },
    }
    const operation = new Cancelable({ sources: [allOf(anyOf(first, cancels), second)] }).enter()
    expect(operation.reason).toBeUndefined()
    second.cancel('later')
    expect(operation.reason).toMatchObject({ causes: [{ message: 'while armed' }, { message: 'later' }] })
  })

  test('row 70: allOf latches each part, and has their reasons in the order of arrival', async () => {
    const kinds = everyKind()
    const operation = new Cancelable({ sources: [allOf(...kinds.map(([source]) => source))] }).enter()
    for (const [, trigger] of kinds) {
      expect(operation.reason).toBeUndefined()
      trigger()
      await turns()
    }
    await until(() => operation.reason !== undefined)
    const { reason } = operation
    expect(reason?.kind).toBe('all')
    const causes = reason?.kind === 'all' ? reason.causes : []
    expect(causes.map((each) => each.kind).toSorted((a, b) => a.localeCompare(b))).toEqual([
      'abort',
      'condition',
      'manual',
      'manual',
      'signal',
      'timeout',
    ])
    const times = causes.map((each) => each.at)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(process.listenerCount('SIGUSR2')).toBe(0)
  })

  test('row 71: composites can be nested to any depth', () => {
    const [a, b, c] = [new CancelationToken(), new CancelationToken(), new CancelationToken()]
    const operation = new Cancelable({ sources: [allOf(anyOf(a, b), anyOf(allOf(b, c), c))] }).enter()
    a.cancel('a')
    expect(operation.isCanceled).toBe(false)
    c.cancel('c')
    expect(operation.reason).toMatchObject({ kind: 'all', causes: [{ message: 'a' }, { message: 'c' }] })
    expect(b[kHub].head).toBeNull()

    const root = new CancelationToken()
    let deep: CancelationSource = new TokenSource(root)
    for (let i = 0; i < 2000; i++) deep = i % 2 === 0 ? anyOf(deep) : allOf(deep)
    const below = new Cancelable({ sources: [deep] }).enter()
    root.cancel()
    expect(below.isCanceled).toBe(true)
  })

  test('tokens and AbortSignals can be parts; a composite without parts is an error', () => {
    const controller = new AbortController()
    const operation = new Cancelable({ sources: [anyOf(new CancelationToken(), controller.signal)] }).enter()
    controller.abort()
    expect(operation.reason).toMatchObject({ kind: 'abort' })
    expect(() => anyOf()).toThrow(/at least one source/)
    expect(() => allOf()).toThrow(/at least one source/)
    expect(() => anyOf(5 as never)).toThrow(TypeError)
    expect(() => new ResourceSource({ memry: 5 } as never)).toThrow(/memory/)
  })

  test('row 73: a part that cannot be armed fails the start, and the others are disarmed', async () => {
    const hand = new HandSource()
    const token = new CancelationToken()
    const broken: CancelationSource = {
      arm() {
        throw new Error('broken')
      },
    }
    const run = Cancelable.run(() => 1, { sources: [allOf(hand, token, anyOf(broken))] })
    expect(await rejection(run)).toMatchObject({ message: 'broken' })
    expect(hand.sinks.size).toBe(0)
    expect(token[kHub].head).toBeNull()
  })

  test('a part of allOf that has reported is disposed of at once, while the others are still awaited', () => {
    const [first, second] = [new HandSource(), new HandSource()]
    using operation = new Cancelable({ sources: [allOf(first, second)] }).enter()
    expect(first.report('first')).toEqual([true])
    expect([first.sinks.size, second.sinks.size]).toEqual([0, 1])
    expect(operation.isCanceled).toBe(false)
    second.report('second')
    expect(second.sinks.size).toBe(0)
    expect(operation.reason).toMatchObject({ kind: 'all', causes: [{ message: 'first' }, { message: 'second' }] })
  })

  test('a composite is disposed of with its operation', () => {
    const hand = new HandSource()
    const token = new CancelationToken()
    const operation = new Cancelable({ sources: [allOf(hand, token), anyOf(hand, token)] }).enter()
    expect(hand.sinks.size).toBe(2)
    operation[Symbol.dispose]()
    expect(hand.sinks.size).toBe(0)
    expect(token[kHub].head).toBeNull()
  })

  test('any built-in source can be armed by a foreign sink', async () => {
    for (const [source, trigger] of everyKind()) {
      const reported = deferred<CancelationReason>()
      using _armed = source.arm({
        cancel(reason) {
          reported.resolve(reason)
          return true
        },
      })
      trigger()
      expect(Object.isFrozen(await reported.promise) || source instanceof HandSource).toBe(true)
    }
  })

  test('a foreign sink gets the reason that a source has already', () => {
    const token = new CancelationToken()
    token.cancel('early')
    const reasons: unknown[] = []
    using _ = new TokenSource(token).arm({ cancel: (reason) => reasons.push(reason) > 0 })
    expect(reasons).toEqual([token.reason])
  })

  test('a foreign source that cancels its operation by itself while it is armed is let go of', () => {
    let released = 0
    const arm = (): Disposable => {
      operation.cancel('while it is armed')
      return { [Symbol.dispose]: () => void released++ }
    }
    const operation: Cancelable = new Cancelable({ sources: [{ arm }] })
    expect(thrown(() => operation.enter())).toMatchObject({ message: 'while it is armed' })
    expect(released).toBe(1)
  })
})
