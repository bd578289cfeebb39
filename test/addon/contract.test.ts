/** The number by which the addon and JavaScript recognize each other. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { agreement, contractFiles } from '../../scripts/generate-contract.js'
import { read } from '../../scripts/generate-metrics.js'
import { CONTRACT } from '../../src/addon/contract.js'
import { loadAddon, type Addon } from '../../src/addon/native.js'

const native = read('src/addon/native.ts')
const board = read('src/addon/board.ts')

describe('the number of the addon’s interface', () => {
  test.each(Object.entries(contractFiles()))('is generated: %s (npm run generate)', (path, text) => {
    expect(read(path)).toBe(text)
  })

  test('is compiled into the addon', () => {
    expect(loadAddon().contract).toBe(CONTRACT)
  })

  test('depends on arguments, results and layout', () => {
    const changed = [
      [native.replace('mustExist: boolean', 'mustExist: number'), board],
      [native.replace('unsubscribe(subscription: number): void', 'unsubscribe(subscription: number): boolean'), board],
      [native.replace("  'paused',\n  'resumed',", "  'resumed',\n  'paused',"), board],
      [native, board.replace(/(const CELL_WORDS = )\d+/, '$19')],
    ] as const
    const texts = changed.map((sources) => agreement(...sources))
    expect(new Set([agreement(), ...texts]).size).toBe(5)
  })

  test('does not depend on comments', () => {
    const changed = native.replaceAll(/\/\*\* [^]*?\*\//g, '/** Other words. */')
    expect(changed).not.toBe(native)
    expect(agreement(changed)).toBe(agreement())
  })
})

/** Loads the library's copy of `native.ts` anew, with this addon instead of the file's. */
async function loadInstead(addon: Partial<Addon>): Promise<Addon> {
  vi.spyOn(process, 'dlopen').mockImplementation((module) => void ((module as { exports: unknown }).exports = addon))
  vi.resetModules()
  const fresh = await import('../../src/addon/native.js')
  return fresh.loadAddon()
}

describe('an addon', () => {
  const ours = loadAddon()
  const names = ours.metrics()

  afterEach(() => {
    vi.restoreAllMocks()
    vi.resetModules()
  })

  test('with this number and these metrics is loaded', async () => {
    const addon = { contract: CONTRACT, metrics: () => names }
    expect(await loadInstead(addon)).toBe(addon)
  })

  test.each<[string, Partial<Addon>]>([
    ['with another number', { contract: CONTRACT + 1, metrics: () => names }],
    ['without a number', { metrics: () => names }],
    ['with a metric less', { contract: CONTRACT, metrics: () => names.slice(1) }],
    ['with a metric more', { contract: CONTRACT, metrics: () => [...names, 'new'] }],
    ['with metrics in another order', { contract: CONTRACT, metrics: () => names.toReversed() }],
  ])('%s is refused', async (_, addon) => {
    await expect(loadInstead(addon)).rejects.toMatchObject({
      code: 'ERR_TRIPLINE_NATIVE_MISSING',
      cause: { message: expect.stringContaining("built from other sources than this version's") },
    })
  })
})
