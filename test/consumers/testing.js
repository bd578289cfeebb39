// Uses every export of tripline/testing as a user of Jest would, also with Jest's own fake timers in force. Rows of the
// consumers' matrix run it as ES modules and as CommonJS.
import { ok } from 'node:assert'
import { expect, jest as runner, test } from '@jest/globals'
import { Cancelable, Guard, ResourceCancelation, TimeoutCancelation, guard } from 'tripline'
import { assertCancelsWithin, collect, fakeBreach, recordingToken, simulate, useClock } from 'tripline/testing'

test('a faked breach cancels what runs under the guard, in test time', async () => {
  const clock = useClock()
  const memory = guard({ memory: { above: 99.9, for: '1s' } })
  expect(memory).toBeInstanceOf(Guard)
  const operation = new Cancelable({ resources: memory })
  const log = collect(operation)
  const rejected = expect(operation.run((cancel) => cancel.sleep('1h'))).rejects.toBeInstanceOf(ResourceCancelation)
  const breach = fakeBreach(memory, 'memory', 100)
  await clock.advance('1s')
  await rejected
  expect(log.types).toEqual(['started', 'canceled', 'settled'])
  breach.clear()
  expect(memory.isBreached).toBe(false)
  breach[Symbol.dispose]()
  memory.close()
  clock[Symbol.dispose]()
})

test("follows Jest's own fake timers", async () => {
  const memory = guard({ memory: { above: 99.9, for: '10s' } })
  runner.useFakeTimers()
  const breach = fakeBreach(memory, 'memory', 100)
  runner.advanceTimersByTime(9_999)
  expect(memory.state).toBe('pending')
  runner.advanceTimersByTime(1)
  expect(memory.state).toBe('breached')
  runner.useRealTimers()
  breach[Symbol.dispose]()
  memory.close()
})

test('assertions are those of Jest to report', async () => {
  await assertCancelsWithin(() => Cancelable.run((cancel) => cancel.sleep('1h'), { timeout: 5 }), '1m', {
    kind: 'timeout',
  })
  await expect(assertCancelsWithin(() => 5, '1m')).rejects.toThrow('was not canceled within 60s: it was completed')
  ok(await assertCancelsWithin(() => 5, '1m').catch((error) => error.code === 'ERR_ASSERTION'))
  await expect(Cancelable.run((cancel) => cancel.sleep('1h'), { timeout: 5 })).rejects.toBeInstanceOf(
    TimeoutCancelation,
  )
})

test('the rest is there', async () => {
  const token = recordingToken()
  token.cancel('stop')
  expect(token.attempts).toMatchObject([{ reason: { message: 'stop' }, first: true }])
  const { breaches } = await simulate({ temperature: 80 }, [{ time: 0, values: { temperature: 81 } }])
  expect(breaches).toHaveLength(1)
})
