/** Workers whose event loops are watched until the moment at which they are terminated. */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { PACKAGE } from './child.js'

/** The path of the built package for `require`, as text for a program. */
export const LIBRARY: string = JSON.stringify(fileURLToPath(new URL('index.cjs', PACKAGE)))

const WATCHED = `
  const { guard } = require(${LIBRARY})
  const limits = { 'eventLoop.delay': { above: 20 }, 'eventLoop.utilization': 50, heap: 80 }
  for (let i = 0; i < 3; i++) guard(limits, { within: 1 + i })
  require('node:worker_threads').parentPort.postMessage('ready')
  const spin = () => { for (const end = Date.now() + 5; Date.now() < end; ); setTimeout(spin, 2) }
  spin()`

async function endOne(delay: number): Promise<void> {
  const worker = new Worker(WATCHED, { eval: true })
  await once(worker, 'message')
  await sleep(delay)
  await worker.terminate()
}

/** Starts and terminates `count` workers, 8 at a time. */
export async function endWatchedWorkers(count: number): Promise<void> {
  for (let round = 0; round < count / 8; round++) {
    await Promise.all(Array.from({ length: 8 }, (_, i) => endOne((round + 5 * i) % 23)))
  }
}
