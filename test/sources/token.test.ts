/** Rows 38 to 49 of docs/coming-from-python.md: tokens. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import {
  Cancelable,
  CancelationError,
  CancelationToken,
  ManualCancelation,
  TimeoutCancelation,
  TokenSource,
} from '../../src/index.js'
import { kHub } from '../../src/sources/token.js'
import { never, rejection, thrown, turns } from '../cancelable/helpers.js'
import { reportedErrors } from '../helpers/reported-errors.js'

describe('a token', () => {
  test('rows 38 and 43: says whether, why and when it was canceled', () => {
    const token = new CancelationToken()
    expect(token.isCanceled).toBe(false)
    expect(token.reason).toBeUndefined()
    const before = performance.now()
    token.cancel('enough')
    expect(token.isCanceled).toBe(true)
    expect(token.reason).toMatchObject({ kind: 'manual', message: 'enough' })
    expect(token.reason!.at).toBeGreaterThanOrEqual(before)
    expect(Object.isFrozen(token.reason)).toBe(true)
  })

  test('row 39: the first one wins; a plain string is a reason', async () => {
    const token = new CancelationToken()
    const run = Cancelable.run(() => never(), { token })
    expect(token.cancel('User stopped')).toBe(true)
    expect(token.cancel('again')).toBe(false)
    expect(await rejection(run)).toMatchObject({ message: 'User stopped' })
    expect(thrown(() => new CancelationToken().cancel({ kind: 'moon' }))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    })
  })

  test('row 40: canceling is synchronous', () => {
    const token = new CancelationToken()
    const operation = new Cancelable({ token }).enter()
    token.cancel()
    expect(operation.isCanceled).toBe(true)
  })

  test('row 41: whenCanceled resolves with the reason, also afterwards', async () => {
    const token = new CancelationToken()
    const waiting = token.whenCanceled()
    token.cancel('now')
    expect(await waiting).toBe(token.reason)
    expect(await token.whenCanceled()).toBe(token.reason)
  })

  test('rows 33 and 42: each check throws the same error, whose class depends on the reason', () => {
    const token = new CancelationToken()
    token.throwIfCanceled()
    token.cancel('x')
    const error = thrown(() => token.throwIfCanceled())
    expect(error).toBeInstanceOf(ManualCancelation)
    expect(thrown(() => token.throwIfCanceled())).toBe(error)
    const timed = new CancelationToken()
    timed.cancel({ kind: 'timeout', message: 'late', at: 1, timeout: 5, deadline: 1 })
    expect(thrown(() => timed.throwIfCanceled())).toBeInstanceOf(TimeoutCancelation)
  })

  test('rows 44 and 45: listeners are called with the reason, at once after a cancelation, and can be removed', () => {
    const token = new CancelationToken()
    const seen: string[] = []
    token.onCancel((reason) => seen.push(`a ${reason.message}`))
    const off = token.onCancel(() => seen.push('b'))
    token.onCancel(() => seen.push('c'))
    off[Symbol.dispose]()
    off[Symbol.dispose]()
    token.cancel('x')
    expect(seen).toEqual(['a x', 'c'])
    token.onCancel(() => seen.push('late'))
    expect(seen).toEqual(['a x', 'c', 'late'])
    expect(token[kHub].head).toBeNull()
    expect(thrown(() => token.onCancel(5 as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  })

  test('a listener is released once it has been called, also while its subscription is kept', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const token = new CancelationToken()
    const listen = (): [Disposable, WeakRef<object>] => {
      const held = {}
      return [token.onCancel(() => held), new WeakRef(held)]
    }
    const [subscription, held] = listen()
    token.cancel()
    for (let round = 0; held.deref() !== undefined && round < 100; round++) {
      await turns()
      collect()
    }
    expect(held.deref()).toBeUndefined()
    subscription[Symbol.dispose]()
  })

  test('row 44: a listener that throws or rejects is reported, and the others are called', async () => {
    const messages = reportedErrors()
    const token = new CancelationToken()
    let called = false
    const first = new Error('first')
    const second = new Error('second')
    token.onCancel(() => {
      throw first
    })
    token.onCancel(() => Promise.reject(second))
    token.onCancel(() => {
      called = true
    })
    token.cancel()
    await turns()
    expect(called).toBe(true)
    expect(messages).toEqual([
      { error: first, origin: 'cancel listener' },
      { error: second, origin: 'cancel listener' },
    ])
  })

  test('row 46: tokens are compared by identity', () => {
    const tokens = new Set([new CancelationToken(), new CancelationToken()])
    expect(tokens.size).toBe(2)
    for (const token of tokens) token.cancel('same')
    expect(tokens.size).toBe(2)
  })

  test('row 47: any of several tokens, with the reason of the first; cycles are harmless', () => {
    const a = new CancelationToken()
    const b = new CancelationToken()
    const any = CancelationToken.any(a, b)
    const of = CancelationToken.any(any, a)
    b.cancel('b')
    expect(any.reason).toBe(b.reason)
    expect(of.reason).toBe(b.reason)
    expect(a.isCanceled).toBe(false)
    expect(a[kHub].head).toBeNull()
    {
      using linked = CancelationToken.any(a)
      expect(a[kHub].head).not.toBeNull()
      expect(linked.isCanceled).toBe(false)
    }
    expect(a[kHub].head).toBeNull()
    expect(CancelationToken.any(a, b).reason).toBe(b.reason)
    expect(a[kHub].head).toBeNull()
    expect(a.cancel()).toBe(true)
    expect(thrown(() => CancelationToken.any())).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
  })

  test('row 48: a token is linked, never replaced and never written to', () => {
    const token = new CancelationToken()
    const parent = new Cancelable().enter()
    const child = parent.child({ token }).enter()
    const other = new Cancelable({ token }).enter()
    parent.cancel()
    expect(child.isCanceled).toBe(true)
    expect(token.isCanceled).toBe(false)
    expect(other.isCanceled).toBe(false)
    token.cancel()
    expect(other.isCanceled).toBe(true)
  })

  test('row 49: operations that end release the token', async () => {
    const token = new CancelationToken()
    const operation = new Cancelable({ token }).enter()
    expect(token[kHub].head).not.toBeNull()
    operation[Symbol.dispose]()
    expect(token[kHub].head).toBeNull()
    await Cancelable.run(() => 1, { token })
    await rejection(Cancelable.run(() => Promise.reject(new Error('x')), { token }))
    const canceled = new Cancelable({ token }).enter()
    canceled.cancel()
    expect(token[kHub].head).toBeNull()
  })

  test('its signal is a standard one, whose reason is the error', async () => {
    const token = new CancelationToken()
    const { signal } = token
    expect(signal).toBeInstanceOf(AbortSignal)
    token.cancel('x')
    expect(signal.aborted).toBe(true)
    expect(signal.reason).toBe(thrown(() => token.throwIfCanceled()))
    const late = new CancelationToken()
    late.cancel()
    expect(late.signal.aborted).toBe(true)
    expect(late.signal.reason).toBeInstanceOf(CancelationError)
  })

  test('several tokens for one operation', () => {
    const tokens = [new CancelationToken(), new CancelationToken()]
    const operation = new Cancelable({ token: tokens }).enter()
    tokens[1]!.cancel('second')
    expect(operation.reason).toMatchObject({ message: 'second' })
    expect(tokens[0]![kHub].head).toBeNull()
  })

  test('a listener that another one removes is not called', () => {
    const token = new CancelationToken()
    token.onCancel(() => second[Symbol.dispose]())
    const second = token.onCancel(() => expect.unreachable())
    const errors = reportedErrors()
    token.cancel()
    expect(errors).toEqual([])
  })

  test('only the first cancelation counts, whatever the others are given', () => {
    const token = new CancelationToken()
    const reason = {
      kind: 'manual',
      at: 1,
      get message() {
        return token.cancel('inner') ? 'outer' : 'outer again'
      },
    }
    expect(token.cancel(reason)).toBe(false)
    expect(token.reason).toMatchObject({ message: 'inner' })
    expect(token.cancel({ kind: 'moon' })).toBe(false)
  })

  test('a reason has what is behind it, and the name of the token', () => {
    const cases: [unknown, string | undefined][] = [
      [{ by: 'user' }, 'user'],
      [{ by: 5 }, undefined],
      [null, undefined],
      ['user', undefined],
      [undefined, undefined],
    ]
    for (const [origin, by] of cases) {
      const token = new CancelationToken({ name: 'stop' })
      expect(token.cancel('x', origin)).toBe(true)
      expect(token.reason).toMatchObject({ message: 'x', source: 'stop' })
      expect(token.reason!.by).toBe(by)
    }
    expect(thrown(() => new CancelationToken({ name: 5 } as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    expect(thrown(() => new CancelationToken({ nmae: 'x' } as never))).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
  })

  test('its text says what it is', () => {
    const [named, plain] = [new CancelationToken({ name: 'a "b"' }), new CancelationToken()]
    expect([String(named), String(plain)]).toEqual(['CancelationToken "a \\"b\\""', 'CancelationToken'])
    for (const each of [named, plain]) each.cancel('gone')
    expect(String(named)).toBe('CancelationToken "a \\"b\\"" (canceled: gone)')
    expect(String(plain)).toBe('CancelationToken (canceled: gone)')
    expect([new TokenSource(named).name, new TokenSource(plain).name]).toEqual(['a "b"', 'token'])
  })

  test('its signal, like that of an operation, may have many listeners', async () => {
    const warnings: Error[] = []
    const listener = (warning: Error): void => void warnings.push(warning)
    process.on('warning', listener)
    using operation = new Cancelable().enter()
    for (const { signal } of [new CancelationToken(), operation])
      for (let i = 0; i < 50; i++) signal.addEventListener('abort', () => undefined)
    await turns()
    process.off('warning', listener)
    expect(warnings).toEqual([])
  })
})
