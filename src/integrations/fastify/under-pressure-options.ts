/** The options of `@fastify/under-pressure`, checked. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { invalidChoice, invalidType, invalidValue, outOfRange } from '../../base/errors.js'
import { LONGEST_DELAY } from '../../base/clock.js'
import { readOptions } from '../../base/options.js'
import type { ProtectionOptions } from '../http/protection.js'

/** What a request was refused for, as `@fastify/under-pressure` names it. */
export type PressureType = 'eventLoopDelay' | 'heapUsedBytes' | 'rssBytes' | 'healthCheck' | 'eventLoopUtilization'

/** What is known of the health of the service: whether it is healthy, or what the status route should also say. */
export type HealthCheck = (fastify: FastifyInstance) => Promise<Record<string, unknown> | boolean>

/** Handles a request while the process is under pressure; see {@link UnderPressureOptions.pressureHandler}. */
export type PressureHandler = (
  request: FastifyRequest,
  reply: FastifyReply,
  type: PressureType,
  value: number | undefined,
) => unknown

/** Where the status is shown, and how. */
export interface StatusRoute {
  /** The path. @default '/status' */
  url?: string | undefined
  /** Options of the route, without its schema. @default none */
  routeOpts?: object | undefined
  /** The schema of the request; its `response` is merged with the one of the status. @default none */
  routeSchemaOpts?: object | undefined
  /** More properties of the response. @default none */
  routeResponseSchemaOpts?: object | undefined
}

/** The options of `@fastify/under-pressure`, with its names, units and defaults, and some of {@link ProtectionOptions}. */
export interface UnderPressureOptions extends Pick<
  ProtectionOptions,
  'resources' | 'priorities' | 'timeout' | 'grace' | 'readiness' | 'liveness' | 'dryRun' | 'onRefused'
> {
  /** Mean delay of the event loop within `sampleInterval`, in milliseconds; 0 for no limit. @default 0 */
  maxEventLoopDelay?: number | undefined
  /** Utilization of the event loop, from 0 to 1; 0 for no limit. @default 0 */
  maxEventLoopUtilization?: number | undefined
  /** Whether the utilization counts since the registration or since the previous sample. @default 'cumulative' */
  eventLoopUtilizationMode?: 'cumulative' | 'interval' | undefined
  /** Heap that is used, in bytes; 0 for no limit. @default 0 */
  maxHeapUsedBytes?: number | undefined
  /** Resident memory, in bytes; 0 for no limit. @default 0 */
  maxRssBytes?: number | undefined
  /** The message of the error. @default 'Service Unavailable' */
  message?: string | undefined
  /** The value of the header `Retry-After`, in seconds. @default 10 */
  retryAfter?: number | undefined
  /**
   * Whether the service is healthy. It is not until this has first resolved to true or to an object.
   *
   * @default none
   */
  healthCheck?: HealthCheck | undefined
  /** From the end of one health check to the start of the next, in milliseconds. @default only at the registration */
  healthCheckInterval?: number | undefined
  /**
   * Handles requests in place of the error. If it sends no reply and returns nothing, or a promise, the request goes on; any
   * other value is sent. A route may have its own in its `config`.
   *
   * @default none
   */
  pressureHandler?: PressureHandler | undefined
  /** Between two samples of the event loop and of `memoryUsage()`, in milliseconds; at least 10. @default 1000 */
  sampleInterval?: number | undefined
  /** Adds a route that says `{ status: 'ok' }` or 503: at `/status`, at a path, or with options. @default false */
  exposeStatusRoute?: boolean | string | StatusRoute | undefined
  /** The class of the error, or the error itself. @default an error with the code `FST_UNDER_PRESSURE` */
  customError?: Error | (new () => Error) | undefined
}

/** The options of the protection that this plugin also takes. */
export const SHARED_KEYS = [
  'resources',
  'priorities',
  'timeout',
  'grace',
  'readiness',
  'liveness',
  'dryRun',
  'onRefused',
] as const

const KEYS = [
  'maxEventLoopDelay',
  'maxEventLoopUtilization',
  'eventLoopUtilizationMode',
  'maxHeapUsedBytes',
  'maxRssBytes',
  'message',
  'retryAfter',
  'healthCheck',
  'healthCheckInterval',
  'pressureHandler',
  'sampleInterval',
  'exposeStatusRoute',
  'customError',
  ...SHARED_KEYS,
]
/** Fastify's own options of a registration. */
const REGISTER_KEYS = ['prefix', 'logLevel', 'logSerializers']
const ROUTE_KEYS = ['url', 'routeOpts', 'routeSchemaOpts', 'routeResponseSchemaOpts']
const LIMITS = ['maxEventLoopDelay', 'maxEventLoopUtilization', 'maxHeapUsedBytes', 'maxRssBytes'] as const
const UNAVAILABLE = 503
const SHORTEST_SAMPLE_MS = 10

/** The options, checked and complete; times in milliseconds. */
export interface UnderPressureSettings extends Record<(typeof LIMITS)[number], number> {
  readonly isCumulative: boolean
  readonly sampleInterval: number
  readonly retryAfter: string
  readonly error: Error
  readonly healthCheck: HealthCheck | undefined
  /** 0 for none. */
  readonly healthCheckInterval: number
  readonly pressureHandler: PressureHandler | undefined
  readonly statusRoute: (StatusRoute & { readonly url: string }) | undefined
}

/** @throws TypeError, RangeError with Node's codes, naming the option */
export function parseUnderPressure(options: UnderPressureOptions): UnderPressureSettings {
  const own = readOptions(options, 'option', [...KEYS, ...REGISTER_KEYS])
  const { message = 'Service Unavailable', eventLoopUtilizationMode: mode = 'cumulative', customError } = own
  if (typeof message !== 'string') throw invalidType('message', 'a string', message)
  if (mode !== 'cumulative' && mode !== 'interval') {
    throw invalidChoice('eventLoopUtilizationMode', ['cumulative', 'interval'], mode)
  }
  for (const key of ['healthCheck', 'pressureHandler'] as const) {
    if (own[key] !== undefined && typeof own[key] !== 'function') throw invalidType(key, 'a function', own[key])
  }
  const statusRoute = parseStatusRoute(own.exposeStatusRoute)
  const healthCheckInterval = numberOf(own, 'healthCheckInterval', 0, LONGEST_DELAY)
  if (own.healthCheck !== undefined && healthCheckInterval === 0 && statusRoute === undefined) {
    throw invalidValue('healthCheck', "given with 'healthCheckInterval' or 'exposeStatusRoute'", own.healthCheck)
  }
  const limits = Object.fromEntries(
    LIMITS.map((key) => [key, numberOf(own, key, 0, key === 'maxEventLoopUtilization' ? 1 : Infinity)]),
  )
  return {
    ...(limits as Record<(typeof LIMITS)[number], number>),
    isCumulative: mode === 'cumulative',
    sampleInterval: Math.max(SHORTEST_SAMPLE_MS, numberOf(own, 'sampleInterval', 1000, LONGEST_DELAY) || 1000),
    retryAfter: String(numberOf(own, 'retryAfter', 10, LONGEST_DELAY) || 10),
    error: errorOf(customError, message),
    healthCheck: own.healthCheck,
    healthCheckInterval,
    pressureHandler: own.pressureHandler,
    statusRoute,
  }
}

function numberOf(
  options: UnderPressureOptions,
  key: keyof UnderPressureOptions,
  standard: number,
  most: number = Infinity,
): number {
  const value: unknown = options[key] ?? standard
  if (typeof value !== 'number') throw invalidType(key, 'a number', value)
  if (!(value >= 0 && value <= most)) {
    throw outOfRange(key, most === Infinity ? '0 or more' : `0 to ${most}`, value)
  }
  return value
}

function errorOf(custom: unknown, message: string): Error {
  if (custom === undefined) return new UnderPressureError(message)
  if (custom instanceof Error) return custom
  if (typeof custom !== 'function') throw invalidType('customError', 'a class of errors, or an error', custom)
  const made: unknown = construct(custom)
  if (made instanceof Error) return made
  throw invalidValue('customError', 'a class of errors that needs no arguments, or an error', custom)
}

function construct(custom: unknown): unknown {
  try {
    return new (custom as new () => Error)()
  } catch {
    return undefined
  }
}

function parseStatusRoute(given: unknown): UnderPressureSettings['statusRoute'] {
  if (given === undefined || given === false || given === null || given === '') return undefined
  if (given === true) return { url: '/status' }
  if (typeof given === 'string') return { url: given }
  if (typeof given !== 'object') throw invalidType('exposeStatusRoute', 'true, a path or an object', given)
  const { url = '/status', ...rest } = readOptions(given as StatusRoute, 'option of exposeStatusRoute', ROUTE_KEYS)
  if (typeof url !== 'string') throw invalidType('exposeStatusRoute.url', 'a path', url)
  for (const [key, value] of Object.entries(rest)) {
    if (value !== undefined && typeof value !== 'object')
      throw invalidType(`exposeStatusRoute.${key}`, 'an object', value)
  }
  return { url, ...rest }
}

/** The error of `@fastify/under-pressure`, as clients and error handlers know it. */
class UnderPressureError extends Error {
  readonly code = 'FST_UNDER_PRESSURE'
  readonly statusCode: number = UNAVAILABLE
  static {
    this.prototype.name = 'FastifyError'
  }
}
