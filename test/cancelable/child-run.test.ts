/** Runs of the package's own hot paths: how they settle, how long they took, and what they leave to their parent. */
import { afterEach, describe, expect, test } from 'vitest'
import { useClock } from '../../src/base/clock.js'
import { elapsedOf, hasCompleted, isAbandoned, runChild, runSettling } from '../../src/cancelable/child-run.js'
import { Cancelable } from '../../src/index.js'
import { deferred, never, rejection, turns, unhandledIn } from './helpers.js'

/** Stops the clock at `time`, in milliseconds; no timer fires. */
function setTime(time: number): void {
  useClock({ now: () => time, date: () => time, setTimeout: () => 0, clearTimeout: () => undefined })
}

afterEach(() => useClock(undefined))

const ignore = (): void => undefined

/** Starts a run that nothing awaits. */
function startLoose(operation: Cancelable): void {
  void runSettling(operation, (cancel) => cancel.sleep('1h'), ignore)
}

describe('runSettling', () => {
  test('settles as the body does, and calls back before that, once', async () => {
    const steps: string[] = []
    const fulfilled = new Cancelable()
    const result = runSettling(
      fulfilled,
      () => 'value',
      () => steps.push('settled'),
    ).finally(() => steps.push('promise'))
    expect(await result).toBe('value')
    const failed = new Cancelable()
    const error = new Error('broken')
    const broken = runSettling(
      failed,
      () => Promise.reject(error),
      () => steps.push('failed'),
    )
    expect(await rejection(broken)).toBe(error)
    expect(steps).toEqual(['settled', 'promise', 'failed'])
    expect([hasCompleted(fulfilled), hasCompleted(failed)]).toEqual([true, false])
    expect([isAbandoned(fulfilled), isAbandoned(failed)]).toEqual([false, false])
  })

  test('a body that goes on after its cancelation is abandoned, and has not completed', async () => {
    const operation = new Cancelable({ grace: 0 })
    const run = rejection(
      runSettling(
        operation,
        () => never(),
        () => undefined,
      ),
    )
    expect(isAbandoned(operation)).toBe(false)
    operation.cancel('stop')
    await run
    expect([isAbandoned(operation), hasCompleted(operation)]).toEqual([true, false])
  })

  test('a run that ends with its parent is no unhandled rejection; one without a parent is', async () => {
    const parent = new Cancelable()
    const quiet = await unhandledIn(async () => {
      const whole = rejection(
        parent.run((cancel) => {
          startLoose(cancel.child())
          return cancel.sleep('1h')
        }),
      )
      parent.cancel('enough')
      await whole
    })
    expect(quiet).toEqual([])
    const loud = await unhandledIn(async () => {
      const alone = new Cancelable()
      startLoose(alone)
      alone.cancel('alone')
      await turns(3)
    })
    expect(loud).toEqual([expect.objectContaining({ message: 'alone' })])
  })
})

describe('runChild', () => {
  test('is below its parent, with a timeout of its own', async () => {
    const parent = new Cancelable().enter()
    const { promise, resolve } = deferred<unknown>()
    const child = runChild(parent, 0, (cancel) => cancel.sleep('1h'), ignore, resolve)
    expect(child.context.parentId).toBe(parent.context.id)
    expect(await promise).toMatchObject({ reason: { kind: 'timeout', timeout: 0 } })
    const value = deferred<unknown>()
    runChild(parent, undefined, () => 'value', value.resolve, ignore)
    expect(await value.promise).toBe('value')
    parent[Symbol.dispose]()
  })

  test('has no grace period, not even that of its parent', async () => {
    const parent = new Cancelable({ grace: '1h' }).enter()
    const { promise, resolve } = deferred<unknown>()
    const child = runChild(parent, undefined, () => never(), ignore, resolve)
    child.cancel('stop')
    expect(await promise).toMatchObject({ message: 'stop' })
    expect(isAbandoned(child)).toBe(true)
    parent[Symbol.dispose]()
  })

  test('how long it took counts up to its end, or up to now while its body goes on', async () => {
    setTime(1000)
    const parent = new Cancelable().enter()
    const { promise, resolve } = deferred()
    const ended = runChild(parent, undefined, () => promise, ignore, ignore)
    const left = runChild(parent, undefined, () => never(), ignore, ignore)
    setTime(1004)
    expect([elapsedOf(ended), elapsedOf(left)]).toEqual([4, 4])
    resolve()
    left.cancel()
    await turns(3)
    setTime(1010)
    expect(isAbandoned(left)).toBe(true)
    expect([elapsedOf(ended), elapsedOf(left)]).toEqual([4, 10])
    parent[Symbol.dispose]()
  })
})
