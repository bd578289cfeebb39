/** Rows 21 to 34 of docs/coming-from-python.md: the context of an operation, and the errors. */
import { describe, expect, test } from 'vitest'
import {
  AbortCancelation,
  AllCancelation,
  Cancelable,
  CancelationError,
  ConditionCancelation,
  ErrorCancelation,
  ManualCancelation,
  ParentCancelation,
  ResourceCancelation,
  rootCause,
  SignalCancelation,
  TimeoutCancelation,
  type CancelationReason,
} from '../../src/index.js'
import { isGeneratedId } from '../../src/cancelable/context.js'
import { never, rejection, thrown } from './helpers.js'

/** One reason of every kind. */
const REASONS: CancelationReason[] = [
  { kind: 'timeout', message: 'late', at: 1, timeout: 5, deadline: 1 },
  { kind: 'manual', message: 'by hand', at: 1 },
  { kind: 'signal', message: 'SIGINT', at: 1, signal: 'SIGINT' },
  { kind: 'condition', message: 'held', at: 1, condition: 'c', checks: 2 },
  {
    kind: 'resource',
    message: 'memory',
    at: 1,
    guard: 'g',
    breach: {
      metric: 'memory',
      value: 95,
      limit: 90,
      direction: 'above',
      unit: '%',
      since: 0,
      at: 1,
      origin: '/proc/meminfo',
      recent: [95],
    },
  },
  { kind: 'abort', message: 'aborted', at: 1, cause: undefined },
  { kind: 'parent', message: 'parent', at: 1, parentId: 'p' },
  { kind: 'all', message: 'all', at: 1, causes: [] },
  { kind: 'error', message: 'error', at: 1, cause: new Error('x') },
]

describe('the context', () => {
  test('row 21: is a live, read-only view', () => {
    const operation = new Cancelable({ id: 'x', name: 'job' })
    const { context } = operation
    expect(operation.context).toBe(context)
    for (const key of ['id', 'status', 'reason', 'metadata', 'partialResult']) {
      expect(() => Object.assign(context, { [key]: 'other' }), key).toThrow(TypeError)
    }
    expect(context.status).toBe('pending')
    operation.enter()
    expect(context.status).toBe('running')
    operation[Symbol.dispose]()
    expect(context.status).toBe('disposed')
  })

  test('row 22: has every status; a timeout is a reason, not a status', async () => {
    const seen: string[] = []
    const note = (operation: Cancelable): void => void seen.push(operation.context.status)
    const operation = new Cancelable()
    note(operation)
    note(operation.enter())
    operation.cancel()
    note(operation)
    const completed = new Cancelable()
    await completed.run(() => 1)
    note(completed)
    const failed = new Cancelable()
    await failed.run(() => Promise.reject(new Error('x'))).catch(() => undefined)
    note(failed)
    const disposed = new Cancelable().enter()
    disposed[Symbol.dispose]()
    note(disposed)
    const abandoned = new Cancelable({ timeout: 1 })
    await rejection(abandoned.run(() => never()))
    note(abandoned)
    expect(seen).toEqual(['pending', 'running', 'canceled', 'completed', 'failed', 'disposed', 'abandoned'])
    expect(abandoned.context.reason?.kind).toBe('timeout')
  })

  test('rows 23 and 24: has times that count from the start, on one clock', async () => {
    const operation = new Cancelable()
    expect([operation.context.startedAt, operation.context.endedAt, operation.context.elapsed]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    const before = performance.now()
    const run = operation.run((cancel) => cancel.sleep(3))
    expect(operation.context.startedAt).toBeGreaterThanOrEqual(before)
    expect(operation.context.endedAt).toBeUndefined()
    await run
    expect(operation.context.endedAt).toBeLessThanOrEqual(performance.now())
    expect(operation.context.elapsed).toBe(operation.context.endedAt! - operation.context.startedAt!)
    expect(operation.context.elapsed).toBeGreaterThanOrEqual(3)
  })

  test('row 24: has the deadline, its own or an inherited one', () => {
    const root = new Cancelable({ timeout: '1m' }).enter()
    expect(root.context.deadline).toBe(root.context.startedAt! + 60_000)
    expect(root.child().enter().context.deadline).toBe(root.context.deadline)
    expect(root.child({ timeout: '1s' }).enter().context.deadline).toBeLessThan(root.context.deadline!)
    root[Symbol.dispose]()
    const wall = new Cancelable({ deadline: new Date(Date.now() + 60_000) }).enter()
    expect(wall.context.deadline).toBeGreaterThan(performance.now() + 50_000)
    wall[Symbol.dispose]()
  })

  test('row 26: has a JSON form for logs', () => {
    const operation = new Cancelable({ id: 'x', name: 'job', metadata: { a: 1 } }).enter()
    operation.cancel('stop')
    operation[Symbol.dispose]()
    const log = JSON.parse(JSON.stringify(operation.context)) as Record<string, unknown>
    expect(log).toMatchObject({ id: 'x', name: 'job', status: 'canceled', reason: 'stop', kind: 'manual' })
    expect(log['metadata']).toEqual({ a: 1 })
  })

  test('rows 25, 27, 28: keeps a final status, and has the given metadata', async () => {
    const metadata = Object.freeze({ tenant: 'a' })
    const operation = new Cancelable({ metadata })
    await operation.run(() => 1)
    operation.cancel()
    operation[Symbol.dispose]()
    operation.complete()
    expect(operation.context).toMatchObject({ status: 'completed', reason: undefined, metadata })
    expect(operation.context.metadata).toBe(metadata)
  })

  test('an id that was made is recognized as one', () => {
    expect(isGeneratedId(new Cancelable().context.id)).toBe(true)
    expect(isGeneratedId(new Cancelable({ id: 'job 7' }).context.id)).toBe(false)
  })

  test('row 29: the error is the thrown object', async () => {
    const failure = { not: 'an Error' }
    const operation = new Cancelable()
    // oxlint-disable-next-line prefer-promise-reject-errors -- bodies reject with anything, and that is tested
    await operation.run(() => Promise.reject(failure)).catch(() => undefined)
    expect(operation.context.error).toBe(failure)
  })
})

function expired(): Error {
  return thrown(() => new Cancelable({ timeout: 0 }).enter()) as Error
}

describe('errors', () => {
  test('rows 30 to 34: a class for every kind of reason, with its fields', () => {
    const classes = [
      TimeoutCancelation,
      ManualCancelation,
      SignalCancelation,
      ConditionCancelation,
      ResourceCancelation,
      AbortCancelation,
      ParentCancelation,
      AllCancelation,
      ErrorCancelation,
    ]
    REASONS.forEach((reason, i) => {
      const operation = new Cancelable().enter()
      operation.cancel(reason)
      const error = thrown(() => operation.throwIfCanceled()) as CancelationError
      expect(error).toBeInstanceOf(classes[i])
      expect(error).toBeInstanceOf(CancelationError)
      expect(error.reason).toEqual(reason)
      expect(error.message).toBe(reason.message)
      expect(error.code).toBe('ERR_TRIPLINE_CANCELED')
      expect(error.context).toBe(operation.context)
      expect(CancelationError.is(error)).toBe(true)
      expect(String(error)).toBe(`${error.name}: ${reason.message}`)
      operation[Symbol.dispose]()
    })
  })

  test('TimeoutError is recognized by name; other copies of the package by brand', () => {
    const operation = new Cancelable({ timeout: 0 })
    const error = thrown(() => operation.enter()) as Error
    expect(error.name).toBe('TimeoutError')
    const brand = Symbol.for('tripline.CancelationError')
    expect(CancelationError.is(Object.assign(new Error('another copy'), { [brand]: true }))).toBe(true)
    for (const other of [new Error('x'), null, undefined, 5, 'CancelationError', {}]) {
      expect(CancelationError.is(other)).toBe(false)
    }
  })

  test('no stack unless requested, and stacks of other errors are kept', () => {
    expect(expired().stack).not.toContain('\n')
    CancelationError.captureStack = true
    expect(expired().stack).toContain('context.test')
    CancelationError.captureStack = false
    expect(new Error('x').stack).toContain('context.test')
  })

  test('an error given as the reason is kept as its cause; the reason of a cancelation error is passed on', () => {
    const failure = new Error('disk')
    const first = new Cancelable().enter()
    first.cancel(failure)
    expect(first.reason).toMatchObject({ kind: 'error', cause: failure, message: 'disk' })
    const second = new Cancelable().enter()
    second.cancel(first.signal.reason as Error)
    expect(second.reason).toBe(first.reason)
  })

  test('a reason is frozen; an object from the caller is copied and not frozen', () => {
    const reason = { kind: 'manual' as const, message: 'mine', at: 5, by: 'me' }
    const operation = new Cancelable().enter()
    operation.cancel(reason)
    expect(operation.reason).toEqual(reason)
    expect(Object.isFrozen(operation.reason)).toBe(true)
    expect(Object.isFrozen(reason)).toBe(false)
  })

  test('rootCause follows the reasons of parents', () => {
    const manual: CancelationReason = { kind: 'manual', message: 'x', at: 1 }
    const parent: CancelationReason = { kind: 'parent', message: 'p', at: 1, parentId: 'a', parent: manual }
    expect(rootCause({ ...parent, parent })).toBe(manual)
    expect(rootCause(manual)).toBe(manual)
    const ended: CancelationReason = { kind: 'parent', message: 'p', at: 1, parentId: 'a' }
    expect(rootCause(ended)).toBe(ended)
  })
})
