// Vitest's fake timers, and what operations do under them; `fake-clocks.cjs` is put beside this file.
import { test, vi } from 'vitest'
import * as tripline from 'tripline'
import { scenarios } from './fake-clocks.cjs'

for (const config of [{}, { toFake: ['setTimeout', 'clearTimeout', 'performance'] }]) {
  const clock = {
    install: () => vi.useFakeTimers(config),
    uninstall: () => vi.useRealTimers(),
    advance: (ms) => vi.advanceTimersByTime(ms),
    pending: () => vi.getTimerCount(),
  }
  for (const [name, run] of Object.entries(scenarios)) test(`${name} ${config.toFake}`, () => run(tripline, clock))
}
