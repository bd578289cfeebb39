/** Protects a server: refuses requests while limits are crossed, and gives each one that it admits an operation. */
import type { EventEmitter } from 'node:events'
import { callAs } from '../../cancelable/current.js'
import type { Cancelable } from '../../cancelable/cancelable.js'
import { callIsolated, isThenable, reportError } from '../../base/diagnostics.js'
import { invalidChoice, invalidState, invalidType } from '../../base/errors.js'
import { readOptions } from '../../base/options.js'
import { LONGEST_DELAY } from '../../base/clock.js'
import { realTimers } from '../../base/real-timers.js'
import { parseDuration, type Duration } from '../../base/units.js'
import type { Guard } from '../../monitor/guard.js'
import type { Limits } from '../../monitor/limits.js'
import { TimeoutSource } from '../../sources/timeout.js'
import { ResourceSource } from '../../sources/resource.js'
import { answer, cut, errorBody, retryAfterOf } from './answer.js'
import {
  Guards,
  nameOf,
  parseBudget,
  pathOf,
  PRIORITIES,
  Routes,
  type ParsedBudget,
  type Priority,
  type RouteBudget,
} from './budget.js'
import { exchangeIn, exchangeOf, isUpgraded, type Exchange, type HttpRequest, type HttpResponse } from './exchange.js'
import { Levels, type PriorityLimits } from './levels.js'
import { RequestOperation, type Owner } from './operation.js'
import { cancelationIn, isClientGone, RequestRefusedError, statusOf } from './reasons.js'

/** The options of a protection, all optional. */
export interface ProtectionOptions {
  /**
   * Requests are refused with 503 while one of these limits is crossed, or one of these conditions does not hold.
   *
   * @default none
   */
  resources?: Limits | Guard | undefined
  /** Limits of their own for requests of low and of high priority. */
  priorities?: PriorityLimits | undefined
  /** Budgets by path: `'/reports'`, `'GET /reports'`, `'/reports/*'`; the longest one counts. @default none */
  routes?: Readonly<Record<string, RouteBudget>> | undefined
  /** How long a request may take, until its response was sent. @default Infinity */
  timeout?: Duration | undefined
  /**
   * How long the handler of a request that was canceled may take to respond, before that is done for it: with the status of
   * the reason, or, if it has begun to respond, by closing the connection.
   *
   * @default 1 s
   */
  grace?: Duration | undefined
  /** The value of `Retry-After` in refusals, rounded up to whole seconds. @default 10 s */
  retryAfter?: Duration | undefined
  /** The path of a readiness route, answered with 503 while requests are refused, or the server shuts down. @default none */
  readiness?: string | undefined
  /** The path of a liveness route: it answers as long as the event loop does, and is never refused. @default none */
  liveness?: string | undefined
  /** Whether to only count what would be refused. @default false */
  dryRun?: boolean | undefined
  /** Called when a request is refused, for logs. @default none */
  onRefused?: ((request: HttpRequest, priority: Priority) => void) | undefined
}

/** The counts of a protection since it was made. */
export interface ProtectionStats {
  /** Requests that were admitted. */
  readonly admitted: number
  /** Requests that were refused, by priority; with `dryRun`, those that would have been. */
  readonly refused: Readonly<Record<Priority, number>>
  /** Operations that are not over. */
  readonly active: number
  /** Requests whose client went away before the response was sent. */
  readonly gone: number
}

/** Handles a request that was admitted. */
export type ProtectedHandler<Q extends HttpRequest, S extends HttpResponse> = (
  request: Q,
  response: S,
  cancel: Cancelable,
) => unknown

export const PROTECTION_KEYS: readonly string[] = [
  'resources',
  'priorities',
  'routes',
  'timeout',
  'grace',
  'retryAfter',
  'readiness',
  'liveness',
  'dryRun',
  'onRefused',
]

/**
 * Protects a server; made by `protect()`. It watches its limits until it is closed, and does not keep the process alive.
 */
export class Protection implements Disposable {
  readonly #guards = new Guards()
  readonly #levels: Levels
  readonly #routes: Routes | undefined
  readonly #budget: ParsedBudget
  readonly #owner: Owner
  readonly #headers: Readonly<Record<string, string>>
  readonly #paths = new Map<string, 'readiness' | 'liveness'>()
  readonly #dryRun: boolean
  readonly #onRefused: ProtectionOptions['onRefused']
  readonly #active = new Set<RequestOperation>()
  readonly #refused: Record<Priority, number> = { low: 0, normal: 0, high: 0 }
  // The same for every request: the stack of an error costs more than the rest of a refusal.
  #refusal: RequestRefusedError | undefined
  #admitted = 0
  #gone = 0

  /** @internal Use `protect()`. */
  constructor(options: ProtectionOptions) {
    const own = readOptions(options, 'option', PROTECTION_KEYS)
    const { timeout = Infinity, grace = 1000, retryAfter = 10_000, dryRun = false, onRefused } = own
    if (typeof dryRun !== 'boolean') throw invalidType('dryRun', 'true or false', dryRun)
    if (onRefused !== undefined && typeof onRefused !== 'function')
      throw invalidType('onRefused', 'a function', onRefused)
    this.#dryRun = dryRun
    this.#onRefused = onRefused
    this.#owner = {
      grace: Math.min(LONGEST_DELAY, parseDuration(grace, 'grace')),
      unanswered: ({ exchange: { response }, signal }) => {
        this.#finish(response, this.publicError(signal.reason) as RequestRefusedError)
      },
      ended: (operation, delivered) => {
        this.#active.delete(operation)
        if (!delivered) this.#gone++
      },
    }
    this.#headers = { 'Retry-After': retryAfterOf(parseDuration(retryAfter, 'retryAfter')) }
    this.#budget = {
      timeout: parseDuration(timeout, 'timeout', true),
      guard: undefined,
      priority: 'normal',
      name: undefined,
    }
    for (const key of ['readiness', 'liveness'] as const) {
      const path: unknown = own[key]
      if (path === undefined) continue
      if (typeof path !== 'string' || path[0] !== '/') throw invalidType(key, "a path such as '/ready'", path)
      this.#paths.set(path, key)
    }
    try {
      this.#levels = new Levels(own.resources, own.priorities, this.#guards)
      this.#routes = own.routes === undefined ? undefined : new Routes(own.routes, this.#guards, this.#budget)
    } catch (error) {
      this.#guards.close()
      throw error
    }
  }

  /**
   * Whether requests of a priority are refused now. Reading it takes no native call.
   *
   * @throws TypeError `ERR_INVALID_ARG_VALUE`
   */
  refuses(priority: Priority = 'normal'): boolean {
    if (!PRIORITIES.includes(priority)) throw invalidChoice('priority', PRIORITIES, priority)
    return this.#levels.refuses(priority)
  }

  /** The guards that are breached now, of any priority. */
  get breached(): readonly Guard[] {
    return this.#levels.breached()
  }

  /** The counts so far. */
  get stats(): ProtectionStats {
    return { admitted: this.#admitted, refused: { ...this.#refused }, active: this.#active.size, gone: this.#gone }
  }

  /** The operations of the requests that are not over. */
  get operations(): readonly Cancelable[] {
    return [...this.#active]
  }

  /**
   * A listener for the event `'request'` of a server. It answers for a handler that was canceled or has failed; a failure is
   * also published on `tripline:error`, unless it only says that the connection of a client that is gone has ended.
   *
   * @example
   * const web = protect({ resources: { 'eventLoop.delay': 200, memory: 90 }, readiness: '/ready' })
   * createServer(web.handler(async (request, response, cancel) => {
   *   response.end(await render(request.url, { signal: cancel.signal }))
   * }))
   * @throws TypeError `ERR_INVALID_ARG_TYPE`
   */
  handler<Q extends HttpRequest, S extends HttpResponse>(
    handle: ProtectedHandler<Q, S>,
  ): (request: Q, response: S) => void {
    if (typeof handle !== 'function') throw invalidType('handle argument', 'a function', handle)
    return (request, response) => {
      const operation = this.admit(request, response)
      if (operation === undefined) return
      const fail = (error: unknown): void => {
        // What fails because the client is gone, such as the rest of its upload, is no failure of the handler.
        if (isGone(operation) && isOfConnection(error)) return
        this.#fail(error, response)
      }
      try {
        const result = callAs(operation, handle, request, response, operation)
        if (isThenable(result)) result.then(undefined, fail)
      } catch (error) {
        fail(error)
      }
    }
  }

  /**
   * Admits a request, or refuses and answers it; also answers the routes for readiness and liveness. For frameworks that have
   * no integration of their own; `handler()` does the same.
   *
   * @returns the operation, which has started and ends by itself; `undefined` if the request was answered
   */
  admit(request: HttpRequest, response: HttpResponse): Cancelable | undefined {
    const exchange = exchangeOf(request, response)
    return this.admitWith(exchange) ? (exchange.operation as RequestOperation) : undefined
  }

  /** Whether the request was admitted; otherwise it was answered. @internal */
  admitWith(exchange: Exchange, budget?: ParsedBudget): boolean {
    const { request, response } = exchange
    const path = this.#routes === undefined && this.#paths.size === 0 ? undefined : pathOf(request)
    if (path !== undefined && this.#answerHealth(path, exchange)) return false
    const found = budget ?? (path === undefined ? undefined : this.#routes?.find(request.method ?? '', path))
    const error = this.tryAdmit(exchange, found ?? this.#budget)
    if (error !== undefined) this.refuse(response, error)
    return error === undefined
  }

  /** The budget of a route, whose guard closes with the protection. @internal */
  parse(budget: RouteBudget, option: string): ParsedBudget {
    return parseBudget(budget, this.#guards, this.#budget, option)
  }

  /**
   * Admits a request, and gives it an operation if it has none yet. One that was upgraded gets none: nothing here could know
   * when it ends, and nothing must be sent to it.
   *
   * @returns why it was refused
   * @internal
   */
  tryAdmit(exchange: Exchange, budget: ParsedBudget, name?: string): RequestRefusedError | undefined {
    const { priority } = budget
    if (this.#levels.refuses(priority)) {
      this.#refused[priority]++
      if (this.#onRefused !== undefined)
        callIsolated('request', 'onRefused', this.#onRefused, exchange.request, priority)
      if (!this.#dryRun) return (this.#refusal ??= this.#overloaded())
    }
    if (isUpgraded(exchange.request)) return undefined
    const { operation } = exchange
    return operation instanceof RequestOperation ? this.#narrow(operation, budget) : this.#start(exchange, budget, name)
  }

  #start(exchange: Exchange, budget: ParsedBudget, name: string | undefined): RequestRefusedError | undefined {
    const { request } = exchange
    const options = {
      parent: null,
      name: budget.name ?? name ?? nameOf(request.method, pathOf(request)),
      ...(budget.timeout !== Infinity && { timeout: budget.timeout }),
      ...(budget.guard && { resources: budget.guard }),
    }
    const operation = new RequestOperation(options, exchange, this.#owner)
    try {
      operation.begin()
    } catch (error) {
      const canceled = cancelationIn(error)
      if (canceled === undefined) throw error
      return this.#overloaded(canceled)
    }
    this.#admitted++
    this.#active.add(operation)
    exchange.operation = operation
    exchange.continue()
    // The client went away before the framework came here.
    if (exchange.over) operation.over(false)
    return undefined
  }

  /** Adds the budget of a route to an operation that has started; the shorter time counts. */
  #narrow(operation: RequestOperation, budget: ParsedBudget): RequestRefusedError | undefined {
    if (budget.timeout !== Infinity) operation.addSource(new TimeoutSource(budget.timeout))
    if (budget.guard !== undefined) operation.addSource(new ResourceSource(budget.guard))
    return operation.isCanceled ? (this.publicError(operation.signal.reason) as RequestRefusedError) : undefined
  }

  #overloaded(cause?: unknown): RequestRefusedError {
    return new RequestRefusedError(503, 'ERR_TRIPLINE_OVERLOADED', this.#headers, { cause })
  }

  /** Answers a request with an error. @internal */
  refuse(response: HttpResponse, error: RequestRefusedError): void {
    const { statusCode, code, message, headers } = error
    answer(response, statusCode, errorBody(statusCode, code, message), headers)
  }

  /**
   * The error to pass on to a framework in place of a cancelation, which says more than a client should know. Any other error
   * is returned as it is.
   */
  publicError(error: unknown): unknown {
    const canceled = cancelationIn(error)
    if (canceled === undefined) return error
    const status = statusOf(canceled.reason)
    return new RequestRefusedError(status, 'ERR_TRIPLINE_CANCELED', status === 503 ? this.#headers : {}, {
      cause: error,
    })
  }

  #fail(error: unknown, response: HttpResponse): void {
    const shown = this.publicError(error)
    if (shown instanceof RequestRefusedError) return this.#finish(response, shown)
    reportError(error, 'request')
    this.#finish(response, new RequestRefusedError(500, undefined, {}))
  }

  /** Answers, or closes a response that has begun and would never end. */
  #finish(response: HttpResponse, error: RequestRefusedError): void {
    if (response.headersSent && !response.writableEnded) cut(response)
    else this.refuse(response, error)
  }

  #answerHealth(path: string, { request, response }: Exchange): boolean {
    const kind = this.#paths.get(path)
    if (kind === undefined || (request.method !== 'GET' && request.method !== 'HEAD')) return false
    const isWell = kind === 'liveness' || this.isReady(request)
    answer(response, isWell ? 200 : 503, { status: isWell ? 'ok' : 'unavailable' }, isWell ? {} : this.#headers)
    return true
  }

  /**
   * Whether the server should get requests: not while those of normal priority are refused, nor while it shuts down.
   *
   * @param request any request of the server, by which the shutdown is known
   */
  isReady(request?: HttpRequest): boolean {
    const tracker = request && exchangeIn(request)?.tracker
    return tracker?.draining !== true && !this.#levels.refuses('normal')
  }

  /** Stops watching. Requests are admitted from then on; those that are not over go on. */
  close(): void {
    this.#levels.close()
    this.#guards.close()
  }

  /** The same as {@link close}. */
  [Symbol.dispose](): void {
    this.close()
  }

  /**
   * Keeps clients that wait for `100 Continue` from sending a body that would be refused: they get the 503 at once.
   *
   * @throws TypeError `ERR_INVALID_ARG_TYPE`; Error `ERR_INVALID_STATE` if the server has a listener of `'checkContinue'`
   */
  attach(server: EventEmitter): void {
    if (typeof (server as Partial<EventEmitter> | null | undefined)?.listenerCount !== 'function') {
      throw invalidType('server argument', 'a server of node:http, node:https or node:http2', server)
    }
    if (server.listenerCount('checkContinue') > 0) {
      throw invalidState("The server has a listener of 'checkContinue' already")
    }
    server.on('checkContinue', (request: HttpRequest, response: HttpResponse) => {
      const exchange = exchangeOf(request, response)
      // A request of low priority is refused whenever any other is.
      exchange.awaitsContinue = this.#levels.refuses('low')
      if (!exchange.awaitsContinue) response.writeContinue()
      server.emit('request', request, response)
      // A route that is not protected has not admitted it.
      if (exchange.awaitsContinue) realTimers.setImmediate(() => exchange.continue())
    })
  }
}

function isGone({ reason }: Cancelable): boolean {
  return reason !== undefined && isClientGone(reason)
}

/** Errors of a request or a response whose connection has ended. */
const OF_CONNECTION: ReadonlySet<unknown> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_STREAM_DESTROYED',
  'ERR_HTTP2_INVALID_STREAM',
  'ERR_HTTP2_STREAM_ERROR',
])

function isOfConnection(error: unknown): boolean {
  return error instanceof Error && OF_CONNECTION.has((error as NodeJS.ErrnoException).code)
}
