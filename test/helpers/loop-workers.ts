/** Workers whose event loops are watched until the moment at which they are terminated. */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { PACKAGE } from './child.js'

/** The path of the built package for `require`, as text for a program. */
export const LIBRARY: string = JSON.stringify(fileURLToPath(new URL('index.cjs', PACKAGE)))

// With a stack wanted, the loop is blocked for longer than its limit all the time.
const program = (blocked: boolean): string => `
  const { guard } = require(${LIBRARY})
  const delay = ${blocked} ? { above: 5, stack: true } : { above: 20 }
  const limits = { 'eventLoop.delay': delay, 'eventLoop.utilization': 50, heap: 80 }
  for (let i = 0; i < 3; i++) guard(limits, { within: 1 + i })
  require('node:worker_threads').parentPort.postMessage('ready')
  const spin = () => { for (const end = Date.now() + ${blocked ? 40 : 5}; Date.now() < end; ); setTimeout(spin, 2) }
  spin()`

async function endOne(delay: number, blocked: boolean): Promise<void> {
  const worker = new Worker(program(blocked), { eval: true })
  await once(worker, 'message')
  await sleep(delay)
  await worker.terminate()
}

/** Starts and terminates `count` workers, 8 at a time. */
export async function endWatchedWorkers(count: number, { blocked = false } = {}): Promise<void> {
  for (let round = 0; round < count / 8; round++) {
    await Promise.all(Array.from({ length: 8 }, (_, i) => endOne((round + 5 * i) % 23, blocked)))
  }
}
