/** What loading the built package loads: commands, samples and tickers wait for their first call. */
import { describe, expect, it } from 'vitest'
import { ROOT, runModule } from '../helpers/child.js'

describe('loading the package', () => {
  it('loads commands, samples and tickers with their first call, whose classes are known before', async () => {
    const { stdout, stderr } = await runModule(`
      import { createRequire } from 'node:module'
      const { cache } = createRequire(import.meta.url)
      const loaded = () => Object.keys(cache).map((file) => file.slice(${ROOT.length})).filter((file) => /^dist.(?:commands|samples|tickers)/.test(file)).map((file) => file.slice(5, -4))
      const { Monitor, Snapshot, Ticker, every, run, sample } = tripline
      const seen = [loaded(), (await run('true')).code, loaded()]
      const taken = await sample('process.rss')
      seen.push(loaded(), [taken instanceof Snapshot, taken instanceof Monitor, taken.constructor === Snapshot])
      const ticker = every({ hz: 100 }, () => {})
      seen.push(loaded(), [ticker instanceof Ticker, taken instanceof Ticker])
      await ticker.close()
      console.log(JSON.stringify(seen))`)
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual([
      [],
      0,
      ['commands'],
      ['commands', 'samples'],
      [true, false, true],
      ['commands', 'samples', 'tickers'],
      [true, false],
    ])
  })

  it('answers instanceof before anything was made', async () => {
    const { stdout, stderr } = await runModule(`
      const { Snapshot, Ticker, snapshot } = tripline
      console.log({} instanceof Ticker, snapshot() instanceof Snapshot, Ticker.name, Snapshot.name)`)
    expect(stderr).toBe('')
    expect(stdout).toBe('false true Ticker Snapshot\n')
  })
})
