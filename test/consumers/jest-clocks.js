// Tests operations under every kind of Jest's fake timers. The row copies `fake-clocks.cjs` beside this file.
const { jest: runner, test } = require('@jest/globals')
const tripline = require('tripline')
const { scenarios } = require('./fake-clocks.cjs')

const ways = {
  modern: {},
  legacy: { legacyFakeTimers: true },
  'without performance': { doNotFake: ['performance', 'hrtime', 'nextTick', 'queueMicrotask', 'setImmediate'] },
}
for (const [way, config] of Object.entries(ways)) {
  const clock = {
    install: () => runner.useFakeTimers(config),
    uninstall: () => runner.useRealTimers(),
    advance: (ms) => runner.advanceTimersByTime(ms),
    pending: () => runner.getTimerCount(),
  }
  for (const [name, run] of Object.entries(scenarios)) {
    test(`${way}: ${name}`, () => {
      // Clear the timers, because Jest uses the same legacy timers each time.
      runner.useFakeTimers(config).clearAllTimers()
      runner.useRealTimers()
      return run(tripline, clock)
    })
  }
}
