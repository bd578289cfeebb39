/** Every example of docs/registry.md is a whole program, and runs. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, it, vi } from 'vitest'
import { registry } from '../../src/registry/index.js'
import { thrown } from '../cancelable/helpers.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(`${root}docs/registry.md`, 'utf8')
const examples = [...page.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code]) => code!)
const folder = `${root}.cache/docs-registry`

describe('docs/registry.md', () => {
  it.for(examples.map((code, index) => [index + 1, code] as const))('example %i runs', async ([number, code]) => {
    mkdirSync(folder, { recursive: true })
    const file = `${folder}/example-${number}.ts`
    writeFileSync(file, code)
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
    try {
      await import(pathToFileURL(file).href)
      if (code.includes('print(')) {
        expect(log.mock.calls.flat().join('\n')).toMatch(/^import running \d+ ms\n {2}import\/rows running \d+ ms$/)
      }
      if (code.includes('metrics()')) expect(log.mock.calls.flat().join('\n')).toContain('{status="running"} 0')
    } finally {
      log.mockRestore()
    }
  })

  it('names every filter', () => {
    const known = /Known are: ([\w, ]+)/
    const { message } = thrown(() => registry.list({ quiteAnotherThing: 1 } as never)) as Error
    for (const filter of known.exec(message)![1]!.split(', ')) expect(page).toContain(`\`${filter}\``)
  })
})
