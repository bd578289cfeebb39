/** Functions of the library wait where a region that is ordered to end can be ended, before they change anything. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

// Modules of its own: this test stands in for the native code that orders regions to end.
vi.resetModules()
const { watchOrder } = await import('../../src/base/safe-point.js')
const { Cancelable, CancelationToken, TokenSource, guard } = await import('../../src/index.js')

const ignore = (): undefined => undefined
const words = new Int32Array(new SharedArrayBuffer(4))
let worker: Worker

beforeAll(async () => {
  worker = new Worker(
    `const { parentPort, workerData: words } = require('node:worker_threads')
     parentPort.postMessage('ready')
     for (;;) {
       Atomics.wait(words, 0, 0)
       // Longer than any function takes that does not wait.
       Atomics.wait(words, 0, 1, 3)
       Atomics.store(words, 0, 0)
     }`,
    { eval: true, workerData: words },
  )
  await once(worker, 'message')
})
afterAll(() => worker.terminate())

/** Whether `call` returns only when the order has been withdrawn. */
function waits(call: () => unknown): boolean {
  watchOrder(words, 0)
  Atomics.store(words, 0, 1)
  Atomics.notify(words, 0)
  call()
  const withdrawn = Atomics.load(words, 0) === 0
  while (Atomics.load(words, 0) !== 0);
  return withdrawn
}

test('every function that changes something waits', async () => {
  const running = new Cancelable().enter()
  const token = new CancelationToken()
  const watched = guard({ 'process.rss': { above: '1TB' } })
  const calls: Readonly<Record<string, () => unknown>> = {
    'new Cancelable': () => new Cancelable(),
    'Cancelable.run': () => Cancelable.run(ignore),
    addSource: () => running.addSource(new TokenSource(token)),
    touch: () => running.touch(),
    extend: () => running.extend('1h'),
    defer: () => running.defer(ignore),
    reportProgress: () => running.reportProgress('half'),
    onStart: () => running.onStart(ignore),
    onProgress: () => running.onProgress(ignore),
    onComplete: () => running.onComplete(ignore),
    onCancel: () => running.onCancel(ignore),
    onSettled: () => running.onSettled(ignore),
    onError: () => running.onError(ignore),
    cancel: () => running.cancel(),
    complete: () => running.complete(),
    'Symbol.dispose': () => running[Symbol.dispose](),
    'new CancelationToken': () => new CancelationToken(),
    'token.onCancel': () => token.onCancel(ignore),
    'token.cancel': () => token.cancel(),
    'guard.on': () => watched.on('breach', ignore),
    'guard.close': () => watched.close(),
  }
  const fresh = { enter: new Cancelable(), run: new Cancelable() }
  expect(
    waits(() => fresh.enter.enter()),
    'enter',
  ).toBe(true)
  let run: Promise<unknown> | undefined
  expect(
    waits(() => (run = fresh.run.run(ignore))),
    'run',
  ).toBe(true)
  await run
  for (const [name, call] of Object.entries(calls)) expect(waits(call), name).toBe(true)
  fresh.enter.complete()
  // Without an order, nothing waits.
  expect(waits(ignore)).toBe(false)
})
