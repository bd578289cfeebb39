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
