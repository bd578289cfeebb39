/** A plugin that stands in for `@fastify/under-pressure`. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { isThenable } from '../../base/diagnostics.js'
import { realTimers } from '../../base/real-timers.js'
import { Poll } from '../../engine/poll.js'
import { Protection, type ProtectionOptions } from '../http/protection.js'
import { install, type Gate } from './install.js'
import { Load } from './load.js'
import { addStatusRoute, type Refuse } from './status-route.js'
import {
  parseUnderPressure,
  SHARED_KEYS,
  type PressureHandler,
  type UnderPressureOptions,
  type UnderPressureSettings,
} from './under-pressure-options.js'

/** A health check that takes longer than this, in milliseconds, and than its interval, has failed. */
const LONGEST_CHECK_MS = 5000

export async function installUnderPressure(app: FastifyInstance, options: UnderPressureOptions): Promise<void> {
  const settings = parseUnderPressure(options)
  const shared: ProtectionOptions = {}
  for (const key of SHARED_KEYS) if (options[key] !== undefined) Object.assign(shared, { [key]: options[key] })
  const protection = new Protection({ ...shared, retryAfter: Number(settings.retryAfter) * 1000 })
  const load = watch(settings, protection)
  app.decorate('memoryUsage', () => load.usage)
  app.decorate('isUnderPressure', () => load.pressure !== undefined || protection.refuses())
  const stop = await followHealth(app, settings, load)
  app.addHook('onClose', (_, next) => {
    stop()
    load.close()
    next()
  })
  const refuse = refuser(settings)
  const { readiness, liveness } = shared
  if (settings.statusRoute !== undefined) addStatusRoute(app, settings.statusRoute, settings, refuse)
  install(app, protection, { readiness, liveness }, load.limits ? gateOf(settings, load, refuse) : undefined)
}

function watch(settings: UnderPressureSettings, protection: Protection): Load {
  try {
    return new Load(settings)
  } catch (error) {
    protection.close()
    throw error
  }
}

function refuser({ error, retryAfter }: UnderPressureSettings): Refuse {
  return (reply) => {
    void reply.status(503).header('Retry-After', retryAfter)
    return error
  }
}

function gateOf({ pressureHandler }: UnderPressureSettings, load: Load, refuse: Refuse): Gate {
  return (request, reply, next) => {
    const { pressure } = load
    if (pressure === undefined) return next()
    const handler = handlerOf(request) ?? pressureHandler
    if (handler === undefined) return next(refuse(reply))
    const result = handler(request, reply, pressure.type, pressure.value)
    if (isThenable(result)) void goOn(result, next)
    else if (result === undefined || result === null) next()
    else void reply.send(result)
  }
}

async function goOn(waited: PromiseLike<unknown>, next: (error?: Error) => void): Promise<void> {
  let failed: Error | undefined
  try {
    await waited
  } catch (error) {
    failed = error as Error
  }
  next(failed)
}

function handlerOf(request: FastifyRequest): PressureHandler | undefined {
  const { pressureHandler } = request.routeOptions.config as { readonly pressureHandler?: PressureHandler }
  return typeof pressureHandler === 'function' ? pressureHandler : undefined
}

/** Checks the health now, which is waited for, and then from time to time. Returns what ends that. */
async function followHealth(
  app: FastifyInstance,
  { healthCheck, healthCheckInterval: interval }: UnderPressureSettings,
  load: Load,
): Promise<() => void> {
  if (healthCheck === undefined) return () => undefined
  const failed = (error: unknown): void => {
    load.healthy = false
    app.log.error({ error }, 'the function healthCheck failed: the service counts as unhealthy')
  }
  try {
    load.healthy = Boolean(await healthCheck(app))
  } catch (error) {
    failed(error)
  }
  if (interval === 0) return () => undefined
  const settings = {
    check: () => healthCheck(app),
    abortable: false,
    interval,
    timeout: Math.max(interval, LONGEST_CHECK_MS),
  }
  const poll = new Poll(settings, (outcome) => {
    if (outcome.failed) failed(outcome.error)
    else load.healthy = Boolean(outcome.value)
  })
  const timer = realTimers.setTimeout(() => poll.start(), interval).unref()
  return () => {
    realTimers.clearTimeout(timer)
    poll.stop()
  }
}
