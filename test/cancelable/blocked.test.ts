/** Cancelations are noticed inside code that never yields. */
import { describe, expect, test } from 'vitest'
import {
  allOf,
  anyOf,
  Cancelable,
  CancelationToken,
  guard,
  ResourceCancelation,
  ResourceSource,
  TimeoutSource,
  type ResourceReason,
} from '../../src/index.js'
import { kHub } from '../../src/sources/token.js'
import { eventually } from '../helpers/eventually.js'
import type { FakeMachine } from '../helpers/fake-machine.js'
import { onFreshMachines } from '../helpers/fresh-machine.js'
import { block, rejection, thrown, turns } from './helpers.js'

/** Spins until `condition` is true; returns false if that took far too long. */
function spinUntil(condition: () => boolean): boolean {
  const end = performance.now() + 20_000
  while (!condition()) if (performance.now() > end) return false
  return true
}

describe('deadlines', () => {
  test('row 161: an expired timeout is noticed before its timer can run, and its listeners run in a later turn', async () => {
    const notified: string[] = []
    const operation = new Cancelable({ timeout: 20 }).onCancel((reason) => notified.push(reason.kind)).enter()
    expect(spinUntil(() => operation.isCanceled)).toBe(true)
    expect(operation.reason).toMatchObject({ kind: 'timeout', timeout: 20 })
    expect(operation.signal.aborted).toBe(true)
    expect(notified).toEqual([])
    await turns()
    expect(notified).toEqual(['timeout'])
    operation[Symbol.dispose]()
  })

  test("an ancestor's counts too, and the earlier one is the reason", () => {
    const root = new Cancelable({ timeout: 10 }).enter()
    const child = root.child({ timeout: 20 }).enter()
    const leaf = child.child().enter()
    block(25)
    expect(leaf.isCanceled).toBe(true)
    expect(root.reason).toMatchObject({ kind: 'timeout', timeout: 10 })
    expect(child.reason).toMatchObject({ kind: 'parent', parent: { timeout: 10 } })
    expect(leaf.reason).toMatchObject({ kind: 'parent', parent: { kind: 'parent' } })
  })

  test('a timeout that an ancestor gets later counts as well, and so does one in a composite', () => {
    const root = new Cancelable().enter()
    const leaf = root.child().enter().child().enter()
    root.extend(5)
    block(6)
    expect(leaf.isCanceled).toBe(true)

    const late = new Cancelable().enter()
    const below = late.child().enter()
    late.addSource(anyOf(new TimeoutSource(5)))
    block(6)
    expect(below.isCanceled).toBe(true)

    const token = new CancelationToken()
    const both = new Cancelable({ sources: [allOf(token, anyOf(new TimeoutSource(5)))] }).enter()
    block(6)
    expect(both.isCanceled).toBe(false)
    token.cancel()
    expect(both.isCanceled).toBe(true)
    expect(both.reason).toMatchObject({ kind: 'all', causes: [{ kind: 'timeout' }, { kind: 'manual' }] })
  })

  test('a deadline of the wall clock is compared with the wall clock', () => {
    expect(new Cancelable({ deadline: new Date(Date.now() + 3_600_000) }).enter().isCanceled).toBe(false)
    const operation = new Cancelable({ deadline: new Date(Date.now() + 500) }).enter()
    block(510)
    expect(operation.isCanceled).toBe(true)
  })

  test('a check runs no listeners, even if it finds many cancelations', async () => {
    const notified: string[] = []
    const root = new Cancelable({ timeout: 200 }).onCancel(() => notified.push('root')).enter()
    const token = new CancelationToken()
    const leaf = root
      .child({
        token,
        sources: [{ arm: () => ({ [Symbol.dispose]: () => void notified.push('source released') }) }],
      })
      .onCancel(() => notified.push('leaf'))
      .enter()
    leaf.signal.addEventListener('abort', () => notified.push('signal'))
    block(210)
    expect(thrown(() => leaf.throwIfCanceled())).toMatchObject({ reason: { kind: 'parent' } })
    expect(notified).toEqual([])
    expect(token[kHub].head).toBeNull()
    await turns()
    expect(notified).toEqual(['root', 'source released', 'signal', 'leaf'])
  })
})

describe('guards', () => {
  let machine: FakeMachine
  onFreshMachines((fresh) => (machine = fresh))

  test('a loop that never yields notices a breach, with its evidence', async () => {
    using watched = guard({ memory: 90 }, { within: 5, name: 'room' })
    const run = Cancelable.run(
      (cancel) => {
        let rounds = 0
        while (!cancel.isCanceled) {
          if (rounds++ === 1000) machine.setMemory(95)
          if (rounds > 1e9) throw new Error('never seen')
        }
        cancel.throwIfCanceled()
      },
      { resources: watched },
    )
    const error = (await rejection(run)) as ResourceCancelation
    expect(error).toBeInstanceOf(ResourceCancelation)
    expect(error.reason.guard).toBe('room')
    expect(error.reason.breach).toMatchObject({ metric: 'memory', limit: 90, direction: 'above' })
    expect(error.reason.breach.value).toBeCloseTo(95)
    expect(error.message).toContain('memory')
  })

  test("so does a descendant of the one that has the guard, and the guard's listeners come later", async () => {
    using watched = guard({ memory: 90 }, { within: 5 })
    const notified: string[] = []
    watched.on('breach', () => notified.push('guard'))
    const root = new Cancelable({ resources: watched }).onCancel(() => notified.push('root')).enter()
    const leaf = root.child().enter().child().enter()
    machine.setMemory(95)
    expect(spinUntil(() => leaf.isCanceled)).toBe(true)
    expect(root.reason).toMatchObject({ kind: 'resource' })
    expect(leaf.reason).toMatchObject({ kind: 'parent', parent: { kind: 'parent', parent: { kind: 'resource' } } })
    expect(notified).toEqual([])
    await eventually(() => notified.length === 2)
    expect(notified).toEqual(['root', 'guard'])
  })

  test('a breach that began and ended between two checks cancels as well', async () => {
    using watched = guard({ memory: 90 }, { within: 5 })
    const operation = new Cancelable({ resources: watched }).enter()
    machine.setMemory(95)
    expect(spinUntil(() => watched.isBreached)).toBe(true)
    machine.setMemory(10)
    expect(spinUntil(() => !watched.isBreached)).toBe(true)
    expect(operation.isCanceled).toBe(true)
    expect((operation.reason as ResourceReason).breach.value).toBeCloseTo(95)
    // A later operation is not affected, even if the listeners run only after it has started.
    const later = new Cancelable({ resources: watched }).enter()
    await turns(5)
    expect(later.isCanceled).toBe(false)
    later[Symbol.dispose]()
  })

  test('a guard in a composite', () => {
    using watched = guard({ memory: 90 }, { within: 5 })
    const token = new CancelationToken()
    const operation = new Cancelable({ sources: [allOf(new ResourceSource(watched), token)] }).enter()
    machine.setMemory(95)
    expect(spinUntil(() => watched.isBreached)).toBe(true)
    expect(operation.isCanceled).toBe(false)
    token.cancel()
    expect(operation.isCanceled).toBe(true)
    expect(operation.reason).toMatchObject({ kind: 'all', causes: [{ kind: 'resource' }, { kind: 'manual' }] })
  })

  test('with a guard that is breached already, the body never starts; a dry run cancels nothing', async () => {
    machine.setMemory(95)
    using watched = guard({ memory: 90 }, { within: 5 })
    let called = false
    const run = Cancelable.run(
      () => {
        called = true
      },
      { resources: watched },
    )
    expect(await rejection(run)).toBeInstanceOf(ResourceCancelation)
    expect(called).toBe(false)
    using dry = guard({ memory: 90 }, { within: 5, dryRun: true })
    expect(dry.isBreached).toBe(true)
    expect(await Cancelable.run((cancel) => cancel.isCanceled, { resources: dry })).toBe(false)
  })

  test('a guard that is closed cannot be armed', async () => {
    const watched = guard({ memory: 90 })
    watched.close()
    expect(await rejection(Cancelable.run(() => 1, { resources: watched }))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    })
  })

  test('an operation releases its guard when it ends or is canceled', async () => {
    using watched = guard({ memory: 90 }, { within: 5 })
    const token = new CancelationToken()
    const operations = [0, 1, 2].map(() => new Cancelable({ resources: watched, token }).enter())
    operations[0]![Symbol.dispose]()
    token.cancel()
    machine.setMemory(95)
    await eventually(() => watched.isBreached)
    await turns(3)
    expect(operations.map((each) => each.reason?.kind)).toEqual([undefined, 'manual', 'manual'])
  })
})
