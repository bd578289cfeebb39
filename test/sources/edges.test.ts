/** Sources and reasons that throw when they are read: all listeners are still called. */
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import {
  anyOf,
  Cancelable,
  CancelationToken,
  every,
  guard,
  type CancelationReason,
  type CancelationSource,
  type Guard,
  type SharedToken,
} from '../../src/index.js'
import { never, rejection, until } from '../cancelable/helpers.js'
import { reportedErrors } from '../helpers/reported-errors.js'

describe('foreign signals', () => {
  test('a signal whose reason cannot be printed still cancels', () => {
    for (const cause of [
      Object.create(null),
      Object.assign(new Error(), { message: Object.create(null) }),
    ] as unknown[]) {
      const controller = new AbortController()
      const operation = new Cancelable({ abortSignal: controller.signal }).enter()
      controller.abort(cause)
      expect(operation.reason).toMatchObject({ kind: 'abort', message: 'Aborted: something that cannot be printed' })
      expect((operation.reason as { cause: unknown }).cause).toBe(cause)
    }
  })

  test('a condition that fails with an unprintable error still cancels', async () => {
    const failure = Object.create(null) as Error
    const check = (): Promise<boolean> => Promise.reject(failure)
    const operation = new Cancelable({ condition: { check, onError: 'cancel' } }).enter()
    await until(() => operation.isCanceled)
    expect(operation.reason).toMatchObject({ kind: 'error' })
  })

  /** A foreign imitation of an AbortSignal. */
  class Imitation {
    aborted = false
    reason: unknown = undefined
    fire: () => void = () => undefined
    addEventListener(_: string, seen: () => void): void {
      this.fire = seen
    }
    removeEventListener(): void {}
  }

  test('an imitation that calls its listeners before it is aborted cancels with a reason', async () => {
    const signal = new Imitation()
    const operation = new Cancelable({ abortSignal: signal as unknown as AbortSignal })
    const run = operation.run(() => never())
    signal.fire()
    await rejection(run)
    expect(operation.reason).toMatchObject({ kind: 'abort' })
  })

  test('a failure to remove the listener of an imitation is reported, and the run settles', async () => {
    const failure = new Error('remove')
    class Broken extends Imitation {
      override removeEventListener(): void {
        throw failure
      }
    }
    const reported = reportedErrors()
    const operation = new Cancelable({ abortSignal: new Broken() as unknown as AbortSignal, grace: 0 })
    let seen = 0
    operation.onCancel(() => seen++)
    const run = operation.run(() => never())
    expect(operation.cancel('stop')).toBe(true)
    await rejection(run)
    expect(seen).toBe(1)
    expect(reported.map((each) => each.error)).toEqual([failure])
  })
})

test('a source whose name is no string is disposed of, and the run settles', async () => {
  let disposed = 0
  const source = { name: Symbol('odd'), arm: () => ({ [Symbol.dispose]: () => disposed++ }) }
  const operation = new Cancelable({ sources: [source as unknown as CancelationSource], grace: 0 })
  let seen = 0
  operation.onCancel(() => seen++)
  const run = operation.run(() => never())
  operation.cancel('stop')
  await rejection(run)
  expect([seen, disposed]).toEqual([1, 1])
})

describe('shared tokens', () => {
  const ring: Record<string, unknown> = {}
  ring['ring'] = ring
  const at = 1
  let deep: CancelationReason = { kind: 'manual', message: 'root', at }
  for (let i = 0; i < 200_000; i++) {
    deep = Object.freeze({ kind: 'parent', message: 'deep', at, parent: deep, parentId: 'above' })
  }
  const reasons: Record<string, CancelationReason> = {
    'a ring': { kind: 'abort', message: 'why', at, cause: ring },
    'a BigInt': { kind: 'error', message: 'why', at, cause: 10n },
    'a long text': { kind: 'abort', message: 'why', at, cause: 'x'.repeat(10_000) },
    '200,000 levels': deep,
  }
  for (const [name, reason] of Object.entries(reasons)) {
    test(`a reason with ${name} reaches all`, () => {
      const token = new CancelationToken()
      const shared: SharedToken = token.share()
      const other = CancelationToken.from(shared)
      let seen = 0
      token.onCancel(() => seen++)
      expect(token.cancel(reason)).toBe(true)
      expect(seen).toBe(1)
      expect(token.reason).toMatchObject({ kind: reason.kind, message: reason.message })
      expect(other.isCanceled).toBe(true)
      expect(other.reason!.kind).toBe(reason.kind)
      expect(other.reason!.message).toBe(reason.message)
    })
  }

  test("numbers in a user's cause are not converted as times", () => {
    const token = new CancelationToken()
    const other = CancelationToken.from(token.share())
    token.cancel({ kind: 'abort', message: 'why', at, cause: { at: 5, since: 6, deadline: 7 } })
    expect((other.reason as { cause: unknown }).cause).toEqual({ at: 5, since: 6, deadline: 7 })
  })

  test('a token linked to a shared one notices its cancelation in code that never yields', () => {
    const token = new CancelationToken()
    const other = CancelationToken.from(token.share())
    const above = CancelationToken.any(CancelationToken.any(other, new CancelationToken()))
    const operation = new Cancelable({ token: above }).enter()
    const released = CancelationToken.any(other)
    released[Symbol.dispose]()
    token.cancel('stop')
    expect(operation.isCanceled).toBe(true)
    expect(above.isCanceled).toBe(true)
    expect(released.isCanceled).toBe(false)
  })

  test('the reason is read once', () => {
    const token = new CancelationToken()
    const other = CancelationToken.from(token.share())
    token.cancel('stop')
    expect(other.isCanceled).toBe(true)
    const { parse } = JSON
    let parsed = 0
    JSON.parse = (...args) => {
      parsed++
      return parse(...args) as unknown
    }
    try {
      for (let i = 0; i < 10; i++) expect(other.isCanceled && token.isCanceled).toBe(true)
    } finally {
      JSON.parse = parse
    }
    expect(parsed).toBe(0)
  })
})

test('an imitation of a signal is a part of a composite', () => {
  const controller = new AbortController()
  const { signal } = controller
  const imitation = {
    get aborted() {
      return signal.aborted
    },
    reason: 'why',
    addEventListener: signal.addEventListener.bind(signal),
    removeEventListener: signal.removeEventListener.bind(signal),
  }
  const operation = new Cancelable({ sources: [anyOf(imitation as unknown as AbortSignal)] }).enter()
  controller.abort()
  expect(operation.reason).toMatchObject({ kind: 'abort', cause: 'why' })
})

test('an error of another realm is a reason', () => {
  const error = runInNewContext('new Error("foreign")') as Error
  const operation = new Cancelable().enter()
  expect(operation.cancel(error)).toBe(true)
  expect(operation.reason).toMatchObject({ kind: 'error', message: 'foreign', cause: error })
})

function isRefused(attempt: () => unknown): void {
  expect(attempt).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }))
}

describe('objects that are not what they seem', () => {
  test('a proxy of a guard, or its prototype alone, is refused at the call', () => {
    using watched = guard({ 'memory.available': { below: '1B' } })
    for (const each of [new Proxy(watched, {}), Object.create(Object.getPrototypeOf(watched) as object) as Guard]) {
      isRefused(() => new Cancelable({ resources: each }))
      isRefused(() => every(1000, () => undefined, { guard: each }))
    }
  })

  test('the prototype of a token alone is refused at the call', () => {
    const forged = Object.create(CancelationToken.prototype) as CancelationToken
    isRefused(() => new Cancelable({ token: forged }))
    isRefused(() => CancelationToken.any(forged))
    isRefused(() => Cancelable.combine([forged]))
    isRefused(() => anyOf(forged))
  })

  test('an operation, a token or a guard in place of options is refused, not ignored', () => {
    using watched = guard({ 'memory.available': { below: '1B' } })
    for (const each of [new Cancelable(), new CancelationToken(), watched]) {
      isRefused(() => new Cancelable(each as object))
      isRefused(() => new Cancelable().child(each as object))
    }
  })
})
