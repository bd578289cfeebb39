/** `onSettled`: every end of an operation, with its final status. */
import { expect, test } from 'vitest'
import { Cancelable } from '../../src/index.js'
import { never, rejection, thrown } from './helpers.js'

/** The statuses that the listener of each operation was called with. */
function recorder(): { statuses: string[]; record: (operation: Cancelable) => Cancelable } {
  const statuses: string[] = []
  return { statuses, record: (operation) => operation.onSettled(({ status }) => statuses.push(status)) }
}

test('is called once for each way in which a run can end', async () => {
  const { statuses, record } = recorder()
  await record(new Cancelable()).run(() => 1)
  await rejection(record(new Cancelable()).run(() => Promise.reject(new Error('failed'))))
  await rejection(record(new Cancelable({ timeout: 1 })).run((cancel) => cancel.sleep(60_000)))
  const stuck = record(new Cancelable({ timeout: 1 }))
  await rejection(stuck.run(() => never()))
  const before = record(new Cancelable())
  before.cancel()
  expect(statuses).toEqual(['completed', 'failed', 'canceled', 'abandoned'])
  await rejection(before.run(() => 1))
  expect(statuses.at(-1)).toBe('canceled')
})

test('is called for blocks: completed, left, canceled, never started, refused', () => {
  const { statuses, record } = recorder()
  record(new Cancelable()).enter().complete()
  {
    using _left = record(new Cancelable()).enter()
  }
  {
    using canceled = record(new Cancelable()).enter()
    canceled.cancel()
  }
  record(new Cancelable())[Symbol.dispose]()
  expect(thrown(() => record(new Cancelable({ timeout: 0 })).enter())).toMatchObject({ name: 'TimeoutError' })
  expect(statuses).toEqual(['completed', 'disposed', 'canceled', 'disposed', 'canceled'])
})

test('comes after the other listeners and before the promise settles', async () => {
  const order: string[] = []
  const operation = new Cancelable()
    .onSettled(({ status }) => order.push(`settled ${status}`))
    .onComplete(() => order.push('complete'))
  await operation.run(() => undefined).then(() => order.push('fulfilled'))
  expect(order).toEqual(['complete', 'settled completed', 'fulfilled'])
  const block = new Cancelable().enter().onSettled(() => order.push('settled'))
  block.onComplete(() => order.push('complete'))
  block.complete()
  expect(order.slice(3)).toEqual(['complete', 'settled'])
})

test('is called at once if the operation has ended, and refuses what is no function', () => {
  const { statuses, record } = recorder()
  const operation = new Cancelable().enter()
  operation[Symbol.dispose]()
  record(operation)
  expect(statuses).toEqual(['disposed'])
  expect(thrown(() => operation.onSettled(1 as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
})

test('a source that cannot be armed ends an operation that was canceled meanwhile', async () => {
  const { statuses, record } = recorder()
  const operation = record(
    new Cancelable({
      sources: [
        {
          arm() {
            operation.cancel()
            throw new Error('not armed')
          },
        },
      ],
    }),
  )
  await rejection(operation.run(() => 1))
  expect(statuses).toEqual(['canceled'])
})
