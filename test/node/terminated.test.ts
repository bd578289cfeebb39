/** Workers that are terminated in the middle of a call into the addon. */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { eventually } from '../helpers/eventually.js'

const addon = fileURLToPath(new URL('../../build/Release/tripline.node', import.meta.url))

/** Sets `flag` before and after making a call, and never yields. */
const WORKER = `
  const { workerData: { flag, addon, call } } = require('node:worker_threads')
  const module = { exports: {} }
  process.dlopen(module, addon)
  const prepared = new Function('addon', 'return (' + call + ')')(module.exports)
  Atomics.store(flag, 0, 1)
  prepared()
  Atomics.store(flag, 0, 2)
  for (;;);`

/** Terminates a worker during `call`; returns whether the call was still in progress. */
async function terminateWithin(call: string): Promise<boolean> {
  const flag = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(WORKER, { eval: true, workerData: { flag, addon, call } })
  const errors: unknown[] = []
  worker.on('error', (error) => errors.push(error))
  while (Atomics.load(flag, 0) === 0 && errors.length === 0) await new Promise((resolve) => setImmediate(resolve))
  const within = Atomics.load(flag, 0) === 1
  await worker.terminate()
  expect(errors).toEqual([])
  return within
}

const START = `
  () => {
    const numbers = Float64Array.of(-1, -1, -1, 0, 15, 100, Infinity, 0, 0)
    const { handle } = addon.prepareCommand('/bin/sleep', 'sleep\\u000060', 'PATH=/bin', '', 'terminated', numbers, () => {}, '')
    addon.goCommand(handle, Infinity)
  }`

const BREACH = `
  (addon.attach(Buffer.alloc(262144), () => {}, true), () => {
    for (let i = 0; i < 1e6; i++) {
      const id = addon.subscribe(0, '', -1, false, 0, 0, false)
      addon.describe(id)
      addon.drain()
      addon.stats()
      addon.unsubscribe(id)
    }
  })`

const descriptors = (): number => readdirSync('/proc/self/fd').length

describe.runIf(process.platform === 'linux')('a worker that is terminated during a call', () => {
  it('that starts a command leaves no descriptor open', async () => {
    await terminateWithin(START)
    const before = descriptors()
    let within = 0
    for (let i = 0; i < 10; i++) within += Number(await terminateWithin(START))
    expect(within).toBeGreaterThan(0)
    await eventually(() => descriptors() <= before)
  })

  it('that builds results ends without the process', async () => {
    expect(await terminateWithin(BREACH)).toBe(true)
  })
})
