/** The entry point `tripline/registry`: nothing but exports. */
// Adds Symbol.dispose in vm contexts, before any class uses it.
import '../base/symbols.js'
export type { OperationFilter, OperationSummary } from './filter.js'
export type { OperationRecord } from './history.js'
export {
  OperationRegistry,
  registry,
  type CancelAllOptions,
  type HistoryFilter,
  type OperationNode,
  type RegistryOptions,
} from './registry.js'
export type { RegistryStatistics } from './statistics.js'
export { operationChannel, type OperationTrace } from './tracing.js'
