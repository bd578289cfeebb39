/** The entry point `tripline/testing`: nothing but exports. */
// Adds Symbol.dispose in vm contexts, before any class uses it.
import '../base/symbols.js'
export { assertCancelsWithin, type CancelsWithinOptions } from './assert-cancels.js'
export { useClock, type TestClock } from './clock.js'
export {
  collect,
  type Collection,
  type OperationEvent,
  type OperationPartial,
  type OperationProgress,
  type OperationCanceled,
  type OperationSettled,
  type OperationStarted,
} from './collect.js'
export { fakeBreach, type FakeBreach } from './fake-breach.js'
export { recordingToken, type CancelAttempt, type RecordedListener, type RecordingToken } from './recording-token.js'
export {
  simulate,
  type SimulatedBreach,
  type SimulatedLimit,
  type SimulateOptions,
  type Simulation,
  type TraceSpan,
} from './simulate.js'
export {
  readTrace,
  type RecordedValue,
  type Trace,
  type TraceEntry,
  type TraceSample,
  type WatchSample,
} from './trace.js'
