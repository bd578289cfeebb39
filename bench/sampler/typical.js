// Limits that a typical service would set. None of them is crossed in the benchmark.
import { capabilities } from '../../dist/index.js'

const LIMITS = {
  memory: { above: 99.9 },
  cpu: { above: 100 },
  disk: { above: 99.9 },
  'pressure.cpu': { above: 100 },
  'pressure.memory': { above: 100 },
  'pressure.io': { above: 100 },
  temperature: { above: 150 },
}

/** The limits whose metrics this machine has. */
export function typicalLimits() {
  const here = new Set(capabilities().flatMap((each) => (each.available ? [each.metric] : [])))
  return Object.fromEntries(Object.entries(LIMITS).filter(([metric]) => here.has(metric)))
}
