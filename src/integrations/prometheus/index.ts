/** The entry point `tripline/prometheus`: metrics as text, or in a registry of prom-client. */
// Adds Symbol.dispose in vm contexts, before any class uses it.
import '../../base/symbols.js'
import type { MetricsOptions } from '../metrics/options.js'
import { PrometheusMetrics } from './exporter.js'

export { PrometheusMetrics } from './exporter.js'

/**
 * Exports the metrics of this machine and process, guards, limiters and operations to Prometheus: as text, which needs no other
 * package, or in a registry of prom-client.
 *
 * @example
 * const metrics = prometheusMetrics({ guards: memory })
 * createServer(metrics.handler()).listen(9464, '127.0.0.1')
 * // or beside other metrics of prom-client:
 * metrics.register(client.register)
 * @throws TypeError, RangeError (`ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`) for bad input;
 *   NativeMissingError (`ERR_TRIPLINE_NATIVE_MISSING`)
 */
export function prometheusMetrics(options: MetricsOptions = {}): PrometheusMetrics {
  return new PrometheusMetrics(options)
}
