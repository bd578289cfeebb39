/** Types that the compiler must infer or refuse, checked by compiling this file. */
import { describe, expect, expectTypeOf, test } from 'vitest'
import {
  cancelable,
  Cancelable,
  cancelableStream,
  CancelationToken,
  TimeoutCancelation,
  type AllReason,
  type Breach,
  type CancelableOptions,
  type CancelationError,
  type CancelationReason,
  type IdleReason,
  type TimeoutReason,
} from '../../src/index.js'

/** Every kind is handled, or this does not compile. */
function explain(reason: CancelationReason): string {
  switch (reason.kind) {
    case 'timeout':
      expectTypeOf(reason).toEqualTypeOf<TimeoutReason>()
      return String(reason.timeout)
    case 'idle':
      expectTypeOf(reason).toEqualTypeOf<IdleReason>()
      return String(reason.idle)
    case 'manual':
      expectTypeOf(reason.by).toEqualTypeOf<string | undefined>()
      return reason.message
    case 'signal':
      expectTypeOf(reason.signal).toEqualTypeOf<NodeJS.Signals>()
      return reason.signal
    case 'condition':
      return `${reason.condition} ${reason.checks}`
    case 'resource':
      expectTypeOf(reason.breach).toEqualTypeOf<Breach>()
      return reason.guard
    case 'custom':
      expectTypeOf(reason.data).toEqualTypeOf<unknown>()
      return reason.message
    case 'abort':
    case 'error':
      expectTypeOf(reason.cause).toEqualTypeOf<unknown>()
      return reason.message
    case 'oom':
      return reason.origin
    case 'parent':
      expectTypeOf(reason.parent).toEqualTypeOf<CancelationReason | undefined>()
      return reason.parentId
    case 'all':
      expectTypeOf(reason).toEqualTypeOf<AllReason>()
      return String(reason.causes.length)
  }
}

describe('types', () => {
  test('reasons narrow by kind', () => {
    expect(explain({ kind: 'manual', message: 'x', at: 0 })).toBe('x')
    // @ts-expect-error a timeout reason needs its own fields
    const bad: CancelationReason = { kind: 'timeout', message: 'x', at: 0 }
    // @ts-expect-error reasons are read-only
    bad.message = 'y'
    expectTypeOf<TimeoutCancelation['reason']>().toEqualTypeOf<TimeoutReason>()
    expectTypeOf<CancelationError['reason']>().toEqualTypeOf<CancelationReason>()
  })

  test('misspelled and wrong options do not compile', () => {
    // @ts-expect-error misspelled
    expect(() => new Cancelable({ timout: 5 })).toThrow(TypeError)
    // @ts-expect-error wrong type
    expect(() => new Cancelable({ token: 5 })).toThrow(TypeError)
    // @ts-expect-error no such signal
    expect(() => new Cancelable({ signals: ['SIGFOO'] })).toThrow(TypeError)
    // @ts-expect-error no such metric
    expect(() => new Cancelable({ resources: { memry: 5 } })).toThrow(TypeError)
    // @ts-expect-error misspelled
    expect(() => new Cancelable().stream([], { kep: 1 })).toThrow(TypeError)
    const fine: CancelableOptions = { timeout: '5s', grace: 5, token: [new CancelationToken()] }
    expect(new Cancelable(fine).context.status).toBe('pending')
  })

  test('a run resolves with the result of its body', async () => {
    expectTypeOf(Cancelable.run(() => 5)).toEqualTypeOf<Promise<number>>()
    expectTypeOf(Cancelable.run(async (cancel) => cancel.race(Promise.resolve('x')))).toEqualTypeOf<Promise<string>>()
    expectTypeOf(Cancelable.run((cancel) => cancel.shield(() => true))).toEqualTypeOf<Promise<boolean>>()
    const fn = cancelable({}, (cancel, a: number, b?: string) => `${a}${b}${cancel.isCanceled}`)
    expectTypeOf(fn).toEqualTypeOf<(a: number, b?: string) => Promise<string>>()
    expect(await fn(1, 'x')).toBe('1xfalse')
    for await (const item of cancelableStream([1, 2])) expectTypeOf(item).toEqualTypeOf<number>()
    for await (const item of new Cancelable().enter().chunks(['a'], 2)) expectTypeOf(item).toEqualTypeOf<string[]>()
  })

  test('the context is read-only', () => {
    const { context } = new Cancelable()
    // @ts-expect-error read-only
    expect(() => (context.status = 'running')).toThrow(TypeError)
  })
})
