/** The places of guards on the board: each guard takes one, and gives it back however it ends. */
import { expect, it } from 'vitest'
import { MetricUnavailableError, guard } from '../../src/index.js'
import { allocateFlag, freeFlag } from '../../src/addon/board.js'
import { simulate } from '../../src/testing/index.js'

/** The places that the next guards would take. */
function nextFlags(): number[] {
  const flags = Array.from({ length: 20 }, () => allocateFlag())
  flags.forEach(freeFlag)
  return flags.toSorted((a, b) => a - b)
}

const WAYS = {
  closed: () => guard({ memory: 99 }).close(),
  refused: () =>
    expect(() => guard({ memory: 99, temperature: { above: 99, zone: 'no such zone' } })).toThrow(
      MetricUnavailableError,
    ),
  played: () => simulate({ memory: 90, cpu: 80 }, [{ time: 0, values: { memory: 1, cpu: 1 } }]),
}

it.each(Object.entries(WAYS))('gives back the places of guards that are %s', async (_, end) => {
  // The first use also takes cells.
  await end()
  const before = nextFlags()
  for (let i = 0; i < 50; i++) await end()
  expect(nextFlags()).toEqual(before)
})
