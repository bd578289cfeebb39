/** What the sampling thread needs is locked in memory while it runs. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { guard, samplerStats } from '../../src/index.js'
import { eventually } from '../helpers/eventually.js'

test.runIf(process.platform === 'linux')('the thread locks its memory, or says why not, until it ends', async () => {
  using watched = guard({ memory: { above: 100 } })
  expect(watched.state).toBe('clear')
  await eventually(() => samplerStats()!.wakeups > 0)
  const { memoryLocked, memoryLockedWhy } = samplerStats()!
  expect(memoryLocked).toBe(memoryLockedWhy === '')
  const held = lockedKib()
  // Code, stack and the sampler itself; the board stays.
  if (memoryLocked) expect(held).toBeGreaterThan(64)
  else expect(memoryLockedWhy).toMatch(/^mlock: /)
  watched.close()
  await eventually(() => !samplerStats()!.running)
  expect(samplerStats()).toMatchObject({ memoryLocked: false, memoryLockedWhy: 'no sampling thread' })
  if (memoryLocked) expect(lockedKib()).toBeLessThan(held - 64)
})

function lockedKib(): number {
  return Number(/VmLck:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1])
}
