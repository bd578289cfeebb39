/** docs/diagnostics.md lists every channel and every origin of an error. */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(join(root, 'docs/diagnostics.md'), 'utf8')
const declared = readFileSync(join(root, 'src/base/diagnostics.ts'), 'utf8')

/** The words in the first column of the table with this heading. */
function firstColumn(heading: string): string[] {
  const [, table] = new RegExp(`\\| ${heading} \\|.*\\n\\|[-|]+\\n((?:\\|.*\\n)+)`).exec(page)!
  return [...table!.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1]!)
}

describe('docs/diagnostics.md', () => {
  it('lists every channel', () => {
    const traced = readFileSync(join(root, 'src/registry/tracing.ts'), 'utf8')
    const channels = [...(declared + traced).matchAll(/[cC]hannel\('([^']+)'\)/g)].map((match) => match[1]!)
    expect(firstColumn('channel').toSorted()).toEqual(channels.toSorted())
  })

  it('lists every source of an error, and the code uses each of them', () => {
    const [, union] = /type ErrorSource =\n((?: +\| '[^']+'\n)+)/.exec(declared)!
    const sources = [...union!.matchAll(/'([^']+)'/g)].map((match) => match[1]!)
    expect(firstColumn('origin')).toEqual(sources)
    const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((each) =>
      each.endsWith('.ts'),
    )
    const code = files
      .filter((each) => each !== 'base/diagnostics.ts')
      .map((each) => readFileSync(join(root, 'src', each), 'utf8'))
    // The sources of a guard are built from the names of its events.
    const used = (source: string): boolean => code.some((text) => text.includes(`'${source}'`))
    const events = ['breach', 'clear', 'unavailable', 'evidence'].map((event) => `${event} listener`)
    expect(sources.filter((source) => !used(source))).toEqual(events)
  })
})
