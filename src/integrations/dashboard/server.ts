/** A server of its own for the page, with narrow bounds. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { isIP, type AddressInfo, type Socket } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import { realTimers } from '../../base/real-timers.js'
import type { ListenSettings } from './options.js'

const BOUNDS = {
  maxHeaderSize: 8192,
  headersTimeout: 5000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 2000,
} as const
/** Beyond the open pages. */
const SPARE_CONNECTIONS = 256
/** In milliseconds: what was written before the end may take as long to leave. */
const DISCONNECT_MS = 500

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'] as const

type Answer = (request: IncomingMessage, response: ServerResponse, hosts: ReadonlySet<string>) => void

export class PageServer {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #isRef = false

  private constructor(server: Server) {
    this.#server = server
  }

  /** Does not keep the process alive. Rejects with the system's error if it cannot listen. */
  static async listen(settings: ListenSettings, maxClients: number, answer: Answer): Promise<PageServer> {
    const { host, port } = settings
    const hosts = allowedHosts(settings)
    const server = createServer(BOUNDS, (request, response) => answer(request, response, hosts))
    // Node would leave out those beyond a number, and with them an origin or a cookie; their bytes are bounded anyway.
    server.maxHeadersCount = 0
    server.maxConnections = maxClients + SPARE_CONNECTIONS
    server.on('clientError', refuseMalformed)
    const made = new PageServer(server)
    server.on('connection', (socket) => made.#hold(socket))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port, exclusive: true }, resolve)
    })
    // One that comes later, as when descriptors run out, concerns a connection and not the page.
    server.on('error', () => undefined)
    server.unref()
    return made
  }

  /** Its address as a browser takes it. */
  get origin(): string {
    const { address, family, port } = this.#server.address() as AddressInfo
    const any = address === '0.0.0.0' || address === '::'
    const host = any ? outerAddress() : family === 'IPv6' ? `[${address}]` : address
    return `http://${host}:${port}`
  }

  ref(): void {
    this.#isRef = true
    this.#server.ref()
    for (const each of this.#sockets) each.ref()
  }

  unref(): void {
    this.#isRef = false
    this.#server.unref()
    for (const each of this.#sockets) each.unref()
  }

  /** Resolves when no connection is left. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      const timer = realTimers.setTimeout(() => {
        for (const each of this.#sockets) each.destroy()
      }, DISCONNECT_MS)
      this.#server.close(() => {
        realTimers.clearTimeout(timer)
        resolve()
      })
      for (const each of this.#sockets) each.destroySoon()
    })
  }

  #hold(socket: Socket): void {
    this.#sockets.add(socket)
    socket.setNoDelay(true)
    socket.setKeepAlive(true, 30_000)
    socket.once('close', () => this.#sockets.delete(socket))
    if (!this.#isRef) socket.unref()
  }
}

/** Answers what is no request: without anything of it. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
  const tooLarge = error.code === 'HPE_HEADER_OVERFLOW'
  const late = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
  const status = tooLarge ? '431 Request Header Fields Too Large' : late ? '408 Request Timeout' : '400 Bad Request'
  const code = tooLarge ? 'headers-too-large' : late ? 'too-slow' : 'malformed'
  socket.write(`HTTP/1.1 ${status}\r\nConnection: close\r\ntripline-code: ${code}\r\nContent-Length: 0\r\n\r\n`)
  // Not only ended: one that does not end its own side would be held, and count, for as long as it likes.
  socket.destroySoon()
}

/**
 * The names by which browsers may reach it. A page of another site can have its own name resolve to this address, but then the
 * header has that name. Addresses are safe from that.
 */
function allowedHosts({ host, hosts }: ListenSettings): ReadonlySet<string> {
  const name = host.toLowerCase()
  const own = isIP(name) === 6 ? `[${name}]` : name
  const any = name === '0.0.0.0' || name === '::'
  const addresses = any ? [hostname().toLowerCase(), ...ownAddresses()] : [own]
  return new Set([...LOOPBACK, ...addresses, ...hosts])
}

/** An address by which another machine may reach this one. */
function outerAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((list = []) => list)
  const found = all.find(({ internal, family }) => !internal && family === 'IPv4')
  return found?.address ?? '127.0.0.1'
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((list = []) =>
    list.map(({ address, family }) => (family === 'IPv6' ? `[${address.toLowerCase()}]` : address)),
  )
}
