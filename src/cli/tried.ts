/** Every metric read once: some sources exist but turn out to be empty only when they are read. */
import { MetricUnavailableError } from '../base/errors.js'
import { sample, type Capability, type SnapshotValue } from '../monitor/snapshot.js'

export interface Tried {
  readonly capability: Capability
  /** Undefined where it is unavailable. */
  readonly found?: SnapshotValue | undefined
}

export async function tryMetric(capability: Capability): Promise<Tried> {
  const { metric, available } = capability
  if (!available) return { capability }
  try {
    return { capability, found: (await sample(metric)).get(metric) }
  } catch (error) {
    if (!(error instanceof MetricUnavailableError)) throw error
    return { capability: { ...capability, available: false, why: error.why } }
  }
}
