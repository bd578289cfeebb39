/** Middleware for Express: `next` runs in the operation of the request. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { callAs } from '../../cancelable/current.js'
import { answer, canAnswer, cut, errorBody } from '../http/answer.js'
import type { ParsedBudget, RouteBudget } from '../http/budget.js'
import { exchangeOf } from '../http/exchange.js'
import { Protection } from '../http/protection.js'
import { RequestRefusedError } from '../http/reasons.js'

/** Passes the request on, or an error to the error handlers. */
export type Next = (error?: unknown) => void

/** A middleware, as Express, Connect and others call it. */
export type Middleware = (request: IncomingMessage, response: ServerResponse, next: Next) => void

/** A middleware for errors; Express recognizes it by its four parameters. */
export type ErrorMiddleware = (error: unknown, request: IncomingMessage, response: ServerResponse, next: Next) => void

/** A protection with middleware; made by `protectExpress()`. */
export class ExpressProtection extends Protection {
  /**
   * Admits requests for everything that is registered after it; the budgets are those of the option `routes`. Requests for the
   * routes of readiness and liveness are answered.
   *
   * @example
   * app.use(web.middleware())
   */
  middleware(): Middleware {
    return this.#middleware(undefined)
  }

  /**
   * Admits the requests of a route. In a request that `middleware()` has admitted, the shorter time and both limits count, and
   * a lower priority is refused here. Unlike the paths of the option `routes`, it follows the router, whatever that takes for
   * the same path.
   *
   * @example
   * app.get('/reports/:id', web.route({ timeout: '10s', priority: 'low' }), handler)
   * @throws TypeError, RangeError (`ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`), naming the option
   */
  route(budget: RouteBudget): Middleware {
    return this.#middleware(this.parse(budget, 'budget'))
  }

  /**
   * Answers requests whose operation was canceled: with the status of the reason, and without details. If the client is gone,
   * nothing is sent. Other errors go on to the next handler. Register it after the routes.
   *
   * @example
   * app.use(web.errorHandler())
   */
  errorHandler(): ErrorMiddleware {
    return (error, _request, response, next) => {
      const shown = this.publicError(error)
      if (!(shown instanceof RequestRefusedError)) return next(error)
      const { statusCode, code, message, headers } = shown
      if (canAnswer(response)) answer(response, statusCode, errorBody(statusCode, code, message), headers)
      else if (!response.writableEnded) cut(response)
    }
  }

  #middleware(budget: ParsedBudget | undefined): Middleware {
    return (request, response, next) => {
      const exchange = exchangeOf(request, response)
      if (!this.admitWith(exchange, budget)) return
      if (exchange.operation === undefined) next()
      else callAs(exchange.operation, next)
    }
  }
}
