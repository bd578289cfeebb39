/** The entry point `tripline/express`, for Express 4 and 5 and anything else that calls `(request, response, next)`. */
// Adds Symbol.dispose in vm contexts, before any class uses it.
import '../../base/symbols.js'
import type { ProtectionOptions } from '../http/protection.js'
import { ExpressProtection } from './protection.js'

export { ExpressProtection, type ErrorMiddleware, type Middleware, type Next } from './protection.js'
export { gracefulShutdown } from '../http/shutdown.js'
export { operationOf } from '../http/operation.js'
export { RequestRefusedError, isClientGone, statusOf } from '../http/reasons.js'

/**
 * Protects an Express application: the same as `protect()` of `tripline/http`, with middleware.
 *
 * @example
 * const web = protectExpress({ resources: { 'eventLoop.delay': 200, memory: 90 }, timeout: '30s', readiness: '/ready' })
 * app.use(web.middleware())
 * app.get('/reports/:id', web.route({ timeout: '10s', priority: 'low' }), async (request, response) => {
 *   response.json(await report(request.params.id, { signal: operationOf(request)?.signal }))
 * })
 * app.use(web.errorHandler())
 * gracefulShutdown(app.listen(8080))
 * @throws TypeError, RangeError (`ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`) for bad input;
 *   MetricUnavailableError (`ERR_TRIPLINE_METRIC_UNAVAILABLE`) where this machine has no such metric;
 *   NativeMissingError (`ERR_TRIPLINE_NATIVE_MISSING`)
 */
export function protectExpress(options: ProtectionOptions = {}): ExpressProtection {
  return new ExpressProtection(options)
}
