/** Patterns with wildcards, beside the regular expression that means the same. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { matchesGlob } from '../../src/registry/glob.js'

test('examples', () => {
  for (const [pattern, name] of [
    ['', ''],
    ['*', ''],
    ['*', 'anything/at all\n'],
    ['a*c', 'abcabc'],
    ['a?c', 'abc'],
    ['\\*', '*'],
    ['a\\', 'a\\'],
    ['*.log', 'x.log.log'],
  ] as const) {
    expect(matchesGlob(pattern, name), `${pattern} ${name}`).toBe(true)
  }
  for (const [pattern, name] of [
    ['', 'a'],
    ['a', 'A'],
    ['a', 'ab'],
    ['\\*', 'a'],
    ['?', ''],
    ['a.c', 'abc'],
    ['[a]', 'a'],
  ] as const) {
    expect(matchesGlob(pattern, name), `${pattern} ${name}`).toBe(false)
  }
})

function expression(pattern: string): RegExp {
  const source = pattern.replace(/\\([^])|([^])/g, (_, escaped?: string, plain?: string) => {
    if (escaped === undefined && plain === '*') return '[^]*'
    if (escaped === undefined && plain === '?') return '[^]'
    return (escaped ?? plain)!.replace(/[.*?\\]/, '\\$&')
  })
  return new RegExp(`^${source}$`)
}

test('means what the regular expression means', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?', '\\', '.') })
  fc.assert(
    fc.property(text, text, (pattern, name) => {
      expect(matchesGlob(pattern, name)).toBe(expression(pattern).test(name))
    }),
    { numRuns: 2000 },
  )
})

test('a pattern that would keep a regular expression busy for ages', () => {
  expect(matchesGlob(`${'*a'.repeat(200)}b`, 'a'.repeat(5000))).toBe(false)
})
