/** The limit on open files that Node raised, found from the parent process. */
import { describe, expect, it } from 'vitest'
import { raisedFrom } from '../../src/run/open-files.js'

const full = { soft: 4096, hard: 4096 }

describe('the limit on open files before Node raised it', () => {
  it('is that of the parent with the same hard limit', () => {
    expect(raisedFrom(full, { soft: 1024, hard: 4096 })).toBe(1024)
  })

  it.each([
    ['the parent is unknown', full, undefined],
    ['both are unknown', undefined, undefined],
    ['the parent has another hard limit', full, { soft: 1024, hard: 8192 }],
    ['the parent has the same limit', full, full],
    ['it was lowered since', { soft: 2048, hard: 4096 }, { soft: 1024, hard: 4096 }],
  ])('is unknown if %s', (_why, own, parent) => {
    expect(raisedFrom(own, parent)).toBe(0)
  })
})
