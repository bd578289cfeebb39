/** The event loop as the sampling thread sees it. */
import { getHeapStatistics } from 'node:v8'
import { describe, expect, it } from 'vitest'
import { guard } from '../../src/monitor/guard.js'
import { sample } from '../../src/monitor/snapshot.js'
import { eventually } from '../helpers/eventually.js'

function block(until: () => boolean, limit = 20_000): void {
  const deadline = performance.now() + limit
  while (!until() && performance.now() < deadline);
}

describe('eventLoop.delay', () => {
  it('breaches while the loop is blocked, not after it', async () => {
    using watched = guard({ 'eventLoop.delay': { above: 50, clear: 20 } }, { within: 20 })
    await eventually(() => watched.sampling[0]!.origin === 'heartbeat')
    // The heartbeat must be answered once before anything can be said.
    await sample('eventLoop.delay')
    expect(watched.state).toBe('clear')
    block(() => watched.isBreached)
    expect(watched.isBreached).toBe(true)
    expect(watched.breaches[0]!.value).toBeGreaterThan(50)
    await watched.whenClear()
  })
})

describe('eventLoop.utilization', () => {
  it('is low while idle and high while busy, in each window', async () => {
    const idle = await sample({ metric: 'eventLoop.utilization', over: 500 })
    expect(idle.get('eventLoop.utilization')!.value).toBeLessThan(60)
    using watched = guard({ 'eventLoop.utilization': { above: 90, for: 0, over: 300 } })
    block(() => watched.isBreached)
    expect(watched.isBreached).toBe(true)
  })
})

describe('heap', () => {
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
