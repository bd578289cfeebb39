/** Subclasses: whatever properties a subclass declares, its operation works like any other. */
import { describe, expect, it } from 'vitest'
import {
  AbortSignalSource,
  Cancelable,
  CancelationToken,
  ConditionSource,
  ParentCancelation,
  SignalSource,
  TimeoutSource,
  TokenSource,
  type CancelationReason,
} from '../../src/index.js'

/** A job that refers to the next one, by a name that is common in linked lists. */
class Job extends Cancelable {
  _next: Job | null
  next: Job | null
  status = 'mine'
  flags = new Set(['mine'])
  parent: Job | null
  timeout = 'mine'

  constructor(next: Job | null) {
    super()
    this._next = next
    this.next = next
    this.parent = next
  }
}

/** Every property name on an object and its prototypes, except those that all objects have. */
function namesOn(value: object): string[] {
  const names: string[] = []
  for (let each: object = value; each !== Object.prototype; each = Object.getPrototypeOf(each) as object) {
    names.push(...Object.getOwnPropertyNames(each))
  }
  return names
}

describe('a subclass of Cancelable', () => {
  it('may hold other operations under any name', async () => {
    const second = new Job(null)
    second.enter()
    const first = new Job(second)
    first.enter()
    const reasons: CancelationReason[] = []
    second.onCancel((reason) => reasons.push(reason))
    first.cancel('only the first')
    expect([first.isCanceled, second.isCanceled]).toEqual([true, false])
    expect(reasons).toEqual([])
    second.cancel('the second')
    expect(reasons.map((each) => each.message)).toEqual(['the second'])
    expect([first._next, first.status, first.timeout]).toEqual([second, 'mine', 'mine'])
    // Reported at the end of the turn.
    await new Promise(setImmediate)
  })

  it('may hide what is public without harm to the operation or its children', async () => {
    const parent = new Cancelable()
    for (const name of ['context', 'isCanceled', 'reason', 'partialResult', 'cancel', 'throwIfCanceled', 'extend']) {
      Object.defineProperty(parent, name, { value: 'mine' })
    }
    parent.enter()
    const child = new Cancelable({ parent, name: 'child' })
    const running = child.run((cancel) => cancel.sleep('1h'))
    const kept = child.context
    parent[Symbol.dispose]()
    await expect(running).rejects.toBeInstanceOf(ParentCancelation)
    expect(kept.reason).toMatchObject({ kind: 'parent', parentId: expect.stringMatching(/^operation_/) as string })
  })

  it('cannot collide with names that are not public', () => {
    const operation = new Cancelable({ timeout: '1h', name: 'all', token: new CancelationToken() }).enter()
    expect(Object.getOwnPropertyNames(operation)).toEqual([])
    expect(namesOn(operation).filter((name) => name.startsWith('_'))).toEqual([])
    operation[Symbol.dispose]()
  })
})

describe('a subclass of a token or a source', () => {
  it('cannot collide with names that are not public', () => {
    const token = new CancelationToken()
    token.cancel()
    expect(Object.getOwnPropertyNames(token)).toEqual([])
    const cases: readonly (readonly [object, readonly string[]])[] = [
      [new TimeoutSource('1s'), ['timeout']],
      [new TokenSource(token), ['token']],
      [new SignalSource('SIGUSR2'), ['signals']],
      [new AbortSignalSource(new AbortController().signal), ['signal']],
      [new ConditionSource(() => false), ['interval', 'name']],
    ]
    for (const [source, own] of cases) {
      expect(Object.getOwnPropertyNames(source).toSorted()).toEqual(own)
      expect(new Set(namesOn(source))).toEqual(new Set([...own, 'constructor', 'name', 'arm']))
    }
  })

  it('works whatever it holds', () => {
    class Brake extends CancelationToken {
      _hub = 'mine'
      _next = 'mine'
      reasonGiven = 'mine'
    }
    const brake = new Brake()
    const operation = new Cancelable({ token: brake }).enter()
    brake.cancel('stop')
    expect(operation.reason).toMatchObject({ kind: 'manual', message: 'stop' })
    expect([brake._hub, brake._next]).toEqual(['mine', 'mine'])
  })
})
