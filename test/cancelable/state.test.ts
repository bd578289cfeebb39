/** The flags of an operation: bits of one small integer. */
import { expect, test } from 'vitest'
import * as state from '../../src/cancelable/state.js'
import { WATCH_DEADLINE, WATCH_GUARD, WATCH_SHARED } from '../../src/engine/link.js'

test('every flag is one bit, which no other has, and all fit a small integer', () => {
  // The states, and the mask of the lowest bits, are smaller.
  const flags = Object.values(state).filter((each) => typeof each === 'number' && each > state.WATCH)
  const all = [WATCH_DEADLINE, WATCH_GUARD, WATCH_SHARED, ...(flags as number[])]
  expect(all.toSorted((a, b) => a - b)).toEqual(all.map((_, bit) => 2 ** bit))
  expect(all).toHaveLength(20)
})
