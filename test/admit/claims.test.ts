/** Files of other owners: valid ones are read as they were written, and nothing else is taken for one. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_CLAIMS, decode, encode, type OwnerContent } from '../../src/admit/claims.js'

const CLAIM = {
  number: 1,
  since: 5.5,
  at: 6,
  granted: 0,
  root: 7,
  base: 8,
  lacks: 'memory',
  memory: 9,
  cpu: 0.5,
  lane: 'lane.1',
  name: 'a \u001b[2J name',
}
const CONTENT: OwnerContent = {
  pid: 12,
  namespace: 'pid:[1]',
  within: '',
  levels: ['memory'],
  grown: [[7, 100]],
  claims: [CLAIM],
}

describe('the content of a file', () => {
  it('is read as it was written', () => {
    expect(decode(encode(CONTENT))).toEqual(CONTENT)
  })

  it.each([
    ['a claim without a lane', { claims: [{ ...CLAIM, lane: '' }] }],
    ['a lane with a line break', { claims: [{ ...CLAIM, lane: 'a\nb' }] }],
    ['negative memory', { claims: [{ ...CLAIM, memory: -1 }] }],
    ['more memory than a number counts exactly', { claims: [{ ...CLAIM, memory: 2 ** 60 }] }],
    ['text as a number', { claims: [{ ...CLAIM, granted: '1' }] }],
    ['a name of a megabyte', { claims: [{ ...CLAIM, name: 'x'.repeat(1e6) }] }],
    ['too many claims', { claims: Array.from({ length: MAX_CLAIMS + 1 }, () => CLAIM) }],
    ['no claims', { claims: null }],
    ['half a process', { pid: 1.5 }],
    ['growth without a root', { grown: [[1]] }],
    ['another version', { version: 2 }],
  ])('is refused as a whole: %s', (_, change) => {
    expect(decode(JSON.stringify({ version: 1, ...CONTENT, ...change }))).toBeUndefined()
  })

  it('never throws, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.anything().map((each) => JSON.stringify(each) ?? ''),
        ),
        (text) => {
          expect(() => decode(text)).not.toThrow()
        },
      ),
    )
  })
})
