/** The class of a dashboard: where it listens, its addresses, and its end. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { invalidState, invalidType, invalidValue } from '../../base/errors.js'
import { Feed } from './feed.js'
import {
  parseHandler,
  parseListen,
  type DashboardHandlerOptions,
  type DashboardListenOptions,
  type DashboardSettings,
} from './options.js'
import { Requests } from './requests.js'
import { PageServer } from './server.js'

/**
 * A page in the browser that shows what this program and its machine are doing; made by {@link dashboard}. It samples from
 * the start, so that the page has a history when it is opened. Nothing can be changed by it. Does not keep the process alive.
 */
export class Dashboard implements AsyncDisposable {
  readonly #feed: Feed
  readonly #requests: Requests
  readonly #maxClients: number
  #server: PageServer | undefined
  #starting: Promise<PageServer> | undefined
  #closing: Promise<void> | undefined
  #isRef = false
  #detach: () => void = () => undefined

  /** @internal Use {@link dashboard}. */
  constructor(settings: DashboardSettings) {
    const { maxClients, signal } = settings
    this.#maxClients = maxClients
    const isClosed = (): boolean => this.closed
    const hasRoom = (): boolean => this.#feed.hasRoom
    this.#requests = new Requests({
      get closed() {
        return isClosed()
      },
      get hasRoom() {
        return hasRoom()
      },
      follow: (...args) => this.#feed.follow(...args),
    })
    this.#feed = new Feed(settings, this.#requests.access.id)
    if (signal?.aborted === true) void this.close()
    const close = (): void => void this.close()
    signal?.addEventListener('abort', close, { once: true })
    this.#detach = () => signal?.removeEventListener('abort', close)
  }

  /**
   * Listens on a port of its own, and resolves with the address that opens the page once, in one browser; see {@link link}.
   * The address has a secret: print it where only those see it that may see the page.
   *
   * @example
   * console.log(await page.listen({ port: 9630 }))
   * @throws TypeError, RangeError (`ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`) for bad input; Error
   *   `ERR_INVALID_STATE` if it listens already or is closed; rejects with the system's error: `EADDRINUSE`, `EACCES`
   */
  listen(options: DashboardListenOptions = {}): Promise<string> {
    const settings = parseListen(options)
    this.#checkOpen()
    if (this.#starting !== undefined) throw invalidState('This dashboard listens already')
    const starting = PageServer.listen(settings, this.#maxClients, (...args) => this.#requests.answer(...args))
    this.#starting = starting
    return this.#start(starting)
  }

  async #start(starting: Promise<PageServer>): Promise<string> {
    let server: PageServer
    try {
      server = await starting
    } catch (error) {
      this.#starting = undefined
      throw error
    }
    this.#server = server
    if (this.closed) {
      await server.close()
      throw invalidState('This dashboard was closed')
    }
    if (this.#isRef) server.ref()
    return this.link()
  }

  /**
   * A handler for a server of your own, under any path: for `node:http`, and all that builds on it, such as Express. It answers
   * every request that it gets.
   *
   * @example
   * const show = page.handler({ hosts: 'ops.example.com' })
   * app.use('/status', show)
   * console.log(page.link('https://ops.example.com/status'))
   * @throws TypeError (`ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`) for bad input; Error `ERR_INVALID_STATE` once closed
   */
  handler(options: DashboardHandlerOptions): (request: IncomingMessage, response: ServerResponse) => void {
    const hosts = new Set(parseHandler(options))
    this.#checkOpen()
    return (request, response) => this.#requests.answer(request, response, hosts)
  }

  /**
   * Another address that opens the page once. Without a use it stays good until this is closed; of more than 100, the oldest
   * is not good any more.
   *
   * @param base where the handler is mounted, as a browser reaches it @default where this listens
   * @throws TypeError (`ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`) for what is no address of the web; Error
   *   `ERR_INVALID_STATE` if this is closed, or does not listen and has no base
   */
  link(base?: string | URL): string {
    this.#checkOpen()
    const at = base === undefined ? this.#server?.origin : readBase(base)
    if (at === undefined) throw invalidState('Without a base, there is a link only once this dashboard listens')
    const { id } = this.#requests.access
    return `${at.replace(/\/+$/, '')}/${id}/?token=${this.#requests.access.makeToken()}`
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#closing !== undefined
  }

  /** Keeps the process alive while it listens, until it is closed, or {@link unref} is called. */
  ref(): this {
    this.#isRef = true
    this.#server?.ref()
    return this
  }

  /** Lets the process end although it listens, which is the default. */
  unref(): this {
    this.#isRef = false
    this.#server?.unref()
    return this
  }

  /** Stops sampling and listening. Open pages show that it has ended. Resolves when no connection is left. Never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  /** The same as {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #end(): Promise<void> {
    this.#detach()
    this.#feed[Symbol.dispose]()
    await this.#server?.close()
  }

  #checkOpen(): void {
    if (this.closed) throw invalidState('This dashboard was closed')
  }
}

function readBase(base: unknown): string {
  if (typeof base !== 'string' && !(base instanceof URL)) throw invalidType('base argument', 'a string or a URL', base)
  const url = URL.canParse(String(base)) ? new URL(base) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw invalidValue('base argument', "an address such as 'https://ops.example.com/status'", String(base))
  }
  return url.href
}
