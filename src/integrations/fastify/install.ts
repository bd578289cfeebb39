/** Puts a protection into a Fastify instance: hooks, budgets of routes, errors, routes for health. */
import type { FastifyInstance, FastifyReply, FastifyRequest, HookHandlerDoneFunction, RouteOptions } from 'fastify'
import { callAs } from '../../cancelable/current.js'
import type { ParsedBudget, RouteBudget } from '../http/budget.js'
import { exchangeIn, exchangeOf } from '../http/exchange.js'
import { RequestOperation } from '../http/operation.js'
import type { Protection } from '../http/protection.js'
import { RequestRefusedError } from '../http/reasons.js'

const kExempt = Symbol('tripline.exempt')

/** What the library reads of a route's `config`. */
interface RouteConfig {
  readonly url?: string | undefined
  readonly method?: string | readonly string[] | undefined
  readonly tripline?: RouteBudget | undefined
  readonly [kExempt]?: boolean
}

/** Decides on a request before the limits of the protection do; calls `next` if it may go on. */
export type Gate = (request: FastifyRequest, reply: FastifyReply, next: HookHandlerDoneFunction) => void

/** @param health the paths of the routes for readiness and liveness */
export function install(
  app: FastifyInstance,
  protection: Protection,
  health: { readonly readiness?: string | undefined; readonly liveness?: string | undefined },
  gate?: Gate,
): void {
  const budgets = new Budgets(protection)
  app.addHook('onRoute', (route) => budgets.prepare(route, protection))
  const admit: Gate = (request, reply, next) => {
    const budget = budgets.of(request)
    if (budget instanceof Error) return next(budget)
    const exchange = exchangeOf(request.raw, reply.raw)
    const refusal = protection.tryAdmit(exchange, budget)
    if (refusal !== undefined || exchange.operation === undefined) next(refusal)
    else callAs(exchange.operation, next)
  }
  app.addHook('onRequest', (request, reply, next) => {
    if (budgets.isExempt(request)) return next()
    if (gate === undefined) return admit(request, reply, next)
    gate(request, reply, (error?: Error) => (error === undefined ? admit(request, reply, next) : next(error)))
  })
  // The events of a body come in the async context of the connection.
  app.addHook('preValidation', (request, _, next) => {
    const operation = exchangeIn(request.raw)?.operation
    if (operation instanceof RequestOperation) callAs(operation, next)
    else next()
  })
  // Routes that were defined before this plugin was loaded have no error handler of ours. Their error gets the right status.
  app.addHook('onError', (_, __, error, next) => {
    const shown = protection.publicError(error)
    if (
      shown instanceof RequestRefusedError &&
      shown !== error &&
      (error as Partial<RequestRefusedError>).statusCode === undefined
    ) {
      Object.assign(error, { statusCode: shown.statusCode, headers: shown.headers })
    }
    next()
  })
  app.addHook('onClose', (_, next) => {
    protection.close()
    next()
  })
  addHealthRoute(app, health.readiness, (request) => protection.isReady(request.raw))
  addHealthRoute(app, health.liveness, () => true)
  // Registered in several scopes, the first one decides.
  if (app.server.listenerCount('checkContinue') === 0) protection.attach(app.server)
}

function addHealthRoute(
  app: FastifyInstance,
  url: string | undefined,
  isWell: (request: FastifyRequest) => boolean,
): void {
  if (url === undefined) return
  app.route({
    method: ['GET', 'HEAD'],
    // Also in an application that has no other routes for HEAD.
    exposeHeadRoute: false,
    url,
    config: { [kExempt]: true } as object,
    handler: (request, reply) => {
      const well = isWell(request)
      void reply.header('Cache-Control', 'no-store').code(well ? 200 : 503)
      return { status: well ? 'ok' : 'unavailable' }
    },
  })
}

/** The budget of a route without one. */
const NONE: RouteBudget = {}

/** The budgets of routes, by their `config`. */
class Budgets {
  readonly #protection: Protection
  readonly #known = new WeakMap<object, ParsedBudget>()
  // By what was given: a route for GET has one for HEAD, with a config of its own.
  readonly #parsed = new WeakMap<RouteBudget, ParsedBudget>()

  constructor(protection: Protection) {
    this.#protection = protection
  }

  /** Checks the budget of a route that is being defined, and makes its errors public ones. */
  prepare(route: RouteOptions & { readonly path?: string }, protection: Protection): void {
    const budget = route.config?.tripline
    if (budget !== undefined) this.#parse(budget)
    const { errorHandler } = route
    route.errorHandler = function (error, request, reply) {
      const shown = protection.publicError(error)
      // Goes on to the error handler of the application, or Fastify's own.
      if (shown instanceof RequestRefusedError || errorHandler === undefined) throw shown
      return errorHandler.call(this, error, request, reply)
    }
  }

  isExempt(request: FastifyRequest): boolean {
    return (request.routeOptions.config as RouteConfig)[kExempt] === true
  }

  /** Its guard is made once. */
  #parse(given: RouteBudget): ParsedBudget {
    const known = this.#parsed.get(given)
    if (known !== undefined) return known
    const parsed = this.#protection.parse(given, 'config.tripline')
    this.#parsed.set(given, parsed)
    return parsed
  }

  /** That of a route; an error if it is wrong, and was not seen before. */
  of(request: FastifyRequest): ParsedBudget | Error {
    const config = request.routeOptions.config as RouteConfig
    const known = this.#known.get(config)
    if (known !== undefined) return known
    try {
      const { name, ...parsed } = this.#parse(config.tripline ?? NONE)
      const { url, method } = config
      // No path of a client is in it, so it has few values.
      const budget = {
        ...parsed,
        name: name ?? (url === undefined ? undefined : `${[method].flat().join('|')} ${url}`),
      }
      this.#known.set(config, budget)
      return budget
    } catch (error) {
      return error as Error
    }
  }
}
