/** Every example of docs/registry.md is a whole program, and runs. */
import { describe, expect, it, vi } from 'vitest'
import { registry } from '../../src/registry/index.js'
import { thrown } from '../cancelable/helpers.js'
import { pageOf } from './examples.js'

const page = pageOf('registry')

describe('docs/registry.md', () => {
  it.for(page.examples)('example %i runs', async ([number, code]) => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
    try {
      await page.run(number)
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
    for (const filter of known.exec(message)![1]!.split(', ')) expect(page.text).toContain(`\`${filter}\``)
  })
})
