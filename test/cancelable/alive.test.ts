/** From when to when an operation keeps the process alive, by its option `ref` or a sleep, and that it leaves no timer. */
import { expect, test } from 'vitest'
import { useClock } from '../../src/base/clock.js'
import { Cancelable } from '../../src/index.js'
import { deferred, rejection, thrown } from './helpers.js'

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

test('a canceled run: until its body has unwound', async () => {
  const { promise, resolve } = deferred()
  const before = held()
  const operation = new Cancelable({ ref: true })
  const run = operation.run(() => promise)
  operation.cancel('stop')
  expect(held()).toBe(before + 1)
  resolve()
  await run
  expect(held()).toBe(before)
})

test('not one with `ref: false`', () => {
  const before = held()
  using _ = new Cancelable({ ref: false }).enter()
  expect(held()).toBe(before)
})

test('not one whose start has failed', () => {
  const before = held()
  const operation = new Cancelable({ ref: true, sources: [UNARMABLE] })
  thrown(() => operation.enter())
  expect(held()).toBe(before)
})

test('a sleep: until it is canceled', async () => {
  const before = held()
  const operation = new Cancelable().enter()
  const slept = rejection(operation.sleep('1h'))
  expect(held()).toBe(before + 1)
  operation.cancel('stop')
  expect(held()).toBe(before)
  expect(await slept).toMatchObject({ message: 'stop' })
})

test('the timer of an operation that ends is cleared on the clock that it was armed with', () => {
  const pending = new Set<object>()
  const setTimer = (): object => {
    const timer = {}
    pending.add(timer)
    return timer
  }
  useClock({
    now: () => 0,
    date: () => 0,
    setTimeout: setTimer,
    clearTimeout: (timer) => void pending.delete(timer as object),
  })
  const operation = new Cancelable({ timeout: '1h' }).enter()
  useClock(undefined)
  expect(pending.size).toBe(1)
  operation[Symbol.dispose]()
  expect(pending.size).toBe(0)
})
