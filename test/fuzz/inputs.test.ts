/** The committed corpus of every fuzz target in TypeScript; `npm run test:fuzz` goes on from there. */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { TARGETS } from './inputs/targets.js'

const corpus = join(import.meta.dirname, 'corpus')

it.each(Object.keys(TARGETS))('%s reads its corpus', async (name) => {
  const files = readdirSync(join(corpus, name))
  expect(files.length).toBeGreaterThan(0)
  for (const file of files) {
    await expect((async () => TARGETS[name]!(readFileSync(join(corpus, name, file))))(), file).resolves.toBeUndefined()
  }
})
