/** The addon called directly, with arguments that no caller in this library passes: refused or without effect, but no crash. */
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'

const SEEDS = 40
const CALLS = 1500

test('the addon survives calls with nonsense', () => {
  const first = Math.floor(Math.random() * 2 ** 31)
  const addon = resolve('build/Release/tripline.node')
  for (let seed = first; seed < first + SEEDS; seed++) {
    const run = spawnSync(process.execPath, ['test/addon/nonsense.cjs', addon, String(seed), String(CALLS)], {
      encoding: 'utf8',
      timeout: 60_000,
    })
    const last = run.stdout.trimEnd().split('\n').at(-1)
    // The program's own status, which neither a crash nor an exit by someone else has.
    expect({ seed, last, status: run.status, signal: run.signal, said: run.stderr }).toEqual({
      seed,
      last,
      status: 7,
      signal: null,
      said: '',
    })
  }
}, 300_000)

test('what is no number of a descriptor closes none', () => {
  const code = `
    const addon = require(process.argv[1])
    const { fstatSync } = require('node:fs')
    const thrown = []
    for (const given of ['x', undefined, null, {}, NaN, 1e300, -1e300, Infinity, 2 ** 31, -1]) {
      try { addon.closePipe(given) } catch { thrown.push(typeof given) }
      try { addon.startWatchdog(1000, false, given); addon.closeWatchdog() } catch {}
    }
    for (const fd of [0, 1, 2]) fstatSync(fd)
    console.log(JSON.stringify(thrown))`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', code, resolve('build/Release/tripline.node')], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  expect({ status, stdout, stderr }).toEqual({
    status: 0,
    stdout: '["string","undefined","object","object"]\n',
    stderr: '',
  })
})
