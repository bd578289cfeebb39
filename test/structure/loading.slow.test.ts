/** What loading the built package loads: commands, guards, samples and tickers wait for their first use. */
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, test } from 'vitest'
import type * as Library from '../../src/index.js'
import { CLI, ROOT, runCommand, runModule } from '../helpers/child.js'

const DIST = join(ROOT, 'dist')

describe('loading the package', () => {
  it('loads commands, guards, samples and tickers with their first use, but has their classes before', async () => {
    const { stdout, stderr } = await runModule(`
      import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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

describe('the command', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tripline-loading-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  /** What this command line loads: files of the command, and modules of Node that Node itself has not loaded. */
  async function loadedBy(...words: string[]): Promise<{ files: string[]; builtins: string[] }> {
    const [preload, list] = [join(folder, 'preload.cjs'), join(folder, 'list.json')]
    const script = `
      const before = new Set(process.moduleLoadList)
      process.on('exit', () => {
        const builtins = process.moduleLoadList.filter((each) => !before.has(each))
        require('node:fs').writeFileSync(${JSON.stringify(list)}, JSON.stringify({ files: Object.keys(require.cache), builtins }))
      })`
    writeFileSync(preload, script)
    const { code, stderr } = await runCommand(process.execPath, ['-r', preload, CLI, ...words])
    expect([code, stderr]).toEqual([0, ''])
    const { files, builtins } = JSON.parse(readFileSync(list, 'utf8')) as { files: string[]; builtins: string[] }
    const own = files
      .filter((each) => each.startsWith(join(DIST, 'cli')))
      .map((each) => each.slice(DIST.length + 5, -3))
    return { files: own.toSorted(), builtins: builtins.map((each) => each.replace('NativeModule ', '')) }
  }

  it('loads neither guards nor reservations, verbs or streams to run a command without limits', async () => {
    const plain = await loadedBy('run', '--timeout', '100', 'true')
    expect(plain.files).toEqual(['main', 'rolldown-runtime'])
    const large = [
      'child_process',
      'crypto',
      'diagnostics_channel',
      'inspector',
      'module',
      'net',
      'perf_hooks',
      'stream',
      'tty',
      'worker_threads',
    ]
    expect(plain.builtins.filter((each) => large.includes(each))).toEqual([])
    expect((await loadedBy('run', '--procs', '100', 'true')).files).toEqual(['guards', 'main', 'rolldown-runtime'])
  })

  it('has all that it needs once the command runs: a command may replace node_modules', async () => {
    for (const name of ['dist', 'package.json', 'build/Release/tripline.node', 'node_modules/node-gyp-build']) {
      cpSync(join(ROOT, name), join(folder, 'package', name), { recursive: true })
    }
    const main = join(folder, 'package/dist/cli/main.js')
    const remove = `rm -r '${join(folder, 'package')}'; exec sleep 100`
    const { code, stderr } = await runCommand(process.execPath, [
      main,
      'run',
      '-v',
      '--timeout',
      '0.5',
      'sh',
      '-c',
      remove,
    ])
    expect(stderr).toMatch(/ended sh .*time limit of 500ms; sent TERM/)
    expect(code).toBe(124)
  })

  it('has only ASCII in its files and those of the library, whose text V8 would keep with two bytes per character', () => {
    const files = readdirSync(DIST, { recursive: true, encoding: 'utf8' }).filter((each) => /\.c?js$/.test(each))
    expect(files).toContain('library.cjs')
    for (const file of files) expect(readFileSync(join(DIST, file), 'utf8'), file).not.toMatch(/[^\0-\x7F]/)
  })
})
