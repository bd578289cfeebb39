/** The number by which the addon and JavaScript recognize each other. */
import { describe, expect, test } from 'vitest'
import { agreement, contractFiles } from '../../scripts/generate-contract.js'
import { read } from '../../scripts/generate-metrics.js'
import { CONTRACT } from '../../src/addon/contract.js'
import { loadAddon } from '../../src/addon/native.js'

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
