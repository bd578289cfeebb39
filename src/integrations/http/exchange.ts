/** A request with its response: when both are over, and whether the client went away before. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'

/** A request of `node:http`, `node:https` or `node:http2`. */
export type HttpRequest = IncomingMessage | Http2ServerRequest

/** The response to it. */
export type HttpResponse = ServerResponse | Http2ServerResponse

const kExchange = Symbol('tripline.exchange')
const kQueued = Symbol('tripline.queued')

interface Marked {
  [kExchange]?: Exchange
}

interface QueueSocket extends Socket {
  [kQueued]?: Set<Exchange>
}

/** What a server that shuts down needs to know of its requests. */
export interface Tracker {
  /** Whether it shuts down. */
  readonly draining: boolean
  /** A request is over. */
  ended(exchange: Exchange, delivered: boolean): void
}

/** The operation of a request, as far as its exchange uses it. */
export interface Ending {
  /** The response was sent, or the client is gone. */
  over(delivered: boolean): void
  /** The server shuts down and cannot wait any longer. */
  shutDown(message: string): void
}

/** A request and its response. There is one per response, and one listener on that, whatever follows it. */
export class Exchange {
  readonly request: HttpRequest
  readonly response: HttpResponse
  operation: Ending | undefined
  tracker: Tracker | undefined
  /** Whether `100 Continue` is still owed to the client. */
  awaitsContinue: boolean = false
  /** Those that wait for their turn on the same connection, with this one. */
  queue: Set<Exchange> | undefined
  #over = false

  /** Use {@link exchangeOf}. */
  constructor(request: HttpRequest, response: HttpResponse) {
    this.request = request
    this.response = response
  }

  /** Whether the response was sent, or the client is gone. */
  get over(): boolean {
    return this.#over
  }

  /** Sends the `100 Continue` that is owed, unless the request was answered. */
  continue(): void {
    if (!this.awaitsContinue) return
    this.awaitsContinue = false
    if (!this.#over && !this.response.headersSent && !this.response.writableEnded) this.response.writeContinue()
  }

  /** The response is closed. Does nothing the second time. */
  end(delivered: boolean): void {
    if (this.#over) return
    this.#over = true
    this.queue?.delete(this)
    this.tracker?.ended(this, delivered)
    this.operation?.over(delivered)
  }
}

/**
 * The exchange of a response, made with the first call. A response that is closed already gets one that is over.
 *
 * Nothing listens on the request: that would make its body flow, or hide errors of it.
 */
export function exchangeOf(request: HttpRequest, response: HttpResponse): Exchange {
  const marked = response as Marked
  const known = marked[kExchange]
  if (known !== undefined) return known
  const exchange = new Exchange(request, response)
  marked[kExchange] = exchange
  ;(request as Marked)[kExchange] = exchange
  if (isClosed(response)) {
    exchange.end(false)
    return exchange
  }
  response.on('close', onClose)
  // The response to a pipelined request has no socket until those before it were sent; if the client goes away before that,
  // Node does not close it.
  if (!isHttp2(response) && response.socket === null) queue(exchange)
  return exchange
}

/** The exchange that a request belongs to, if it has one. */
export function exchangeIn(request: object): Exchange | undefined {
  return (request as Marked)[kExchange]
}

/** Whether a response is one of HTTP/2. */
export function isHttp2(response: HttpResponse): response is Http2ServerResponse {
  return 'createPushResponse' in response
}

/** Whether the connection of a request was upgraded: it is no longer one of HTTP, although frameworks route its request. */
export function isUpgraded(request: HttpRequest): boolean {
  return (request as { readonly upgrade?: unknown }).upgrade === true
}

function onClose(this: HttpResponse): void {
  ;(this as Marked)[kExchange]!.end(isDelivered(this))
}

function isClosed(response: HttpResponse): boolean {
  if (isHttp2(response)) return response.stream.closed || response.stream.destroyed
  return response.closed || response.destroyed || response.req.socket.destroyed
}

/** Whether all of a closed response was passed on to the system. */
function isDelivered(response: HttpResponse): boolean {
  // Node passes for sent what is written once the socket is gone: the answer of an error handler to an upload that was cut off.
  if (!isHttp2(response) && isCutOff(response.req)) return false
  // A response that was sent has left its socket, except those that a test injects, which have no real one.
  if (!isHttp2(response))
    return response.writableFinished || (response.writableEnded && response.socket?.destroyed !== true)
  // HTTP/2 reports that a response is finished also when the client has reset its stream.
  return response.writableEnded && response.stream.writableFinished
}

function isCutOff({ errored }: IncomingMessage): boolean {
  return (errored as NodeJS.ErrnoException | null | undefined)?.code === 'ECONNRESET'
}

/** Follows the socket of a pipelined request, with one listener per socket. */
function queue(exchange: Exchange): void {
  const socket = exchange.request.socket as QueueSocket
  if (socket[kQueued] === undefined) {
    socket[kQueued] = new Set()
    socket.once('close', endQueued)
  }
  exchange.queue = socket[kQueued].add(exchange)
}

function endQueued(this: QueueSocket): void {
  for (const each of this[kQueued]!) each.end(false)
}
