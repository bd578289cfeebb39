// Every way in which Jest fakes timers, and what operations do under them; `fake-clocks.cjs` is put beside this file.
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
      // Legacy timers are the same ones each time.
      runner.useFakeTimers(config).clearAllTimers()
      runner.useRealTimers()
      return run(tripline, clock)
    })
  }
}
