/** The entry point `tripline/http`: protects servers of `node:http`, `node:https` and `node:http2`. */
// Adds Symbol.dispose in vm contexts, before any class uses it.
import '../../base/symbols.js'
import { Protection, type ProtectionOptions } from './protection.js'

export type { Priority, RouteBudget } from './budget.js'
export type { HttpRequest, HttpResponse } from './exchange.js'
export { operationOf } from './operation.js'
export type { PriorityLimits } from './levels.js'
export { Protection, type ProtectedHandler, type ProtectionOptions, type ProtectionStats } from './protection.js'
export { RequestRefusedError, isClientGone, statusOf, type RequestReason } from './reasons.js'
export {
  Shutdown,
  gracefulShutdown,
  type AnyServer,
  type ShutdownOptions,
  type ShutdownResult,
  type ShutdownState,
} from './shutdown.js'

/**
 * Protects a server: refuses requests with 503 while limits are crossed, and gives each request that it admits an operation,
 * which ends with the response, or when the client goes away.
 *
 * @example
 * const web = protect({ resources: { 'eventLoop.delay': 200, memory: 90 }, timeout: '30s', readiness: '/ready' })
 * const server = createServer(web.handler(async (request, response, cancel) => {
 *   response.end(await render(request.url, { signal: cancel.signal }))
 * }))
 * gracefulShutdown(server)
 * server.listen(8080)
 * @throws TypeError, RangeError (`ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`) for bad input;
 *   MetricUnavailableError (`ERR_TRIPLINE_METRIC_UNAVAILABLE`) where this machine has no such metric;
 *   NativeMissingError (`ERR_TRIPLINE_NATIVE_MISSING`)
 */
export function protect(options: ProtectionOptions = {}): Protection {
  return new Protection(options)
}
