/** The event loop as the sampling thread sees it. */
import { once } from 'node:events'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { getHeapStatistics } from 'node:v8'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { guard } from '../../src/monitor/guard.js'
import { sample } from '../../src/monitor/snapshot.js'
import { samplerStats } from '../../src/addon/sampler.js'
import { runModule } from '../helpers/child.js'
import { eventually } from '../helpers/eventually.js'
import { LIBRARY, endWatchedWorkers } from '../helpers/loop-workers.js'

function block(until: () => boolean, limit = 20_000): void {
  const deadline = performance.now() + limit
  while (!until() && performance.now() < deadline);
}

describe('eventLoop.delay', () => {
  it('breaches while the loop is blocked, not after it', async () => {
    using watched = guard({ 'eventLoop.delay': { above: 50, clear: 20 } }, { within: 20 })
    expect(watched.sampling[0]!.origin).toMatch(/heartbeat$/)
    await sample('eventLoop.delay')
    await watched.whenClear()
    expect(watched.state).toBe('clear')
    block(() => watched.isBreached)
    expect(watched.isBreached).toBe(true)
    expect(watched.breaches[0]!.value).toBeGreaterThan(50)
    expect(watched.breaches[0]!.origin).toBe('uv_metrics_idle_time(), heartbeat')
    await watched.whenClear()
  })

  it('breaches in a loop that is blocked from the moment at which the guard is made', () => {
    using watched = guard({ 'eventLoop.delay': 50 })
    block(() => watched.isBreached)
    expect(watched.isBreached).toBe(true)
  })

  it('breaches at whatever moment the block begins, and each time', async () => {
    using watched = guard({ 'eventLoop.delay': { above: 50, clear: 20 } }, { within: 30 })
    for (let count = 1; count <= 8; count++) {
      await sleep(7 * count)
      block(() => watched.isBreached)
      expect(watched.isBreached).toBe(true)
      await eventually(() => !watched.isBreached)
    }
  })

  it('of a loop that never waits, but turns, is short', async () => {
    using watched = guard({ 'eventLoop.delay': 5000 }, { within: 10 })
    let longest = 0
    for (const end = performance.now() + 700; performance.now() < end;) {
      for (let i = 0; i < 1000; i++) await turn()
      longest = Math.max(longest, (await sample('eventLoop.delay')).get('eventLoop.delay')!.value)
    }
    expect(watched.breaches).toEqual([])
    expect(longest).toBeLessThan(5000)
  })

  it('of an earlier block is not that of a guard which is made later', async () => {
    using heap = guard({ heap: 99 })
    {
      using first = guard({ 'eventLoop.delay': 30 }, { within: 10 })
      await sleep(50)
      block(() => first.isBreached)
    }
    await sleep(50)
    using second = guard({ 'eventLoop.delay': 30 }, { within: 1000 })
    expect(second.isBreached).toBe(false)
    expect(heap.isBreached).toBe(false)
  })

  it('is that of the worker which asks', async () => {
    const worker = new Worker(
      `const { guard } = require(${LIBRARY})
       const watched = guard({ 'eventLoop.delay': 50 }, { within: 20 })
       const end = Date.now() + 20_000
       setTimeout(() => {
         while (!watched.isBreached && Date.now() < end);
         require('node:worker_threads').parentPort.postMessage(watched.isBreached)
       }, 100)`,
      { eval: true },
    )
    using ours = guard({ 'eventLoop.delay': 10_000 })
    expect(await once(worker, 'message')).toEqual([true])
    expect(ours.breaches).toEqual([])
    await worker.terminate()
  })
})

describe('a loop', () => {
  it('that waits is not woken, however often it is looked at', async () => {
    const { stdout } = await runModule(`
      const { loopCount: turns } = performance.nodeTiming.uvMetricsInfo ?? {}
      const limits = { 'eventLoop.delay': 500, 'eventLoop.utilization': 90, heap: 80 }
      const watched = tripline.guard(limits, { within: 10 })
      const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
      // Whatever the start left to do.
      await sleep(500)
      const before = [performance.nodeTiming.uvMetricsInfo?.loopCount ?? 0, tripline.samplerStats().reads]
      await sleep(1000)
      const after = [performance.nodeTiming.uvMetricsInfo?.loopCount ?? 0, tripline.samplerStats().reads]
      console.log(JSON.stringify([after[0] - before[0], after[1] - before[1], watched.state]))
      watched.close()`)
    const [turns, reads, state] = JSON.parse(stdout)
    expect(state).toBe('clear')
    // A heartbeat with each read made it turn as often as it was read.
    expect(reads).toBeGreaterThan(10)
    expect(turns).toBeLessThan(10)
  })

  it('of a worker that is terminated while it is looked at is not touched any more', async () => {
    // Keeps the thread reading all the time.
    using watched = guard({ 'eventLoop.delay': 60_000 }, { within: 1 })
    await endWatchedWorkers(40)
    expect(watched.state).toBe('clear')
    await eventually(() => samplerStats()!.guards === 1)
  }, 60_000)
})

describe('eventLoop.utilization', () => {
  it("is one less the share of time that the loop's own clock counts as idle", async () => {
    const { stdout } = await runModule(`
      const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
      const watched = tripline.guard({ 'eventLoop.utilization': { above: 100, over: 1000 } }, { within: 20 })
      const moments = []
      const end = performance.now() + 2500
      while (performance.now() < end) {
        for (const busy = performance.now() + 12; performance.now() < busy; );
        await sleep(12)
        moments.push([performance.now(), performance.eventLoopUtilization()])
      }
      const { value, at } = (await tripline.sample('eventLoop.utilization')).get('eventLoop.utilization')
      // Over the same second.
      const nearest = (time) => moments.toSorted(([a], [b]) => Math.abs(a - time) - Math.abs(b - time))[0][1]
      const { utilization } = performance.eventLoopUtilization(nearest(at), nearest(at - 1000))
      console.log(JSON.stringify([value, 100 * utilization, watched.sampling[0].origin]))
      watched.close()`)
    const [ours, nodes, origin] = JSON.parse(stdout)
    expect(origin).toBe('uv_metrics_idle_time()')
    expect(Math.abs(ours - nodes)).toBeLessThan(20)
  })

  it('is low while idle and high while busy, in each window', async () => {
    using idle = guard({ 'eventLoop.utilization': { below: 60, over: 500 } }, { within: 20 })
    await eventually(() => idle.isBreached)
    using watched = guard({ 'eventLoop.utilization': { above: 90, for: 0, over: 300 } })
    block(() => watched.isBreached)
    expect(watched.isBreached).toBe(true)
  })
})

async function usedHeap(): Promise<number> {
  return (await sample('heap.used')).get('heap.used')!.value
}

describe('heap', () => {
  it('is that of now, not that of the last time it was asked for', async () => {
    const before = await usedHeap()
    const kept = Array.from({ length: 5e6 }, (_, i) => i + 0.5)
    expect(await usedHeap()).toBeGreaterThan(before + 20e6)
    expect(kept.length).toBe(5e6)
  })

  it("in bytes is V8's used heap", async () => {
    const { value } = (await sample('heap.used')).get('heap.used')!
    expect(value).toBeGreaterThan(1e6)
    expect(value).toBeLessThan(2 * getHeapStatistics().used_heap_size)
    using watched = guard({ 'heap.used': '1MB' })
    await eventually(() => watched.isBreached)
    expect(watched.breaches[0]).toMatchObject({ unit: 'bytes', origin: 'v8.getHeapStatistics()' })
  })

  it("is V8's used heap as a share of its limit", async () => {
    const { value } = (await sample('heap')).get('heap')!
    expect(value).toBeGreaterThan(0)
    expect(value).toBeLessThan(50)
  })
})
