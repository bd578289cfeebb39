/** The public face: nothing but exports. */
// Adds Symbol.dispose in vm contexts, before any class uses it.
import './base/symbols.js'
export {
  CommandNotStartedError,
  MetricUnavailableError,
  NativeMissingError,
  NotAdmittedError,
  NotRecordedError,
  NotReservedError,
  UnreadableRecordingError,
  WatchdogError,
  PreemptionUnavailableError,
  type TriplineErrorCode,
} from './base/errors.js'
export {
  Guard,
  guard,
  type BlockedMessage,
  type BreachMessage,
  type ClearMessage,
  type GuardEvents,
  type GuardState,
  type Sampling,
} from './monitor/guard.js'
export { describeBreach } from './monitor/breach.js'
export type { GuardOptions } from './monitor/guard-options.js'
export type { Evidence } from './evidence/collector.js'
export type { EvidenceFolder, EvidenceKind } from './evidence/options.js'
export type { EvidenceItem } from './evidence/take.js'
export type { GuardCheck, GuardCondition } from './monitor/conditions.js'
export type { Limit, Limits, MetricLimits, Value } from './monitor/limits.js'
export type { Selector } from './base/selector.js'
export type { MetricName, MetricUnit, SelectableMetric } from './addon/metrics.js'
export type { SamplerStats } from './addon/native.js'
export { samplerStats } from './addon/sampler.js'
export type { MetricText } from './monitor/metric-text.js'
export {
  Monitor,
  monitor,
  type KnownReading,
  type MissingReading,
  type MonitorOptions,
  type MonitorReading,
  type MonitoredMetric,
} from './monitor/monitor.js'
export type { SampleBlock } from './monitor/blocks.js'
export type { MetricQuery } from './monitor/queries.js'
export { Snapshot, sample, samples, snapshot, type SamplesOptions, type SnapshotValue } from './monitor/snapshot.js'
export { capabilities, type Capability } from './monitor/capabilities.js'
export {
  customReason,
  rootCause,
  type AbortReason,
  type AllReason,
  type Breach,
  type CancelationReason,
  type CancelSink,
  type ConditionReason,
  type CustomReason,
  type ErrorReason,
  type IdleReason,
  type OomReason,
  type ManualReason,
  type Origin,
  type ParentReason,
  type ResourceReason,
  type SignalReason,
  type StackFrame,
  type TimeoutReason,
} from './base/reason.js'
export type { ReasonFields } from './base/reason-fields.js'
export type { Duration, DurationLike } from './base/units.js'

export {
  AbortCancelation,
  AllCancelation,
  CancelationError,
  ConditionCancelation,
  CustomCancelation,
  ErrorCancelation,
  IdleCancelation,
  OomCancelation,
  ManualCancelation,
  ParentCancelation,
  ResourceCancelation,
  SignalCancelation,
  TimeoutCancelation,
  type GivenReason,
} from './base/cancelation-error.js'
export {
  Cancelable,
  type CancelableOptions,
  type Combinable,
  type TaskFunction,
  type TaskResult,
} from './cancelable/cancelable.js'
export {
  cancelable,
  cancelableStream,
  type CancelableDecorator,
  type CancelableStreamOptions,
  type WrapOptions,
} from './cancelable/wrap.js'
export type { AbandonedCounts, AbandonedMessage } from './cancelable/abandoned.js'
export type { Cleanup, ListenerTypes } from './cancelable/extras.js'
export type { ChunkedStream, ChunkOptions } from './cancelable/chunks.js'
export { preemption, type Preemption } from './cancelable/region.js'
export type { StreamSource } from './cancelable/iterate.js'
export type { InstantLike } from './cancelable/options.js'
export type { Registrar } from './cancelable/registration.js'
export type { ProgressOptions, ProgressReport } from './cancelable/progress.js'
export type { SharedOperation } from './cancelable/shared-operation.js'
export type { AllOptions } from './cancelable/scope.js'
export type { ShieldOptions } from './cancelable/shield.js'
export type { CancelableStream, PartialStream, StreamOptions } from './cancelable/stream.js'
export type { CancelMessage, ErrorMessage, ErrorOrigin, ErrorSource } from './base/diagnostics.js'
export { DuplicateIdError, PeerMissingError, ReusedError, WorkerExitedError } from './base/errors.js'
export type { Amount, OperationContext, OperationStatus, Progress } from './base/operation-context.js'
export { AbortSignalSource } from './sources/abort.js'
export { allOf, anyOf, type SourceLike } from './sources/composite.js'
export { ConditionSource, type Condition, type ConditionCheck, type ConditionOptions } from './sources/condition.js'
export { named } from './sources/named.js'
export { ResourceSource } from './sources/resource.js'
export { SignalSource } from './sources/signal.js'
export type { SharedToken } from './sources/shared-token.js'
export type { CancelationSource } from './sources/source.js'
export { TimeoutSource } from './sources/timeout.js'
export { CancelationToken, TokenSource, type TokenOptions } from './sources/token.js'

export type { MissedPolicy } from './schedule/backlog.js'
export type { Period, WhileBreached } from './schedule/options.js'
export type { TickerStats } from './schedule/stats.js'
export type { Tick, TickBody, TickerState } from './schedule/tick.js'
export { Ticker, every, type MissedMessage, type TickerOptions } from './schedule/ticker.js'

export { Limiter, limiter, type LimitChange, type LimiterEvents } from './limiter/limiter.js'
export type { DrivenQueue, DrivenUsage } from './limiter/drive.js'
export type { LimiterOptions, LimiterRunOptions } from './limiter/options.js'
export type { ReserveOptions, ReserveRequest, RunReservation } from './admit/request.js'
export type { GuardAtEnd } from './record/guards-at-end.js'
export type { LastRun, RecordedBlock, RecordedSample } from './record/describe-run.js'
export { lastRun } from './record/last-run.js'
export type { RecordedOperation, Skipped } from './record/reader.js'
export { record, type RecordOptions } from './record/record.js'
export { Recording } from './record/recording.js'
export type { RecordedMetric } from './record/trends.js'
export type { RunEnd, RunVerdict } from './record/verdict.js'
export { Reservation, reserve } from './admit/reserve.js'
export type { RunInput } from './run/input.js'
export type { RunOptions } from './run/options.js'
export type { RunRecording } from './run/recording.js'
export type { Certainty, OomKill, OomProof } from './base/oom.js'
export type { Enforced } from './run/thresholds.js'
export type { Peaks } from './run/peaks.js'
export type { RunEvent, RunHandle, RunResult, Running } from './run/result.js'
export type { SignalName } from './run/signals.js'
export { run } from './run/run.js'
export type { CapturedText, HasDescriptor, RunStream, RunStreamOptions } from './run/stdio.js'
export type { CommandStreams } from './run/streams.js'

export type { WatchdogOptions } from './watchdog/options.js'
export { Watchdog, watchdog, type WatchdogState, type WatchdogStats } from './watchdog/watchdog.js'

export type { MetricsOptions, OperationCounts } from './integrations/metrics/options.js'

export { runInWorker, type RunInWorkerOptions, type WorkerJob } from './workers/run-in-worker.js'
