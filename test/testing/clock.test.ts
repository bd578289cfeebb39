/** The test clock: everything that is armed under it depends on it, and on no other clock. */
import { afterEach, describe, expect, it } from 'vitest'
import { Cancelable, ConditionSource, TimeoutCancelation, guard } from '../../src/index.js'
import { useClock, type TestClock } from '../../src/testing/index.js'

const open: Disposable[] = []
function clockOf(): TestClock {
  const clock = useClock()
  open.push(clock)
  return clock
}
afterEach(() => open.splice(0).forEach((each) => each[Symbol.dispose]()))

describe('a test clock', () => {
  it('fires timeouts in their order', async () => {
    const clock = clockOf()
    const seen: string[] = []
    const start = clock.now()
    for (const [name, timeout] of Object.entries({ hour: '1h', day: '1d', second: '1s', second2: '1s' })) {
      void Cancelable.run((cancel) => cancel.sleep('2d'), { timeout }).catch((error: TimeoutCancelation) =>
        seen.push(`${name} ${error.reason.deadline - start}`),
      )
    }
    await clock.advance('999ms')
    expect(seen).toEqual([])
    await clock.advance('1ms')
    expect(seen).toEqual(['second 1000', 'second2 1000'])
    await clock.advance('1d')
    expect(seen.slice(2)).toEqual(['hour 3600000', 'day 86400000'])
    expect(clock.now()).toBe(start + 1000 + 86_400_000)
    expect(clock.pending).toBe(0)
  })

  it('moves a body through one sleep after the other', async () => {
    const clock = clockOf()
    let rounds = 0
    const done = Cancelable.run(async (cancel) => {
      for (; rounds < 100; rounds++) await cancel.sleep('1m')
      return rounds
    })
    await clock.advance('50m')
    expect(rounds).toBe(50)
    await clock.advance('50m')
    expect(await done).toBe(100)
  })

  it('moves conditions, extended timeouts and graces', async () => {
    const clock = clockOf()
    let checks = 0
    const operation = new Cancelable({
      condition: { check: () => ++checks === 11, interval: '1s' },
      timeout: '5s',
      grace: '1m',
    })
    const done = operation.run(() => new Promise(() => {}))
    operation.extend('1h')
    await clock.advance('9s')
    expect([checks, operation.isCanceled]).toEqual([10, false])
    await clock.advance('1s')
    expect(operation.reason).toMatchObject({ kind: 'condition', checks: 11 })
    expect(operation.context.status).toBe('canceled')
    const rejected = expect(done).rejects.toThrow("The condition 'check' held")
    await clock.advance('1m')
    await rejected
    expect(operation.context.status).toBe('abandoned')
    expect(new ConditionSource(() => true).interval).toBe(100)
  })

  it('is seen inside code that never yields', async () => {
    const clock = clockOf()
    const operation = new Cancelable({ timeout: '5s' }).enter()
    expect(operation.isCanceled).toBe(false)
    const advanced = clock.advance('5s')
    await advanced
    expect(operation.isCanceled).toBe(true)
    operation[Symbol.dispose]()
  })

  it('moves deadlines on the wall clock', async () => {
    const clock = clockOf()
    const operation = new Cancelable({ deadline: new Date(Date.now() + 3_600_000) })
    const done = operation.run((cancel) => cancel.sleep('2h')).catch((error: unknown) => error)
    await clock.advance('59m')
    expect(operation.isCanceled).toBe(false)
    await clock.advance('2m')
    expect(await done).toBeInstanceOf(TimeoutCancelation)
  })

  it('carries out calls one after the other', async () => {
    const clock = clockOf()
    const start = clock.now()
    await Promise.all([clock.advance('1s'), clock.advance('2s'), clock.advance(0)])
    expect(clock.now() - start).toBe(3000)
  })

  it('restores the real clock, and does not move timers that were armed under the test clock', async () => {
    const clock = useClock()
    const operation = new Cancelable({ timeout: 20 }).enter()
    clock[Symbol.dispose]()
    clock[Symbol.dispose]()
    await expect(Cancelable.run((cancel) => cancel.sleep('1h'), { timeout: 20 })).rejects.toThrow(
      'Timed out after 20ms',
    )
    expect(operation.isCanceled).toBe(false)
    operation[Symbol.dispose]()
    await expect(clock.advance('1s')).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' })
  })

  it('does not affect guards on the machine, which stay in real time', async () => {
    clockOf()
    using watched = guard({ memory: { above: 0, for: 20 } }, { within: 5 })
    await new Promise((resolve) => watched.on('breach', resolve))
    expect(watched.isBreached).toBe(true)
  })

  it('refuses bad input', async () => {
    const clock = clockOf()
    expect(() => useClock()).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }))
    await expect(clock.advance('5')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
    await expect(clock.advance(-1)).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE' })
    await expect(clock.advance(Infinity)).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE' })
    await expect(clock.advance(undefined as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  })
})
