/** The public face: nothing but exports. */
export { MetricUnavailableError, NativeMissingError, type TriplineErrorCode } from './errors.js'
export {
  Guard,
  describeBreach,
  guard,
  type GuardEvents,
  type GuardOptions,
  type GuardState,
  type Sampling,
} from './monitor/guard.js'
export type { Limit, Limits, Selector, Value } from './monitor/limits.js'
export type { MetricName, MetricUnit } from './monitor/metrics.js'
export type { SamplerStats } from './monitor/native.js'
export { samplerStats } from './monitor/sampler.js'
export {
  Snapshot,
  capabilities,
  sample,
  samples,
  snapshot,
  type Capability,
  type MetricQuery,
  type SamplesOptions,
  type SnapshotValue,
} from './monitor/snapshot.js'
export * from './reason.js'
export type { Duration, DurationLike } from './units.js'
