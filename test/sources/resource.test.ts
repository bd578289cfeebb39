/** Limits as a source of cancelation. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Cancelable, samplerStats } from '../../src/index.js'
import { thrown } from '../cancelable/helpers.js'
import { eventually } from '../helpers/eventually.js'
import { FakeMachine } from '../helpers/fake-machine.js'

describe('shared guards', () => {
  let machine: FakeMachine
  beforeEach(() => {
    machine = new FakeMachine()
  })
  afterEach(() => {
    machine[Symbol.dispose]()
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
