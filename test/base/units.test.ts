/** Sizes are printed in the units in which they are given, so that a printed size can be typed as a limit. */
import { describe, expect, test } from 'vitest'
import { formatLine, formatPair, formatSize, formatValue, parseSize } from '../../src/base/units.js'

describe('sizes', () => {
  test.each(['300MB', '1.50GB', '999kB', '64.0MiB', '100MiB', '1.50GiB', '64.0KiB', '2.00TB', '512B'])(
    'the limit %s is printed as it was given',
    (text) => {
      expect(formatLine(parseSize(text, 'limit'), 'bytes')).toBe(text)
      expect(formatLine(parseSize(text, 'limit'), 'bytes/s')).toBe(`${text}/s`)
    },
  )

  test('values are printed in powers of 1000, and beside a limit as that was given', () => {
    expect(formatSize(2 ** 30)).toBe('1.07GB')
    expect(formatValue(2 ** 30, 'bytes')).toBe('1.07GB')
    expect(formatValue(2 ** 20, 'bytes/s')).toBe('1.05MB/s')
    expect(formatValue(300e6, 'bytes', 64 * 2 ** 20)).toBe('286MiB')
    expect(formatPair(300e6, 64 * 2 ** 20, 'bytes')).toEqual(['286MiB', '64.0MiB'])
    expect(formatPair(300e6, 250e6, 'bytes')).toEqual(['300MB', '250MB'])
    // Half of a machine's memory is round in neither.
    expect(formatPair(2e9, 1_073_745_920, 'bytes')).toEqual(['2.00GB', '1.07GB'])
  })

  test.each<[number, number, string, string[]]>([
    [0.002, 0.001, '%', ['0.002%', '0.001%']],
    [8.7, 0.001, '%', ['8.7%', '0.001%']],
    [90.04, 90, '%', ['90.04%', '90%']],
    [93.1, 90, '%', ['93.1%', '90.0%']],
    [0.0002, 0.0001, 'C', ['0.0002 C', '0.0001 C']],
    [2.0001, 2, 'count', ['2.0001', '2']],
    [500.0004, 500, 'ms', ['500.0004ms', '500ms']],
    [1, 0, 'flag', ['yes', 'no']],
    [0, 0, '%', ['0.0%', '0.0%']],
  ])('%d beside the limit %d (%s) is printed with digits that distinguish them', (value, line, unit, texts) => {
    expect(formatPair(value, line, unit)).toEqual(texts)
  })

  test('no limit but 0 is printed as 0', () => {
    expect(formatLine(0.001, '%')).toBe('0.001%')
    expect(formatLine(0, '%')).toBe('0.0%')
    expect(formatLine(0.0001, 'C')).toBe('0.0001 C')
  })

  test('what is printed is accepted as a limit, and is the same to three digits', () => {
    for (let bytes = 1; bytes < 1e15; bytes = Math.ceil(bytes * 1.7)) {
      for (const base of [1000, 1024] as const) {
        expect(Math.abs(parseSize(formatSize(bytes, base), 'limit') / bytes - 1)).toBeLessThan(0.006)
      }
    }
  })
})
