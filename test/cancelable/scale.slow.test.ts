/** Many operations and deep trees, which must not overflow the stack, accumulate or leak. */
import { describe, expect, test } from 'vitest'
import { Cancelable, CancelationToken } from '../../src/index.js'
import { kFirstChild } from '../../src/cancelable/operation.js'
import { runModule } from '../helpers/child.js'

describe('deep', () => {
  test('row 120: a chain of 200,000 operations is canceled, and each is notified', () => {
    const root = new Cancelable().enter()
    let leaf = root
    let seen = 0
    for (let i = 0; i < 200_000; i++) leaf = leaf.child().enter()
    leaf.onCancel(() => seen++)
    root.cancel('stop')
    expect(leaf.isCanceled).toBe(true)
    expect(leaf.reason!.message).toBe('The parent operation was canceled: stop')
    expect(seen).toBe(1)
  })

  test('a long chain of runs unwinds', async () => {
    const root = new Cancelable()
    let depth = 0
    const nest = (cancel: Cancelable): Promise<unknown> =>
      ++depth === 2000 ? cancel.sleep('1h') : cancel.child().run(nest)
    const run = root.run(nest)
    root.cancel('stop')
    await expect(run).rejects.toMatchObject({ message: 'stop' })
    expect(root.context.status).toBe('canceled')
  })

  test('tokens and combined operations work in long chains', () => {
    const first = new CancelationToken()
    let last = first
    for (let i = 0; i < 100_000; i++) last = CancelationToken.any(last)
    let operation = new Cancelable({ token: last })
    const root = operation
    for (let i = 0; i < 1000; i++) operation = Cancelable.combine([operation])
    operation.enter()
    first.cancel('stop')
    expect(last.isCanceled).toBe(true)
    expect(operation.reason).toBe(first.reason)
    expect(root.context.status).toBe('pending')
  })
})

describe('many', () => {
  test('row 168: a million pending operations with a timeout are canceled at once', () => {
    const root = new Cancelable().enter()
    const options = { parent: root, timeout: '1h' }
    let some: Cancelable | undefined
    for (let i = 0; i < 1_000_000; i++) {
      const operation = new Cancelable(options).enter()
      if (i === 500_000) some = operation
    }
    root.cancel('stop')
    expect(some!.reason).toMatchObject({ kind: 'parent' })
    expect(root[kFirstChild]).toBeNull()
    root[Symbol.dispose]()
  })

  test('row 18: operations that have ended are collected, whatever they were linked to', async () => {
    const result = await runModule(
      `
      const { Cancelable, CancelationToken, TimeoutSource, anyOf } = tripline
      const token = new CancelationToken()
      const controller = new AbortController()
      const root = new Cancelable().enter()
      const options = {
        parent: root, token, timeout: '1h', abortSignal: controller.signal, signals: ['SIGUSR2'],
        sources: [anyOf(new TimeoutSource('1h'), token)],
      }
      const long = new Promise(() => {})
      const body = async (cancel) => {
        cancel.signal
        cancel.defer(() => 1)
        void cancel.race(long).catch(() => 0)
        for await (const item of cancel.stream([1, 2], { keep: 'all' }));
        return 1
      }
      const round = async (count) => {
        for (let i = 0; i < count; i++) {
          new Cancelable(options).enter()[Symbol.dispose]()
          if (i % 10 === 0) await Cancelable.run(body, options)
          if (i % 10 === 5) {
            const operation = new Cancelable(options)
            const run = operation.run((cancel) => cancel.race(long)).catch(() => 0)
            operation.cancel()
            await run
          }
        }
        await new Promise((resolve) => setTimeout(resolve, 10))
        for (let i = 0; i < 4; i++) { gc(); await new Promise(setImmediate) }
        return process.memoryUsage().heapUsed
      }
      let before = await round(5000)
      let least = Infinity
      for (let i = 0; i < 4; i++) {
        const after = await round(5000)
        least = Math.min(least, (after - before) / 5000)
        before = after
      }
      // A leak grows in every round; other growth is memory that the collector has not freed yet.
      console.log(Math.round(least))
    `,
      { flags: ['--expose-gc'] },
    )
    expect(result.stderr).toBe('')
    expect(Number(result.stdout)).toBeLessThan(10)
  })
})
