/** V8 as the addon reaches it, by the names of its functions. */
import { once } from 'node:events'
import { resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { engineProblem } from '../../src/addon/engine.js'
import { loadAddon } from '../../src/addon/native.js'

test('in Node, its functions are found and behave', () => {
  expect(engineProblem()).toBe('')
})

test('a function that does not loop long enough to be interrupted is no proof, and nothing is left behind', () => {
  const addon = loadAddon()
  // Tested already in this thread.
  expect(addon.testEngine(() => 0, '/', '/')).toBe(true)
  let sum = 0
  for (let i = 0; i < 1e6; i++) sum += i
  expect(sum).toBe(499_999_500_000)
})

test('in each worker, and in the next one after it has ended', async () => {
  for (let round = 0; round < 3; round++) {
    const workers = Array.from(
      { length: 3 },
      () =>
        new Worker(
          `const m = { exports: {} }
           process.dlopen(m, ${JSON.stringify(resolve('build/Release/tripline.node'))})
           const probe = () => { let sum = 0; for (let i = 0; i < 1e6; i++) sum += i; return sum }
           require('node:worker_threads').parentPort.postMessage([m.exports.testEngine(probe, '/', '/'), probe()])`,
          { eval: true },
        ),
    )
    for (const [answer] of await Promise.all(workers.map((worker) => once(worker, 'message')))) {
      expect(answer).toEqual([true, 499_999_500_000])
    }
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
})
