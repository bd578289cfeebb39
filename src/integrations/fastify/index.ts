/** The entry point `tripline/fastify`: plugins for Fastify 5. */
// Adds Symbol.dispose in vm contexts, before any class uses it.
import '../../base/symbols.js'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { invalidValue } from '../../base/errors.js'
import type { RouteBudget } from '../http/budget.js'
import { Protection, type ProtectionOptions } from '../http/protection.js'
import { gracefulShutdown, type Shutdown, type ShutdownOptions } from '../http/shutdown.js'
import { install } from './install.js'
import type { MemoryUsage } from './load.js'
import { installUnderPressure } from './under-pressure.js'
import type { PressureHandler, UnderPressureOptions } from './under-pressure-options.js'

export { operationOf } from '../http/operation.js'
export { RequestRefusedError, isClientGone, statusOf } from '../http/reasons.js'
export type { MemoryUsage } from './load.js'
export type {
  HealthCheck,
  PressureHandler,
  PressureType,
  StatusRoute,
  UnderPressureOptions,
} from './under-pressure-options.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** The latest samples of the load; with the plugin `underPressure`. */
    memoryUsage(): MemoryUsage
    /** Whether requests are refused now; with the plugin `underPressure`. */
    isUnderPressure(): boolean
  }
  interface FastifyContextConfig {
    /** What the requests of the route may use. */
    tripline?: RouteBudget | undefined
    /** Handles the requests of the route under pressure; with the plugin `underPressure`. */
    pressureHandler?: PressureHandler | undefined
  }
}

/** What {@link protectFastify} takes: the budgets are in the `config` of the routes. */
export type FastifyProtectionOptions = Omit<ProtectionOptions, 'routes'>

/** The names of `@fastify/under-pressure` for what a request was refused for. */
export interface PressureTypes {
  /** The event loop is late. */
  readonly TYPE_EVENT_LOOP_DELAY: 'eventLoopDelay'
  /** The event loop is busy. */
  readonly TYPE_EVENT_LOOP_UTILIZATION: 'eventLoopUtilization'
  /** The health check does not succeed. */
  readonly TYPE_HEALTH_CHECK: 'healthCheck'
  /** Too much heap is used. */
  readonly TYPE_HEAP_USED_BYTES: 'heapUsedBytes'
  /** Too much memory is resident. */
  readonly TYPE_RSS_BYTES: 'rssBytes'
}

/** Marks a plugin as one that changes the instance on which it is registered, as `fastify-plugin` does. */
function forParent<P extends object, E extends object>(plugin: P, name: string, extra: E): P & E {
  return Object.assign(plugin, extra, {
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: name,
    [Symbol.for('plugin-meta')]: { fastify: '5.x', name },
  })
}

/**
 * Protects a Fastify instance: the same as `protect()` of `tripline/http`, as a plugin. A route has its budget in its `config`.
 *
 * @example
 * await app.register(protectFastify, { resources: { 'eventLoop.delay': 200, memory: 90 }, timeout: '30s', readiness: '/ready' })
 * app.get<{ Params: { id: string } }>('/reports/:id', { config: { tripline: { timeout: '10s', priority: 'low' } } }, async (request) => {
 *   return report(request.params.id, { signal: operationOf(request)?.signal })
 * })
 */
export const protectFastify: FastifyPluginAsync<FastifyProtectionOptions> = forParent(
  async (app: FastifyInstance, options: FastifyProtectionOptions) => {
    const { prefix: _, logLevel: __, logSerializers: ___, ...own } = options as Record<string, unknown>
    const { readiness, liveness, ...rest } = own as ProtectionOptions
    if ('routes' in rest) {
      // Its paths would not be those of the router.
      throw invalidValue('routes', 'left out: a route has its budget in its config', rest.routes)
    }
    install(app, new Protection({ ...rest, readiness, liveness }), { readiness, liveness })
  },
  'tripline/fastify',
  {},
)

/**
 * A plugin with the options, decorators, errors and status route of `@fastify/under-pressure`, so that switching to it takes
 * one line. In addition, every request has an operation.
 *
 * @example
 * // import underPressure from '@fastify/under-pressure'
 * import { underPressure } from 'tripline/fastify'
 *
 * await app.register(underPressure, { maxEventLoopDelay: 1000, maxHeapUsedBytes: 100_000_000, retryAfter: 50 })
 */
export const underPressure: FastifyPluginAsync<UnderPressureOptions> & PressureTypes = forParent(
  installUnderPressure as FastifyPluginAsync<UnderPressureOptions>,
  '@fastify/under-pressure',
  {
    TYPE_EVENT_LOOP_DELAY: 'eventLoopDelay',
    TYPE_EVENT_LOOP_UTILIZATION: 'eventLoopUtilization',
    TYPE_HEALTH_CHECK: 'healthCheck',
    TYPE_HEAP_USED_BYTES: 'heapUsedBytes',
    TYPE_RSS_BYTES: 'rssBytes',
  } as const,
)

/**
 * The same as `gracefulShutdown()` of `tripline/http`, for an instance of Fastify: its `close()` runs the hooks of plugins.
 *
 * @example
 * const shutdown = shutDownFastify(app, { delay: '5s', deadline: '20s' })
 * await app.listen({ port: 8080 })
 * @throws as `gracefulShutdown()`
 */
export function shutDownFastify(app: FastifyInstance, options: Omit<ShutdownOptions, 'close'> = {}): Shutdown {
  return gracefulShutdown(app.server, { ...options, close: () => app.close() })
}
