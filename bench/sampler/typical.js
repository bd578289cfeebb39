// The limits that a service would set, none of which is ever crossed here.
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

/** Those of them that this machine has. */
export function typicalLimits() {
  const here = new Set(capabilities().flatMap((each) => (each.available ? [each.metric] : [])))
  return Object.fromEntries(Object.entries(LIMITS).filter(([metric]) => here.has(metric)))
}
