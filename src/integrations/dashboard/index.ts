/** The entry point `tripline/dashboard`: a page in the browser that shows what this program is doing. */
// Adds Symbol.dispose in vm contexts, before any class uses it.
import '../../base/symbols.js'
import { registry } from '../../registry/registry.js'
import { Dashboard } from './dashboard.js'
import { parseDashboard, type DashboardOptions } from './options.js'

export { Dashboard } from './dashboard.js'
export type { DashboardHandlerOptions, DashboardListenOptions, DashboardOptions } from './options.js'

/**
 * Makes a read-only page that shows metrics with their history and limits, guards, breaches with their evidence, operations,
 * and commands. It samples from here on; {@link Dashboard.listen} or {@link Dashboard.handler} shows the page.
 *
 * @example
 * await using page = dashboard()
 * console.log(await page.listen({ port: 9630 }))
 * @throws TypeError, RangeError (`ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`) for bad input;
 *   MetricUnavailableError (`ERR_TRIPLINE_METRIC_UNAVAILABLE`) if the sampling thread cannot be started; NativeMissingError
 *   (`ERR_TRIPLINE_NATIVE_MISSING`); Error (`ERR_INVALID_STATE`) if the files of the page are missing
 */
export function dashboard(options: DashboardOptions = {}): Dashboard {
  return new Dashboard(parseDashboard(options, registry))
}
