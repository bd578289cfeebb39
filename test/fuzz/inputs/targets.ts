/** All fuzz targets of what JavaScript reads, by name. Each takes bytes, and throws if something is wrong. */
import { environment } from './environment.js'
import { claims, kernel, reasons, recording, sealed, trace } from './files.js'
import { mqtt, rows, runMessage } from './messages.js'
import { dashboardRequest, protectedRequest, scrape } from './requests.js'
import { expression, words } from './texts.js'

export type FuzzTarget = (input: Uint8Array) => void | Promise<void>

export const TARGETS: Readonly<Record<string, FuzzTarget>> = {
  expression,
  words,
  environment,
  recording,
  'recording-sealed': sealed,
  trace,
  claims,
  reasons,
  kernel,
  'http-dashboard': dashboardRequest,
  'http-protect': protectedRequest,
  scrape,
  mqtt,
  'node-red-rows': rows,
  'node-red-run': runMessage,
}
