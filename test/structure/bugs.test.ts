/** The deliberate bugs of `npm run test:sanitize -- --prove`, which builds them; here only that they still fit the code. */
import { readFileSync, readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { BUGS } from '../sanitize/bugs.js'

const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')

const PROGRAMS = ['blocked', 'commands', 'exit', 'lifecycle', 'stages']

test.each(BUGS.map((bug) => [bug.kind, bug] as const))('%s fits', (_, bug) => {
  let text = read(bug.file)
  for (const { find, replace } of [bug, ...(bug.also ?? [])]) {
    expect(text.split(find), find).toHaveLength(2)
    text = text.replace(find, () => replace)
  }
  expect(text).not.toBe(read(bug.file))
  // Unit tests are selected by a part of a name; a program is a file.
  const [net, word] = bug.net
  if (net === 'native') {
    const files = readdirSync(new URL('../native', import.meta.url)).filter((name) => name.endsWith('_test.cc'))
    expect(files.some((file) => read(`test/native/${file}`).includes(`TEST(${word}`))).toBe(true)
  } else {
    expect(PROGRAMS).toContain(net)
  }
})

test('there is one of every kind for each sanitizer', () => {
  const kinds = BUGS.map((bug) => bug.kind).join()
  for (const kind of [
    'use after free',
    'data race',
    'leak',
    'lock left out',
    'undefined behavior',
    'descriptor leak',
  ]) {
    expect(kinds).toContain(kind)
  }
  expect(new Set(BUGS.map((bug) => bug.sanitizer))).toEqual(new Set(['address', 'thread']))
})

test.each([
  ['address', 'use after free'],
  ['address', 'leak'],
  ['address', 'undefined behavior'],
  ['thread', 'data race'],
])('under the %s sanitizer, there is one for the unit tests and one for a program: %s', (sanitizer, kind) => {
  const nets = BUGS.filter((bug) => bug.sanitizer === sanitizer && bug.kind.startsWith(kind)).map(({ net }) => net[0])
  expect(nets).toContain('native')
  expect(nets.some((net) => net !== 'native')).toBe(true)
})

test.each(PROGRAMS)('there is one for %s', (program) => {
  expect(BUGS.map(({ net }) => net[0])).toContain(program)
})
