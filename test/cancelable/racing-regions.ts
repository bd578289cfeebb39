/** Regions that end by themselves at about the time at which they are ended. */
import { once } from 'node:events'
import { setTimeout as later } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { expect } from 'vitest'
import { Cancelable, CancelationError, CancelationToken, guard } from '../../src/index.js'

/** Runs so many regions, each with Node and this library around and inside, and checks that everything works as before. */
export async function racingRegions(count: number): Promise<void> {
  const guarded = guard({ 'process.rss': { above: '1TB' } })
  let ended = 0
  let returned = 0
  for (let i = 0; i < count; i++) {
    const token = new CancelationToken()
    const options = { timeout: 0.2 + (i % 10) / 10, token, resources: guarded }
    const outcome = await Cancelable.run((cancel) => {
      cancel.onProgress(() => undefined)
      return cancel.preemptible(() => {
        let seen = ''
        for (let n = 0; n < 40 + (i % 7) * 40; n++) {
          cancel.reportProgress({ done: n, total: 400 })
          JSON.stringify({ n, text: 'x'.repeat(100) })
          new CancelationToken().onCancel(() => undefined)
          seen = new URL(`http://example.com/${n}`).href
          Buffer.from(`${n}`).toString('base64')
        }
        return seen === '' ? '' : 'returned'
      })
    }, options).catch((error: unknown) => error)
    if (outcome === 'returned') returned++
    else if (outcome instanceof CancelationError && outcome.reason.kind === 'timeout') ended++
    else throw outcome
  }
  expect(ended).toBeGreaterThan(0)
  expect(ended + returned).toBe(count)
  guarded.close()
  let sum = 0
  for (let i = 0; i < 1e7; i++) sum += i
  expect(sum).toBeGreaterThan(0)
  await later(5)
  expect(await Cancelable.run((cancel) => cancel.race(later(1, 'fine')))).toBe('fine')
  expect(await import('node:zlib')).toHaveProperty('gzipSync')
  const worker = new Worker('require("node:worker_threads").parentPort.postMessage(1)', { eval: true })
  expect(await once(worker, 'message')).toEqual([1])
}
