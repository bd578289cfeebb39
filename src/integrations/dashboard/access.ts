/** Which requests may see the page: one-time tokens, sessions, host names, and the site that a request comes from. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'

/** 192 bits. */
const TOKEN_BYTES = 24
const LONGEST_SECRET = 64
/** Of each kind; the oldest is dropped. */
const MAX_TOKENS = 100
const MAX_SESSIONS = 200
const COOKIE = 'tripline'
/** Cookies of other programs on the same host have this name too, under other paths; a browser sends the nearest first. */
const MAX_COOKIES = 8

export type TokenUse = 'good' | 'used' | 'wrong'

/** Secrets as their hashes, so that comparing takes as long whatever is given. */
class Secrets {
  readonly #most: number
  readonly #hashes: Buffer[] = []

  constructor(most: number) {
    this.#most = most
  }

  make(): string {
    const secret = randomBytes(TOKEN_BYTES).toString('base64url')
    this.add(hashOf(secret))
    return secret
  }

  add(hash: Buffer): void {
    this.#hashes.push(hash)
    if (this.#hashes.length > this.#most) this.#hashes.shift()
  }

  /** Looks at all of them. */
  find(hash: Buffer): number {
    let found = -1
    for (const [index, each] of this.#hashes.entries()) if (timingSafeEqual(each, hash)) found = index
    return found
  }

  take(hash: Buffer): boolean {
    const found = this.find(hash)
    if (found >= 0) this.#hashes.splice(found, 1)
    return found >= 0
  }
}

/** Tokens that open the page once, and the sessions that they have opened. */
export class Access {
  /** A part of every path: cookies are not apart by port, but by path they are, so that no other server gets this one's. */
  readonly id: string = randomBytes(9).toString('base64url')
  readonly #tokens = new Secrets(MAX_TOKENS)
  readonly #used = new Secrets(MAX_TOKENS)
  readonly #sessions = new Secrets(MAX_SESSIONS)

  makeToken(): string {
    return this.#tokens.make()
  }

  /** A good one is used up by this. */
  useToken(token: string): TokenUse {
    const hash = hashOf(token)
    if (this.#tokens.take(hash)) {
      this.#used.add(hash)
      return 'good'
    }
    return this.#used.find(hash) < 0 ? 'wrong' : 'used'
  }

  /** The header `Set-Cookie` of a new session. Its path is the folder of the page, wherever that is mounted. */
  openSession(request: IncomingMessage): string {
    return `${COOKIE}=${this.#sessions.make()}; HttpOnly; SameSite=Strict${isSecure(request) ? '; Secure' : ''}`
  }

  hasSession(request: IncomingMessage): boolean {
    const cookies = (request.headers.cookie ?? '').split(';').flatMap((each) => {
      const [name, value] = each.trim().split('=', 2)
      return name === COOKIE && value !== undefined ? [value] : []
    })
    let found = false
    for (const each of cookies.slice(0, MAX_COOKIES)) if (this.#sessions.find(hashOf(each)) >= 0) found = true
    return found
  }
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret.slice(0, LONGEST_SECRET)).digest()
}

function isSecure(request: IncomingMessage): boolean {
  return (request.socket as Partial<TLSSocket>).encrypted === true || request.headers['x-forwarded-proto'] === 'https'
}

/** The header `Host`, or what stands for it in HTTP/2; undefined if there is none, or more than one. */
export function hostOf({ headers, rawHeaders }: IncomingMessage): string | undefined {
  const given = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host')
  if (given.length > 1) return undefined
  const authority = headers[':authority']
  return (typeof authority === 'string' ? authority : headers.host)?.toLowerCase()
}

const HOST_PARTS = /^(\[[\da-f:.]+\]|[^:[\]]+)(?::\d{1,5})?$/

/**
 * Whether a host is one of the allowed. Without a port, an allowed name holds for all ports: a tunnel of ssh has one of its own.
 */
export function isAllowedHost(host: string | undefined, allowed: ReadonlySet<string>): boolean {
  const [, name] = HOST_PARTS.exec(host ?? '') ?? []
  return name !== undefined && (allowed.has(name) || allowed.has(host!))
}

/** Whether a browser says that the page of another site, or of another server of this one, has caused the request. */
export function isCrossSite({ headers }: IncomingMessage, host: string): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true
  const { origin } = headers
  return origin !== undefined && origin.replace(/^https?:\/\//, '').toLowerCase() !== host
}

/** Whether a browser only guesses that the address will be opened. */
export function isPrefetch({ headers }: IncomingMessage): boolean {
  return [headers['sec-purpose'], headers['purpose'], headers['x-moz']].some(
    (each) => typeof each === 'string' && /prefetch|prerender|preview/.test(each),
  )
}
