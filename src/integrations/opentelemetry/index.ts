/** The entry point `tripline/opentelemetry`: metrics as instruments of a meter. */
// Adds Symbol.dispose in vm contexts, before any class uses it.
import '../../base/symbols.js'
import { OpenTelemetryMetrics, type OpenTelemetryOptions } from './exporter.js'

export { OpenTelemetryMetrics, type OpenTelemetryOptions } from './exporter.js'

/**
 * Exports the metrics of this machine and process, guards, limiters and operations to OpenTelemetry, as observable instruments of the
 * meter `tripline`.
 *
 * @example
 * const meterProvider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter() })] })
 * const metrics = openTelemetryMetrics({ meterProvider, guards: memory })
 * @throws TypeError, RangeError (`ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`) for bad input; without a
 *   `meterProvider`, PeerMissingError `ERR_TRIPLINE_PEER_MISSING` if the package `@opentelemetry/api` is missing, and Error
 *   `ERR_INVALID_STATE` if no global provider is set; NativeMissingError (`ERR_TRIPLINE_NATIVE_MISSING`)
 */
export function openTelemetryMetrics(options: OpenTelemetryOptions = {}): OpenTelemetryMetrics {
  return new OpenTelemetryMetrics(options)
}
