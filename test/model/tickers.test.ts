/** Random programs of tickers against a model: a few of them here, as many as time allows in `npm run test:model`. */
import { subscribe } from 'node:diagnostics_channel'
import { vi } from 'vitest'
import { model } from './harness.js'
import { tickers } from './tickers.js'

// Everything that tickers measure and wait for is on the scripted machine.
vi.mock('../../src/base/clock.js', async (original) => {
  const { machine } = await import('./scripted-machine.js')
  const now = (): number => machine.time
  return { ...(await original<object>()), now, realNow: now, isClockReal: () => true }
})
vi.mock('../../src/base/real-timers.js', async (original) => {
  const { machine } = await import('./scripted-machine.js')
  const { realTimers, ...rest } = await original<typeof import('../../src/base/real-timers.js')>()
  const scripted = {
    setTimeout: machine.setTimeout.bind(machine),
    clearTimeout: machine.clearTimeout.bind(machine),
  }
  return { ...rest, realTimers: { ...realTimers, ...scripted } }
})
// Tickers of one priority resume at random moments.
vi.spyOn(Math, 'random').mockReturnValue(0)
// What nothing catches is reported here, or else printed.
subscribe('tripline:error', () => undefined)

model('tickers', tickers)
