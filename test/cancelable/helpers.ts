/** Promises, rejections and turns of the event loop, for tests of operations. */
import { setImmediate as turn } from 'node:timers/promises'

/** A promise with the functions that settle it. */
export function deferred<T = void>(): {
  promise: Promise<T>
  resolve: (value: T) => void
  reject: (error: unknown) => void
} {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((res, rej) => {
    resolve = res
    reject = rej
  })
  return { promise, resolve, reject }
}

/** A promise that never settles. */
export function never<T = never>(): Promise<T> {
  return new Promise(() => undefined)
}

/** Lets the event loop turn `count` times. */
export async function turns(count: number = 1): Promise<void> {
  for (let i = 0; i < count; i++) await turn()
}

/** The error that a promise rejects with. */
export async function rejection(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('it did not reject')
}

/** The error that a function throws. */
export function thrown(fn: () => unknown): unknown {
  try {
    fn()
  } catch (error) {
    return error
  }
  throw new Error('it did not throw')
}

/** Waits until a condition is true, at most until the test's own time limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1))
}

/** Keeps the thread busy. */
export function block(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

/** The rejections that nothing handled while `fn` ran. */
export async function unhandledIn(fn: () => Promise<unknown>): Promise<unknown[]> {
  const seen: unknown[] = []
  const listeners = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', (error) => seen.push(error))
  try {
    await fn()
    await turns(3)
  } finally {
    process.removeAllListeners('unhandledRejection')
    for (const each of listeners) process.on('unhandledRejection', each)
  }
  return seen
}
