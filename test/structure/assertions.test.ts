/** That every test could fail: each one asserts something, and none passes without having run. */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import config from '../../vitest.config.js'
import { ROOT } from '../helpers/child.js'

function filesOf(folder: string, ends: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ends))
    .map((name) => join(ROOT, folder, name))
}

test('vitest fails a test without an assertion', () => {
  expect(config.test?.expect?.requireAssertions).toBe(true)
})

test('no test returns instead of being skipped', () => {
  const files = filesOf('test', '.test.ts')
  expect(files.length).toBeGreaterThan(100)
  for (const file of files) expect(readFileSync(file, 'utf8'), file).not.toMatch(/return (?:void )?console\.\w+\(/)
})

test('no expectation depends on the system, unless what else holds is expected too', () => {
  const conditional =
    /^ *if \((?:!?[A-Z][A-Z_]+\b|process\.)[^\n]*\) (?:\{\s*)?(?:await )?(?:expect\b|return(?: undefined)?;?$)/m
  expect('    if (LOG) expect(1).toBe(1)').toMatch(conditional)
  expect("    if (process.platform !== 'linux') return\n").toMatch(conditional)
  for (const file of filesOf('test', '.test.ts')) {
    if (!file.endsWith('assertions.test.ts')) expect(readFileSync(file, 'utf8'), file).not.toMatch(conditional)
  }
})

// test/native/main.cc fails a test that runs no check; this finds those that never could.
test('every native test has a check', () => {
  const files = filesOf('test/native', '_test.cc')
  expect(files.length).toBeGreaterThan(40)
  for (const file of files) {
    const text = readFileSync(file, 'utf8')
    expect(text.match(/^TEST\(/gm) ?? [], file).not.toEqual([])
    expect(text, file).toMatch(/\bCHECK(?:_EQ|_NEAR)?\(/)
  }
})
