// The cost of loading the library.
import { importCost } from '../../scripts/lib/import-cost.js'
import { row } from '../lib/suite.js'

export const title = 'what it costs to load the library'

const ROUNDS = 40

export function run(add) {
  for (const [way, { over, ratio }] of Object.entries(importCost(ROUNDS))) {
    const note = `CPU time over an empty module, median of ${ROUNDS}; the process takes ${ratio.toFixed(2)}x node -e 0`
    add(row(`${way} of tripline`, over, 'ms', { atMost: 10, note }))
  }
}
