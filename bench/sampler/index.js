// The sampler: its cost, its latency and its footprint.
import { measureFootprint } from './footprint.js'
import { measureLatency } from './latency.js'
import { measureNative } from './floor.js'
import { build } from './native.js'
import { measurePeers } from './peers.js'
import { measureQuiet } from './quiet.js'
import { measureRace } from './race.js'

export const title = 'what sampling costs, and how soon a crossing is known'

export async function run(add) {
  if (process.platform !== 'linux') return
  build()
  measureNative(add)
  await measurePeers(add)
  await measureQuiet(add)
  await measureRace(add)
  await measureFootprint(add)
  await measureLatency(add)
}
