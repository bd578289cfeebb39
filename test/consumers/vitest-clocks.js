// Tests operations under Vitest's fake timers. The row copies `fake-clocks.cjs` beside this file.
import { test, vi } from 'vitest'
import * as tripline from 'tripline'
import { scenarios } from './fake-clocks.cjs'

const ways = { everything: {}, 'few functions': { toFake: ['setTimeout', 'clearTimeout', 'performance'] } }
for (const [way, config] of Object.entries(ways)) {
  const clock = {
    install: () => vi.useFakeTimers(config),
    uninstall: () => vi.useRealTimers(),
    advance: (ms) => vi.advanceTimersByTime(ms),
    pending: () => vi.getTimerCount(),
  }
  for (const [name, run] of Object.entries(scenarios)) test(`${way}: ${name}`, () => run(tripline, clock))
}
