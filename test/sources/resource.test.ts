/** Limits as a source of cancelation. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Cancelable, guard, samplerStats, type Guard } from '../../src/index.js'
import { thrown } from '../cancelable/helpers.js'
import { eventually } from '../helpers/eventually.js'
import { FakeMachine } from '../helpers/fake-machine.js'

/** The reason of an operation that is started under the guard now. */
function linked(resources: Guard): unknown {
  return (thrown(() => new Cancelable({ resources }).enter()) as { reason?: unknown }).reason
}

describe('shared guards', () => {
  let machine: FakeMachine
  beforeEach(() => {
    machine = new FakeMachine()
  })
  afterEach(() => {
    machine[Symbol.dispose]()
  })

  test('code that never yields notices a breach; listeners are called in a turn of their own', async () => {
    const memory = guard({ memory: 90 }, { within: 10 })
    let calls = 0
    const operation = new Cancelable({ resources: memory }).enter().onCancel(() => calls++)
    machine.setMemory(95)
    const end = performance.now() + 20_000
    while (!operation.isCanceled && performance.now() < end);
    expect([operation.isCanceled, calls]).toEqual([true, 0])
    await Promise.resolve()
    expect(calls).toBe(1)
    // One that begins during the breach is canceled at once.
    expect(linked(memory)).toBe(operation.reason)
    memory.close()
    // The next test has a machine of its own.
    await eventually(() => samplerStats()?.running !== true)
  })

  test('rows 63 to 67: equal limits share a guard; 0 is a limit; the event loop is never blocked', async () => {
    const first = new Cancelable({ resources: { memory: { above: 90 } } }).enter()
    const second = new Cancelable({ resources: { memory: { above: 90 } } }).enter()
    expect(samplerStats()).toMatchObject({ guards: 1 })
    machine.setMemory(95)
    await eventually(() => first.reason !== undefined && second.reason !== undefined)
    expect(first.reason).toBe(second.reason)
    expect(first.reason).toMatchObject({ kind: 'resource', breach: { metric: 'memory', limit: 90 } })
    expect(thrown(() => new Cancelable({ resources: { memory: 0 } }).enter())).toMatchObject({
      reason: { breach: { limit: 0 } },
    })
  })
})
