/** assertCancelsWithin(): what passes, and the message of each failure. */
import { AssertionError } from 'node:assert'
import { describe, expect, it } from 'vitest'
import { Cancelable } from '../../src/index.js'
import { assertCancelsWithin, useClock } from '../../src/testing/index.js'

const LONG = '1m'

function failure(message: string | RegExp, more: object = {}): object {
  const text: unknown = typeof message === 'string' ? message : expect.stringMatching(message)
  return { name: 'AssertionError', code: 'ERR_ASSERTION', operator: 'assertCancelsWithin', message: text, ...more }
}

const goesOn = (): Promise<void> => new Promise(() => {})

const waits = (): Promise<unknown> => Cancelable.run((cancel) => cancel.sleep('1d'), { timeout: '5h' })

const code = (each: string): object => ({ code: each })

describe('assertCancelsWithin()', () => {
  it('passes for operations and functions that are canceled in time', async () => {
    const operation = new Cancelable({ timeout: 10 })
    const done = operation.run(() => new Promise(() => {})).catch(() => undefined)
    expect(await assertCancelsWithin(operation, LONG, { kind: 'timeout' })).toBe(operation.reason)
    await done
    expect(await assertCancelsWithin(operation, 0)).toMatchObject({ kind: 'timeout' })
    await assertCancelsWithin(() => Cancelable.run((cancel) => cancel.sleep('1h'), { timeout: 5 }), LONG, {
      kind: 'timeout',
    })
    await assertCancelsWithin((cancel) => cancel.sleep('1h'), LONG, { cancel: 'stop', kind: 'manual' })
    await assertCancelsWithin((cancel) => new Promise((resolve) => cancel.onCancel(() => resolve('a part'))), LONG, {
      cancel: new Error('stop'),
      kind: 'error',
    })
    await assertCancelsWithin(() => {
      const entered = new Cancelable({ timeout: 0 })
      entered.enter()
    }, LONG)
  })

  it('reports the actual outcome', async () => {
    await expect(assertCancelsWithin(() => 5, LONG)).rejects.toMatchObject(
      failure(/not canceled within 60s: it was completed$/),
    )
    const boom = new Error('boom')
    await expect(assertCancelsWithin(() => Promise.reject(boom), LONG)).rejects.toMatchObject(
      failure(/it failed with Error: boom$/, { cause: boom }),
    )
    await expect(assertCancelsWithin(() => new Promise(() => {}), 20)).rejects.toMatchObject(
      failure("'function' was not canceled within 20ms: it is still running", {
        actual: 'running',
        expected: 'canceled',
      }),
    )
    await expect(assertCancelsWithin(goesOn, 20, { cancel: 'stop' })).rejects.toMatchObject(
      failure(/'goesOn' was not canceled within 20ms: it goes on in spite of the cancelation \(stop\)/),
    )
    await expect(
      assertCancelsWithin((cancel) => cancel.sleep('1h'), LONG, { cancel: 'stop', kind: 'timeout' }),
    ).rejects.toMatchObject(
      failure("'function' was canceled for the reason 'manual' (stop), not 'timeout'", {
        actual: 'manual',
        expected: 'timeout',
      }),
    )
    const named = new Cancelable({ name: 'import' })
    await expect(assertCancelsWithin(named, 5)).rejects.toMatchObject(
      failure("'import' was not canceled within 5ms: it is still pending"),
    )
    using entered = new Cancelable({ name: 'block' }).enter()
    queueMicrotask(() => entered[Symbol.dispose]())
    await expect(assertCancelsWithin(entered, LONG)).rejects.toMatchObject(
      failure(/'block' was not .*: it was disposed$/),
    )
    await expect(assertCancelsWithin(entered, LONG)).rejects.toBeInstanceOf(AssertionError)
  })

  it('cancels the operation that it started', async () => {
    let inner: Cancelable | undefined
    await assertCancelsWithin((cancel) => {
      inner = cancel
      return cancel.sleep('1h')
    }, 10).catch(() => undefined)
    expect(inner!.isCanceled).toBe(true)
  })

  it('advances a test clock as far as needed', async () => {
    using clock = useClock()
    const start = clock.now()
    await assertCancelsWithin(() => Cancelable.run((cancel) => cancel.sleep('1d'), { timeout: '1h' }), '2h', {
      kind: 'timeout',
    })
    expect(clock.now() - start).toBe(3_600_000)
    await expect(assertCancelsWithin(waits, '2h')).rejects.toMatchObject(failure(/within 2h: it is still running/))
    expect(clock.now() - start).toBe(3_600_000 * 3)
  })

  it('refuses bad input', async () => {
    await expect(assertCancelsWithin(5 as never, 10)).rejects.toMatchObject(code('ERR_INVALID_ARG_TYPE'))
    await expect(assertCancelsWithin(() => 1, '10')).rejects.toMatchObject(code('ERR_INVALID_ARG_VALUE'))
    await expect(assertCancelsWithin(() => 1, 10, { kind: 'timeuot' as 'timeout' })).rejects.toMatchObject({
      message: "Unknown kind of reason 'timeuot'. Did you mean 'timeout'?",
    })
    for (const kind of [null, 5, {}]) {
      await expect(assertCancelsWithin(() => 1, 10, { kind } as never)).rejects.toMatchObject(
        code('ERR_INVALID_ARG_TYPE'),
      )
    }
    await expect(assertCancelsWithin(() => 1, 10, { reason: 'x' } as never)).rejects.toMatchObject(
      code('ERR_INVALID_ARG_VALUE'),
    )
    const operation = new Cancelable()
    await expect(assertCancelsWithin(operation, 10, { cancel: 'x' })).rejects.toMatchObject(
      code('ERR_INVALID_ARG_TYPE'),
    )
    expect(operation.isCanceled).toBe(false)
  })
})
