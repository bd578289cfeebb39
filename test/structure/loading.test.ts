/** What loading the built package loads: commands, guards, samples and tickers wait for their first use. */
import { createRequire } from 'node:module'
import { describe, expect, it, test } from 'vitest'
import type * as Library from '../../src/index.js'
import { ROOT, runModule } from '../helpers/child.js'

describe('loading the package', () => {
  it('loads commands, guards, samples and tickers with their first use, but has their classes before', async () => {
    const { stdout, stderr } = await runModule(`
      import { createRequire } from 'node:module'
      const { cache } = createRequire(import.meta.url)
      const loaded = () => Object.keys(cache).map((file) => file.slice(${ROOT.length})).filter((file) => /^dist.(?:commands|guards|samples|tickers)/.test(file)).map((file) => file.slice(5, -4))
      const { Cancelable, Guard, Monitor, Snapshot, Ticker, every, guard, run, sample } = tripline
      const seen = [await Cancelable.run(loaded, { timeout: 1000 })]
      const resources = { 'memory.available': { below: '1000TB' } }
      await Cancelable.run(() => {}, { resources }).catch((error) => seen.push(error.name, loaded()))
      const watched = guard(resources)
      seen.push([watched instanceof Guard, watched.constructor === Guard])
      watched.close()
      seen.push((await run('true')).code, loaded())
      const taken = await sample('process.rss')
      seen.push(loaded(), [taken instanceof Snapshot, taken instanceof Monitor, taken.constructor === Snapshot])
      const ticker = every({ hz: 100 }, () => {})
      seen.push(loaded(), [ticker instanceof Ticker, taken instanceof Ticker])
      await ticker.close()
      console.log(JSON.stringify(seen))`)
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual([
      [],
      'ResourceCancelation',
      ['guards'],
      [true, true],
      0,
      ['guards', 'commands'],
      ['guards', 'commands', 'samples'],
      [true, false, true],
      ['guards', 'commands', 'samples', 'tickers'],
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

  it('lets a class extend one that was not loaded yet, and patches its prototype', async () => {
    const { stdout, stderr } = await runModule(`
      const { Cancelable, Guard, ResourceSource, Ticker, guard } = tripline
      class Named extends ResourceSource { get name() { return 'mine' } }
      class Own extends Ticker {}
      Guard.prototype.patched = () => 'patched'
      const limits = { 'memory.available': { below: '1000TB' } }
      const source = new Named(limits)
      const watched = guard(limits)
      const error = await Cancelable.run(() => {}, { sources: [source] }).catch((caught) => caught)
      const called = (() => { try { Guard(limits) } catch (caught) { return caught.name } })()
      console.log(JSON.stringify([
        [source.name, source.constructor === Named, source instanceof ResourceSource, new ResourceSource(limits) instanceof Named],
        [Object.getPrototypeOf(Own) === Ticker, Own.prototype instanceof Ticker],
        [watched.patched(), Guard.name, 'prototype' in Guard, error.name, called],
      ]))
      watched.close()`)
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual([
      ['mine', true, true, false],
      [true, true],
      ['patched', 'Guard', true, 'ResourceCancelation', 'TypeError'],
    ])
  })
})

test('the compiled library is strict code: a function that is called without an object gets none', async () => {
  const { cancelable } = createRequire(import.meta.url)('../../dist/index.cjs') as typeof Library
  const called = cancelable({ inject: false }, function (this: unknown) {
    return this
  })
  expect(await called()).toBeUndefined()
})
