/** Every example of docs/limiter.md is a whole program, and runs. */
import { describe, expect, it, vi } from 'vitest'
import { pageOf } from './examples.js'

const page = pageOf('limiter')

describe('docs/limiter.md', () => {
  it('has an example of each part', () => expect(page.examples).toHaveLength(3))

  it.for(page.examples)('example %i runs', async ([number]) => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
    try {
      await page.run(number)
    } finally {
      log.mockRestore()
    }
  })
})
