/** Many workers that end while the sampling thread looks at their loops. */
import { expect, it } from 'vitest'
import { guard } from '../../src/monitor/guard.js'
import { samplerStats } from '../../src/addon/sampler.js'
import { eventually } from '../helpers/eventually.js'
import { endWatchedWorkers } from '../helpers/loop-workers.js'

it('the loops of 200 workers that are terminated are not touched any more', async () => {
  // Keeps the thread reading all the time.
  using watched = guard({ 'eventLoop.delay': 60_000 }, { within: 1 })
  await endWatchedWorkers(200)
  expect(watched.state).toBe('clear')
  await eventually(() => samplerStats()!.guards === 1)
}, 120_000)
