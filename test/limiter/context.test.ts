/** Limiters with `tripline/context`, which is on in this whole file: functions that waited belong to what has called `run`. */
import { expect, it } from 'vitest'
import { Cancelable } from '../../src/cancelable/cancelable.js'
import { currentOperation } from '../../src/context/index.js'
import { limiter } from '../../src/limiter/limiter.js'

it('a function that waited has the operation in which it was asked for as its parent, not that which made room', async () => {
  await using limit = limiter({ min: 1, max: 1 })
  const parents = await Promise.all(
    ['a', 'b', 'c'].map((id) =>
      Cancelable.run(
        () =>
          limit.run(async (cancel) => {
            await cancel.yield()
            return [cancel.context.parentId, currentOperation() === cancel]
          }),
        { id },
      ),
    ),
  )
  expect(parents).toEqual([
    ['a', true],
    ['b', true],
    ['c', true],
  ])
})

it('what waits is canceled with the operation in which it was asked for, unless it says otherwise', async () => {
  await using limit = limiter({ min: 1, max: 1 })
  let open!: () => void
  const running = limit.run(() => new Promise<void>((resolve) => (open = resolve)), { parent: null })
  let alone: Promise<string> | undefined
  let called = false
  const whole = Cancelable.run(async (cancel) => {
    alone = limit.run(() => 'alone', { parent: null })
    void limit.run(() => (called = true))
    cancel.cancel('enough')
    await cancel.yield()
  })
  await expect(whole).rejects.toThrow('enough')
  open()
  await running
  expect(await alone).toBe('alone')
  expect([called, limit.waiting]).toEqual([false, 0])
})
