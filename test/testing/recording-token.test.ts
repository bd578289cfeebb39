/** The token that records how it is used. */
import { describe, expect, it } from 'vitest'
import { Cancelable, CancelationToken, ErrorCancelation } from '../../src/index.js'
import { recordingToken } from '../../src/testing/index.js'

const kept = (): void => {}
const removed = (): void => {}

describe('a recording token', () => {
  it('is a token, and remembers every attempt with its reason', async () => {
    const token = recordingToken()
    expect(token).toBeInstanceOf(CancelationToken)
    const done = Cancelable.run((cancel) => cancel.sleep('1h'), { token }).catch((error: unknown) => error)
    token.onCancel(() => token.cancel('from a listener'))
    expect(token.attached).toBe(2)
    expect(token.cancel(new Error('first'))).toBe(true)
    expect(token.cancel('second')).toBe(false)
    expect(await done).toBeInstanceOf(ErrorCancelation)
    expect(token.attempts.map(({ reason, first }) => [reason.kind, reason.message, first])).toEqual([
      ['error', 'first', true],
      ['manual', 'from a listener', false],
      ['manual', 'second', false],
    ])
    expect(token.attempts[0]!.reason).toBe(token.reason)
    expect(token.attached).toBe(0)
    expect(() => token.cancel(5 as never)).toThrow(TypeError)
    expect(token.attempts).toHaveLength(3)
  })

  it('counts checks, not those that the library makes', () => {
    const token = recordingToken()
    using operation = new Cancelable({ token }).enter()
    operation.throwIfCanceled()
    expect(operation.isCanceled || token.signal.aborted).toBe(false)
    expect(token.checks).toBe(0)
    expect([token.isCanceled, token.reason]).toEqual([false, undefined])
    token.throwIfCanceled()
    expect(token.checks).toBe(3)
    token.clear()
    expect(token.checks).toBe(0)
    expect(token.attached).toBe(1)
  })

  it('remembers listeners: called, removed, or refused', () => {
    const token = recordingToken()
    token.onCancel(kept)
    token.onCancel(removed)[Symbol.dispose]()
    expect(token.attached).toBe(1)
    token.cancel()
    expect(token.listeners).toMatchObject([
      { listener: kept, calls: 1, removed: false },
      { listener: removed, calls: 0, removed: true },
    ])
    expect(() => token.onCancel('no' as never)).toThrow(TypeError)
    expect(token.listeners).toHaveLength(2)
    token.onCancel(kept)
    expect(token.listeners[2]!.calls).toBe(1)
  })

  it('can be linked and shared as any other', async () => {
    const token = recordingToken()
    const linked = CancelationToken.any(token)
    expect(token.attached).toBe(1)
    CancelationToken.from(token.share()).cancel('elsewhere')
    expect(token.isCanceled && linked.isCanceled).toBe(true)
    expect(token.attempts).toEqual([])
  })
})
