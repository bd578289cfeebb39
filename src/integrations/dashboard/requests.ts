/** Answers requests: the files of the page and its stream of events, to those that may see them. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Access, hostOf, isAllowedHost, isCrossSite, isPrefetch } from './access.js'
import { loadAssets, type Asset } from './assets.js'
import { RateLimit } from './rate-limit.js'
import { refuse, type RefusalCode } from './refusals.js'

const LONGEST_URL = 512

/** No script, style, font, image or connection but those of this server, and none in the page itself. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
  "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

const HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'x-robots-tag': 'noindex',
}

const OPEN_PAGE = '<p><a href="./">This browser has opened the page already.</a></p>'

/** The stream of events that the open pages follow. */
export interface PageStream {
  readonly closed: boolean
  /** Whether one more page may be open. */
  readonly hasRoom: boolean
  /** Takes over the response. @param lastId of the latest event that the page has; empty if it has none */
  follow(response: ServerResponse, lastId: string): void
}

export class Requests {
  readonly access: Access = new Access()
  readonly #pages: PageStream
  readonly #assets: ReadonlyMap<string, Asset> = loadAssets()
  readonly #all = new RateLimit(1000, 200)
  /** Requests that have no session, or not a good token. */
  readonly #strangers = new RateLimit(60, 10)

  /** @throws Error `ERR_INVALID_STATE` if the files of the page are missing */
  constructor(pages: PageStream) {
    this.#pages = pages
  }

  /** Never throws. */
  answer(request: IncomingMessage, response: ServerResponse, hosts: ReadonlySet<string>): void {
    // What nothing reads would keep the connection from being used again.
    request.resume()
    for (const name in HEADERS) response.setHeader(name, HEADERS[name]!)
    const refused = this.#refusalOf(request, hosts)
    if (refused !== undefined) return refuse(request, response, refused)
    const [path, query = ''] = split(request.url!, '?')
    const name = nameOf(path, this.access.id)
    const token = name === '' ? new URLSearchParams(query).get('token') : null
    if (token !== null) return this.#enter(request, response, token)
    if (!this.access.hasSession(request)) {
      return refuse(request, response, this.#strangers.take() ? 'token-missing' : 'too-many-requests')
    }
    if (name === 'events') return this.#follow(request, response, query)
    const asset = name === undefined ? undefined : this.#assets.get(name)
    if (asset === undefined) return refuse(request, response, 'not-found')
    const { type, content } = asset
    response.writeHead(200, {
      'content-type': type,
      'content-length': content.length,
      'content-security-policy': POLICY,
    })
    response.end(request.method === 'HEAD' ? undefined : content)
  }

  #refusalOf(request: IncomingMessage, hosts: ReadonlySet<string>): RefusalCode | undefined {
    if (!this.#all.take()) return 'too-many-requests'
    if (request.method !== 'GET' && request.method !== 'HEAD') return 'method'
    if (request.url!.length > LONGEST_URL) return 'uri-too-long'
    const host = hostOf(request)
    if (!isAllowedHost(host, hosts)) return 'host-not-allowed'
    if (isCrossSite(request, host!)) return 'cross-site'
    return this.#pages.closed ? 'closed' : undefined
  }

  /** Exchanges a token for a session. */
  #enter(request: IncomingMessage, response: ServerResponse, token: string): void {
    if (isPrefetch(request)) return refuse(request, response, 'prefetch')
    // HEAD requests, as sent by programs that show a preview, do not use it up.
    if (request.method === 'HEAD') return void response.writeHead(200).end()
    const use = this.access.useToken(token)
    if (use !== 'good') {
      if (!this.#strangers.take()) return refuse(request, response, 'too-many-requests')
      return refuse(request, response, `token-${use}`, this.access.hasSession(request) ? OPEN_PAGE : '')
    }
    response.writeHead(303, { location: './', 'set-cookie': this.access.openSession(request) })
    response.end()
  }

  #follow(request: IncomingMessage, response: ServerResponse, query: string): void {
    if (!this.#pages.hasRoom) return refuse(request, response, 'too-many-pages')
    if (request.method === 'HEAD') return void response.writeHead(200, { 'content-type': 'text/event-stream' }).end()
    const last = request.headers['last-event-id'] ?? new URLSearchParams(query).get('last') ?? ''
    response.setHeader('content-security-policy', POLICY)
    this.#pages.follow(response, String(last))
  }
}

function split(text: string, by: string): [string, string?] {
  const at = text.indexOf(by)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}

/**
 * The last part of a path whose part before is the id; undefined for all others. Nothing is decoded, and nothing is a path of
 * the file system.
 */
function nameOf(path: string, id: string): string | undefined {
  const folder = `/${id}/`
  const at = path.lastIndexOf(folder)
  const name = at < 0 ? '/' : path.slice(at + folder.length)
  return name.includes('/') ? undefined : name
}
