/** Every example of docs/metrics-export.md is a whole program, and runs; its tables name what is exported. */
import { describe, expect, it } from 'vitest'
import { CONVENTIONS } from '../../src/integrations/metrics/names.js'
import { prometheusMetrics } from '../../src/integrations/prometheus/index.js'
import { pageOf } from './examples.js'

const page = pageOf('metrics-export')

describe('docs/metrics-export.md', () => {
  it('has an example of each part', () => expect(page.examples).toHaveLength(3))

  it.for(page.examples)('example %i runs', async ([number]) => page.run(number))

  it('lists the names of the conventions', () => {
    for (const [metric, { name }] of Object.entries(CONVENTIONS))
      expect(page.text).toContain(`| \`${metric}\` | \`${name}\` |`)
  })

  it('names every family that is no metric', () => {
    using metrics = prometheusMetrics({ metrics: [], loopDelays: false })
    const names = [...metrics.text().matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name!)
    expect(names.length).toBeGreaterThan(2)
    for (const name of names)
      expect(page.text).toContain(name.replace('tripline_operations_abandoned_running', '_abandoned_running'))
  })
})
