/** The option `ref`: from when to when an operation keeps the process alive. */
import { expect, test } from 'vitest'
import { Cancelable } from '../../src/index.js'
import { deferred, thrown } from './helpers.js'

/** A source that fails the start of its operation. */
const UNARMABLE = {
  arm: (): Disposable => {
    throw new Error('not armed')
  },
}

/** How many timers keep this process alive. */
const held = (): number => process.getActiveResourcesInfo().filter((each) => each === 'Timeout').length

test('a block: until it ends, or is canceled, after which it may stay open for long', () => {
  const before = held()
  const operation = new Cancelable({ ref: true })
  expect(held()).toBe(before)
  operation.enter()
  expect(held()).toBe(before + 1)
  operation[Symbol.dispose]()
  expect(held()).toBe(before)
  const canceled = new Cancelable({ ref: true }).enter()
  expect(held()).toBe(before + 1)
  canceled.cancel()
  expect(held()).toBe(before)
  canceled[Symbol.dispose]()
  expect(held()).toBe(before)
})

test('a run: until its body has ended', async () => {
  const { promise, resolve } = deferred()
  const before = held()
  const run = Cancelable.run(() => promise, { ref: true })
  expect(held()).toBe(before + 1)
  let after: number | undefined
  const ended = run.then(() => (after = held()))
  resolve()
  await ended
  expect(after).toBe(before)
})

test('not one whose start has failed', () => {
  const before = held()
  const operation = new Cancelable({ ref: true, sources: [UNARMABLE] })
  thrown(() => operation.enter())
  expect(held()).toBe(before)
})
