/** The committed corpus of every fuzz target; `npm run test:fuzz` goes on from there. Those in TypeScript read theirs here. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { PROGRAMS, SCRIPTED } from '../../scripts/fuzz/targets.js'
import { TARGETS } from './inputs/targets.js'

const corpus = join(import.meta.dirname, 'corpus')

it.each(Object.keys(TARGETS))('%s reads its corpus', async (name) => {
  const files = readdirSync(join(corpus, name))
  expect(files.length).toBeGreaterThan(0)
  for (const file of files) {
    await expect((async () => TARGETS[name]!(readFileSync(join(corpus, name, file))))(), file).resolves.toBeUndefined()
  }
})

const NATIVE = Object.entries(PROGRAMS).flatMap(([program, { targets }]) =>
  Object.entries(targets).map(([target, fixtures]) => [target, program, fixtures] as const),
)

it.each(NATIVE)('%s has a corpus, and a target in %s.cc', (target, program, fixtures) => {
  expect(readdirSync(join(corpus, target)).length).toBeGreaterThan(0)
  expect(readFileSync(join(import.meta.dirname, `${program}.cc`), 'utf8')).toContain(`{"${target}", `)
  for (const folder of fixtures) expect(existsSync(`test/fixtures/linux/${folder}`), folder).toBe(true)
})

it('there is no target but these', () => {
  expect(Object.keys(TARGETS).toSorted()).toEqual([...SCRIPTED].toSorted())
  for (const [program, { targets }] of Object.entries(PROGRAMS)) {
    const text = readFileSync(join(import.meta.dirname, `${program}.cc`), 'utf8')
    const [, table] = /constexpr Target kTargets\[\] = \{(.*?)\};/s.exec(text)!
    const named = [...table!.matchAll(/\{"([^"]+)"/g)].map(([, name]) => name!)
    expect(named.toSorted()).toEqual(Object.keys(targets).toSorted())
  }
})
