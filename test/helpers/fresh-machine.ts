/** A made-up machine for each test of a file or of a group, and the check that nothing is left after it. */
import { afterEach, beforeEach, expect } from 'vitest'
import { samplerStats } from '../../src/addon/sampler.js'
import { eventually } from './eventually.js'
import { FakeMachine } from './fake-machine.js'

/**
 * Gives each test a machine of its own. At its end, no guard, ticker or reader may be left, and the sampling thread has to
 * stop: it reads the machine that was there when it began.
 */
export function onFreshMachines(use: (machine: FakeMachine) => void): void {
  let machine: FakeMachine
  beforeEach(() => {
    machine = new FakeMachine()
    use(machine)
  })
  afterEach(async () => {
    machine[Symbol.dispose]()
    await eventually(() => samplerStats()?.running !== true, 'the thread stops with its last user')
    // Without the first use of the addon there are no statistics.
    const left = samplerStats() ?? { guards: 0, limits: 0, series: 0, tickers: 0 }
    expect(left).toMatchObject({ guards: 0, limits: 0, series: 0, tickers: 0 })
  })
}
