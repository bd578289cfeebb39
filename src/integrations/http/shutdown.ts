/** Ends a server without cutting off its requests. */
import type { Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Http2SecureServer, Http2Server, Http2Session } from 'node:http2'
import { invalidState, invalidType } from '../../base/errors.js'
import { readOptions } from '../../base/options.js'
import { LONGEST_DELAY } from '../../base/clock.js'
import { realTimers } from '../../base/real-timers.js'
import { parseDuration, type Duration } from '../../base/units.js'
import { reportError } from '../../base/diagnostics.js'
import { checkSignals } from '../../sources/signal.js'
import { canAnswer, cut } from './answer.js'
import { exchangeOf, isHttp2, type Exchange, type HttpRequest, type HttpResponse, type Tracker } from './exchange.js'

/** A server of `node:http`, `node:https` or `node:http2`. */
export type AnyServer = HttpServer | HttpsServer | Http2Server | Http2SecureServer

/** The options of {@link gracefulShutdown}, all optional. */
export interface ShutdownOptions {
  /** OS signals that begin the shutdown; each further one ends the wait of the current step. An empty array for none. @default SIGTERM and SIGINT */
  signals?: readonly NodeJS.Signals[] | undefined
  /**
   * How long the server still takes connections after readiness went off, so that a load balancer notices. Kubernetes needs
   * about 5 s. @default 0
   */
  delay?: Duration | undefined
  /** How long running requests may take after that, before their operations are canceled. @default 10 s */
  deadline?: Duration | undefined
  /** How long canceled ones may take to respond before their connections are closed. @default 1 s */
  grace?: Duration | undefined
  /**
   * Stops accepting connections, in place of `server.close()`: for a framework that has more to close.
   *
   * @default closes the server
   */
  close?: (() => unknown) | undefined
}

/** How a shutdown went. */
export interface ShutdownResult {
  /** The signal that began it; `undefined` if `begin()` was called. */
  readonly signal: NodeJS.Signals | undefined
  /** Responses that were sent after it had begun. */
  readonly completed: number
  /** Requests that did not end in time, and were canceled. */
  readonly canceled: number
  /** Connections that are open still: those that were upgraded, such as web sockets, which are left to the program. */
  readonly upgraded: number
}

/**
 * The stages of a shutdown.
 *
 * - `running`: it has not begun
 * - `delaying`: readiness is off, and connections are still accepted
 * - `draining`: no connection is accepted, and running requests are waited for
 * - `canceling`: the operations of the rest were canceled
 * - `closed`: all requests are over
 */
export type ShutdownState = 'running' | 'delaying' | 'draining' | 'canceling' | 'closed'

const KEYS = ['signals', 'delay', 'deadline', 'grace', 'close']

/** The shutdown of a server; made by {@link gracefulShutdown}. Disposing of it before it has begun undoes it. */
export class Shutdown implements Disposable {
  readonly #server: AnyServer
  readonly #settings: Settings
  readonly #open = new Set<Exchange>()
  readonly #sessions = new Set<Http2Session>()
  readonly #tracker: Tracker
  readonly #onRequest = (request: HttpRequest, response: HttpResponse): void => this.#took(request, response)
  readonly #onSession = (session: Http2Session): void => this.#follow(session)
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (this.#state === 'running') void this.begin(signal)
    else this.#hurry()
  }
  /** Resolves when all requests are over and the connections are closed. Never rejects. */
  readonly done: Promise<ShutdownResult>
  #resolve!: (result: ShutdownResult) => void
  #state: ShutdownState = 'running'
  #completed = 0
  #signal: NodeJS.Signals | undefined
  #hurried = false
  /** Ends the current wait. */
  #wake: () => void = () => undefined

  /** @internal Use {@link gracefulShutdown}. */
  constructor(server: AnyServer, options: ShutdownOptions) {
    this.#server = server
    this.#settings = parseOptions(options)
    if (followed.has(server)) throw invalidState('The server has a graceful shutdown already')
    followed.add(server)
    this.done = new Promise((resolve) => (this.#resolve = resolve))
    const isDraining = (): boolean => this.#state !== 'running'
    this.#tracker = {
      get draining() {
        return isDraining()
      },
      ended: (exchange, delivered) => this.#ended(exchange, delivered),
    }
    // Before the program's own listener, which may end the response at once.
    server.prependListener('request', this.#onRequest)
    server.prependListener('session', this.#onSession)
    for (const signal of this.#settings.signals) process.on(signal, this.#onSignal)
  }

  /** The stage that it is in. */
  get state(): ShutdownState {
    return this.#state
  }

  /** How many requests are not over. */
  get active(): number {
    return this.#open.size
  }

  /**
   * Begins the shutdown. A second call changes nothing.
   *
   * @returns the same promise as {@link done}
   */
  begin(signal?: NodeJS.Signals): Promise<ShutdownResult> {
    if (this.#state === 'running') {
      this.#signal = signal
      this.#state = 'delaying'
      void this.#run()
    }
    return this.done
  }

  /** Forgets the server and the signals. Once the shutdown has begun, it does nothing. */
  [Symbol.dispose](): void {
    if (this.#state === 'running') this.#forget()
  }

  #took(request: HttpRequest, response: HttpResponse): void {
    const exchange = exchangeOf(request, response)
    if (exchange.over) return
    exchange.tracker = this.#tracker
    this.#open.add(exchange)
    if (this.#isClosing()) closeAfter(response)
  }

  #follow(session: Http2Session): void {
    this.#sessions.add(session)
    session.once('close', () => {
      this.#sessions.delete(session)
      if (this.#state === 'canceling' && this.#open.size + this.#sessions.size === 0) this.#wake()
    })
    if (this.#isClosing()) session.close()
  }

  #isClosing(): boolean {
    return this.#state === 'draining' || this.#state === 'canceling'
  }

  #ended(exchange: Exchange, delivered: boolean): void {
    this.#open.delete(exchange)
    if (this.#state === 'running') return
    if (delivered) this.#completed++
    if (!this.#isClosing()) return
    // Its connection is idle a moment later, if its headers had been sent before they could say that it closes.
    realTimers.setImmediate(() => closeIdle(this.#server))
    if (this.#open.size === 0) this.#wake()
  }

  #hurry(): void {
    this.#hurried = true
    this.#wake()
  }

  async #run(): Promise<void> {
    const { delay, deadline, grace, close } = this.#settings
    await this.#wait(delay)
    // A signal ends only the step in which it comes.
    this.#hurried = false
    this.#state = 'draining'
    const closing = closeServer(this.#server, close)
    for (const { response } of this.#open) closeAfter(response)
    // Sends GOAWAY; streams that are open go on.
    for (const each of this.#sessions) each.close()
    closeIdle(this.#server)
    if (this.#open.size > 0) await this.#wait(deadline)
    const late = [...this.#open]
    this.#state = 'canceling'
    for (const each of late) each.operation?.shutDown('The server is shutting down')
    this.#hurried = false
    if (this.#open.size > 0) await this.#wait(grace)
    for (const { response } of this.#open) if (canAnswer(response) || !response.writableEnded) cut(response)
    // The last responses may still be on their way; upgraded connections would keep the server open for as long as they are.
    void closing.then(() => this.#wake())
    await this.#wait(Math.min(grace, FLUSH_MS))
    await this.#closeConnections()
    this.#state = 'closed'
    this.#forget()
    const upgraded = await connectionsOf(this.#server)
    this.#resolve({ signal: this.#signal, completed: this.#completed, canceled: late.length, upgraded })
  }

  /** Closes idle connections, and those of clients that never finish a request. Lets the event loop turn, so that they are gone. */
  async #closeConnections(): Promise<void> {
    for (const each of this.#sessions) each.destroy()
    if (this.#sessions.size > 0) await this.#wait(FLUSH_MS)
    if ('closeAllConnections' in this.#server) this.#server.closeAllConnections()
    await new Promise<void>((resolve) => void realTimers.setImmediate(resolve))
  }

  #forget(): void {
    followed.delete(this.#server)
    this.#server.off('request', this.#onRequest)
    this.#server.off('session', this.#onSession)
    for (const signal of this.#settings.signals) process.off(signal, this.#onSignal)
  }

  /** Waits until it is woken, or for so long. */
  #wait(ms: number): Promise<void> {
    if (this.#hurried || ms === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = ms === Infinity ? undefined : realTimers.setTimeout(() => this.#wake(), Math.min(LONGEST_DELAY, ms))
      this.#wake = () => {
        realTimers.clearTimeout(timer)
        this.#wake = () => undefined
        resolve()
      }
    })
  }
}

interface Settings {
  readonly signals: readonly NodeJS.Signals[]
  readonly delay: number
  readonly deadline: number
  readonly grace: number
  readonly close: (() => unknown) | undefined
}

/** The servers that have a shutdown: a request can only be followed by one. */
const followed = new WeakSet<AnyServer>()

/** The longest time for which responses that have ended are waited for until they are sent, in milliseconds. */
const FLUSH_MS = 1000

function parseOptions(options: ShutdownOptions): Settings {
  const own = readOptions(options, 'option', KEYS)
  const { signals = ['SIGTERM', 'SIGINT'], delay = 0, deadline = 10_000, grace = 1000, close } = own
  if (close !== undefined && typeof close !== 'function') throw invalidType('close', 'a function', close)
  return {
    signals: Array.isArray(signals) && signals.length === 0 ? [] : checkSignals(signals, 'signals'),
    delay: parseDuration(delay, 'delay'),
    deadline: parseDuration(deadline, 'deadline', true),
    grace: parseDuration(grace, 'grace'),
    close,
  }
}

/** Makes the connection close after the response, if that has not begun. HTTP/2 has GOAWAY for that. */
function closeAfter(response: HttpResponse): void {
  if (!isHttp2(response) && !response.headersSent) response.setHeader('Connection', 'close')
}

function closeIdle(server: AnyServer): void {
  if ('closeIdleConnections' in server) server.closeIdleConnections()
}

/** Stops accepting connections; resolves when all are closed, and never rejects. */
async function closeServer(server: AnyServer, close: (() => unknown) | undefined): Promise<void> {
  try {
    if (close !== undefined) await close()
    // The error is that it was not listening, or is closed already.
    else await new Promise<void>((resolve) => void server.close(() => resolve()))
  } catch (error) {
    reportError(error, 'cleanup', 'shutdown')
  }
}

function connectionsOf(server: AnyServer): Promise<number> {
  return new Promise((resolve) => server.getConnections((error, count) => resolve(error === null ? count : 0)))
}

/**
 * Ends a server without cutting off its requests, when the process receives SIGTERM or SIGINT: readiness goes off; after
 * `delay`, no connection is accepted any more, and idle ones are closed; requests that run get until `deadline`, then their
 * operations are canceled, and after `grace` their connections are closed. The process then ends by itself, with the exit
 * status of the program, if nothing else keeps it alive.
 *
 * Call it before the server listens: it follows requests and HTTP/2 sessions from then on.
 *
 * @example
 * const shutdown = gracefulShutdown(server, { delay: '5s', deadline: '20s' })
 * await shutdown.done
 * await database.end()
 * @throws TypeError, RangeError (`ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`), naming the option;
 *   Error `ERR_INVALID_STATE` if the server has one already
 */
export function gracefulShutdown(server: AnyServer, options: ShutdownOptions = {}): Shutdown {
  if (typeof server?.getConnections !== 'function' || typeof server.prependListener !== 'function') {
    throw invalidType('server argument', 'a server of node:http, node:https or node:http2', server)
  }
  return new Shutdown(server, options)
}
