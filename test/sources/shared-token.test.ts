/** Tokens that several threads share. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { Cancelable, CancelationToken } from '../../src/index.js'
import { rejection, thrown } from '../cancelable/helpers.js'

/** Sets the shared word on request from another thread, as a token in that thread would. */
async function startRemote(shared: { buffer: SharedArrayBuffer }): Promise<Worker> {
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads')
     const words = new Int32Array(workerData.buffer, 0, 2)
     parentPort.once('message', () => {
       const text = new TextEncoder().encode(JSON.stringify({ kind: 'manual', message: 'from afar', at: performance.timeOrigin + 5 }))
       new Uint8Array(workerData.buffer, 8).set(text)
       Atomics.store(words, 1, text.length)
       Atomics.store(words, 0, 2)
       Atomics.notify(words, 0)
     })
     parentPort.postMessage('ready')`,
    { eval: true, workerData: shared },
  )
  await once(worker, 'message')
  return worker
}

describe('a shared token', () => {
  test('row 40: a cancelation in one thread reaches the others', async () => {
    const token = new CancelationToken()
    const copy = CancelationToken.from(token.share())
    expect(token.share().buffer).toBe(token.share().buffer)
    const run = Cancelable.run((cancel) => cancel.sleep(60_000), { token: copy })
    token.cancel('everywhere')
    expect(await rejection(run)).toMatchObject({ reason: { kind: 'manual', message: 'everywhere' } })
    expect(copy.reason!.at).toBeCloseTo(token.reason!.at)
  })

  test('the first reason wins, whichever side sets it', () => {
    const token = new CancelationToken()
    const copy = CancelationToken.from(token.share())
    copy.cancel('copy')
    expect(token.isCanceled).toBe(true)
    expect(token.reason).toMatchObject({ message: 'copy' })
    expect(token.cancel('token')).toBe(false)
  })

  test('a token may be canceled before it is shared', () => {
    const token = new CancelationToken()
    token.cancel('early')
    expect(CancelationToken.from(token.share()).reason).toMatchObject({ message: 'early' })
  })

  test('errors and long texts are cut to what fits', () => {
    const token = new CancelationToken()
    const copy = CancelationToken.from(token.share())
    token.cancel(new Error('broken'))
    expect(copy.reason).toMatchObject({ kind: 'error', message: 'broken', cause: { name: 'Error', message: 'broken' } })
    const long = new CancelationToken()
    const cut = CancelationToken.from(long.share())
    long.cancel('x'.repeat(10_000))
    expect(cut.reason!.message).toBe('x'.repeat(500))
  })

  test('a loop that never yields sees the cancelation by a worker, with times on its own clock', async () => {
    const token = new CancelationToken()
    const worker = await startRemote(token.share())
    const operation = new Cancelable({ token }).enter()
    const child = operation.child().enter()
    worker.postMessage('now')
    const end = performance.now() + 20_000
    while (!child.isCanceled && performance.now() < end);
    expect(operation.reason).toMatchObject({ message: 'from afar' })
    expect(operation.reason!.at).toBeLessThan(performance.now())
    await worker.terminate()
  })

  test('an operation that waits is woken by a worker', async () => {
    const token = new CancelationToken()
    const worker = await startRemote(token.share())
    const run = Cancelable.run((cancel) => cancel.sleep(60_000), { token })
    worker.postMessage('now')
    expect(await rejection(run)).toMatchObject({ message: 'from afar' })
    await worker.terminate()
  })

  test('bad input', () => {
    expect(thrown(() => CancelationToken.from({} as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    expect(thrown(() => CancelationToken.from(undefined as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    expect(thrown(() => CancelationToken.from({ buffer: new SharedArrayBuffer(8) }))).toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    })
  })
})
