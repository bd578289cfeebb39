/** The deliberate bugs of `npm run test:sanitize -- --prove`, which builds them; here only that they still fit the code. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { BUGS } from '../sanitize/bugs.js'

const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')

test.each(BUGS.map((bug) => [bug.kind, bug] as const))('%s fits', (_, bug) => {
  let text = read(bug.file)
  for (const { find, replace } of [bug, ...(bug.also ?? [])]) {
    expect(text.split(find), find).toHaveLength(2)
    text = text.replace(find, () => replace)
  }
  expect(text).not.toBe(read(bug.file))
  // Unit tests are selected by a part of a name; a program is a file.
  const [net, word] = bug.net
  const programs = ['blocked', 'commands', 'exit', 'lifecycle', 'stages']
  if (net === 'native') {
    const tests = ['threads_test.cc', 'source_test.cc'].map((file) => read(`test/native/${file}`)).join('')
    expect(tests).toContain(`TEST(${word}`)
  } else {
    expect(programs).toContain(net)
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
