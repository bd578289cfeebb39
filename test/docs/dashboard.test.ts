/** Every example of docs/dashboard.md is a whole program, and runs; its table has the codes of all refusals. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { pageOf } from './examples.js'

const page = pageOf('dashboard')

describe('docs/dashboard.md', () => {
  it('has an example of each way to show the page', () => expect(page.examples).toHaveLength(2))

  it.for(page.examples)('example %i runs', async ([number]) => page.run(number))

  it('lists every code of a refusal', () => {
    const codes = ['refusals', 'server'].flatMap((name) => {
      const source = readFileSync(new URL(`../../src/integrations/dashboard/${name}.ts`, import.meta.url), 'utf8')
      return [...source.matchAll(/^ {2}\| '([a-z-]+)'|'([a-z]+-[a-z]+|malformed)'(?=;| :|$)/gm)].map(
        ([, first, second]) => first ?? second!,
      )
    })
    expect(codes.length).toBeGreaterThan(12)
    for (const code of codes) expect(page.text).toContain(`\`${code}\``)
  })
})
