/** Regions under racing orders, often enough to meet rare moments. */
import { test } from 'vitest'
import { racingRegions } from './racing-regions.js'

test(
  'thousands of regions under racing orders, with Node and this library around and inside',
  { timeout: 120_000 },
  () => racingRegions(2000),
)
