// What a scrape costs, beside one of the default metrics of prom-client.
import { runChild } from '../lib/process.js'
import { row } from '../lib/suite.js'

export const title = 'metrics out: what a scrape costs'

const SCRAPES = {
  text: 'tripline/prometheus, text()',
  register: 'tripline/prometheus in a registry of prom-client',
  default: 'collectDefaultMetrics of prom-client',
}

export async function run(add) {
  const costs = {}
  for (const [what, name] of Object.entries(SCRAPES)) {
    const { microseconds, lines } = await runChild(new URL('scrape.js', import.meta.url), [what])
    costs[what] = microseconds
    add(row(`a scrape: ${name}`, microseconds, 'µs', { note: `CPU time; ${lines} values` }))
  }
  add(row('text() over collectDefaultMetrics', costs.text / costs.default, 'x', { under: 1 }))
}
