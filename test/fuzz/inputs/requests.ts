/**
 * Requests of HTTP as bytes on a connection: to a dashboard's page, with and without its secrets, and to a server that
 * `protect()` guards. And what monitoring systems read, made of names from outside.
 */
import { subscribe } from 'node:diagnostics_channel'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Duplex } from 'node:stream'
import { Requests } from '../../../src/integrations/dashboard/requests.js'
import { nameOf, pathOf } from '../../../src/integrations/http/budget.js'
import { protect } from '../../../src/integrations/http/index.js'
import type { Family } from '../../../src/integrations/metrics/families.js'
import { toText } from '../../../src/integrations/prometheus/text.js'
import { isPlain, Parts, require } from './check.js'

/** One side of a connection in memory, which keeps what the server sends. */
class Connection extends Duplex {
  sent = ''

  constructor(input: Buffer) {
    super()
    this.push(input)
    this.push(null)
  }

  // What a server asks of a socket.
  setTimeout(): this {
    return this
  }
  setNoDelay(): this {
    return this
  }
  setKeepAlive(): this {
    return this
  }
  destroySoon(): void {
    this.end()
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.sent += chunk.toString('latin1')
    done()
  }
}

/** Everything that a server sends for these bytes, until both sides have ended. */
async function exchange(server: Server, input: Buffer): Promise<string> {
  const connection = new Connection(input)
  server.emit('connection', connection)
  // A response that is not ended, such as that of events, would never end here.
  const over = new Promise((resolve) => connection.once('close', resolve))
  const turns = (async () => {
    for (let turn = 0; turn < 20 && !connection.closed; turn++) await new Promise(setImmediate)
  })()
  await Promise.race([over, turns])
  connection.destroy()
  return connection.sent
}

// Nothing that comes from a request may come back.
const MARK = 'qWxZ9kP'
const HOST = 'page.example'

const requests = new Requests({
  closed: false,
  hasRoom: true,
  follow: (response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: {}\n\n'),
})
const hosts = new Set([HOST, '[::1]'])
let failure: unknown
const page = createServer((request, response) => {
  try {
    requests.answer(request, response, hosts)
  } catch (error) {
    failure = error
    response.destroy()
  }
})
page.maxHeadersCount = 0
page.on('clientError', (_error, socket) => void socket.destroy())

const KNOWN = new Set([200, 303, 403, 404, 405, 414, 429, 503])

/** Bytes from 1 on stand for what an attacker cannot guess, and for what makes requests. */
function withSecrets(input: Buffer, secrets: readonly string[]): Buffer {
  const parts: Buffer[] = []
  for (const byte of input) {
    const secret = byte >= 1 && byte <= 8 ? secrets[byte - 1] : undefined
    parts.push(secret === undefined ? Buffer.from([byte]) : Buffer.from(secret))
  }
  return Buffer.concat(parts)
}

/** To a dashboard. */
export async function dashboardRequest(input: Uint8Array): Promise<void> {
  const { access } = requests
  const token = access.makeToken()
  const [session = ''] = access.openSession({ headers: {}, socket: {} } as IncomingMessage).split(';')
  const secrets = [token, session, `/${access.id}/`, `Host: ${HOST}\r\n`, MARK, ' HTTP/1.1\r\n', 'GET ', 'Cookie: ']
  const bytes = withSecrets(Buffer.from(input), secrets)
  failure = undefined
  const sent = await exchange(page, bytes)
  if (failure !== undefined) throw failure
  require(!sent.includes(MARK), 'a part of the request is in the response')
  const text = bytes.toString('latin1')
  const knowsSecret = text.includes(token) || text.includes(session)
  for (const [, status, head = ''] of sent.matchAll(/^HTTP\/1\.1 (\d{3})[^\r]*\r\n([^]*?)\r\n\r\n/gm)) {
    // Node itself answers what is no request, and what expects something.
    if (!head.includes('x-content-type-options')) {
      require(['400', '413', '417', '431', '100'].includes(status!), `status ${status} without the headers of the page`)
      continue
    }
    require(KNOWN.has(Number(status)), `status ${status}`)
    require(head.includes('cache-control: no-store') && head.includes('x-frame-options: DENY'), 'no headers')
    const isLook = /^HEAD /m.test(text)
    if (status === '200' || status === '303') require(knowsSecret || isLook, `status ${status} without a secret`)
    if (status === '200' || status === '303') {
      require(/^host:[ \t]*(?:page\.example|\[::1\])(?::\d{1,5})?[ \t]*\r?$/im.test(text), 'a host that is not allowed')
    }
    if (head.includes('set-cookie')) require(status === '303' && text.includes(token), 'a session without a token')
  }
}

const names: string[] = []
const web = protect({
  timeout: '1h',
  readiness: '/ready',
  liveness: '/live',
  routes: { '/reports/*': { priority: 'low' }, 'GET /pay': { priority: 'high', name: 'pay' } },
})
const guarded = createServer(
  web.handler<IncomingMessage, ServerResponse>((request, response) => {
    names.push(nameOf(request.method, pathOf(request)))
    if (request.url?.includes('fail') === true) throw new Error(MARK)
    response.end('done')
  }),
)
// Errors of handlers are reported to this, or else printed.
subscribe('tripline:error', () => undefined)
guarded.on('clientError', (_error, socket) => void socket.destroy())

/** To a server with `protect()`. */
export async function protectedRequest(input: Uint8Array): Promise<void> {
  names.length = 0
  const bytes = withSecrets(Buffer.from(input), [
    MARK,
    '/reports/',
    '/pay',
    'Host: a\r\n',
    '/ready',
    ' HTTP/1.1\r\n',
    'GET ',
    '/fail',
  ])
  const sent = await exchange(guarded, bytes)
  require(!sent.includes(MARK), 'a part of the request or of an error is in the response')
  for (const name of names) require(name.length < 700 && isPlain(name) && !name.includes('\n'), `the name ${name}`)
  for (let turn = 0; turn < 20 && web.stats.active > 0; turn++) await new Promise(setImmediate)
  require(web.stats.active === 0, `${web.stats.active} requests are still active`)
}

/** Names from outside in what Prometheus reads. */
export function scrape(input: Uint8Array): void {
  const parts = new Parts(input)
  const values: { readonly labels: Record<string, string>; readonly value: number }[] = []
  while (!parts.done) values.push({ labels: { path: parts.text('\0'), zone: parts.text('\0') }, value: values.length })
  const family: Partial<Family> = {
    id: 'disk.used',
    type: 'gauge',
    unit: { suffix: '_ratio' },
    help: 'Used \\ part\nof a disk',
    labels: ['path', 'zone'],
    read: (emit: Family['read'] extends (emit: infer E) => void ? E : never) =>
      values.forEach(({ labels, value }) => emit(labels, value)),
  } as never
  const text = toText([family as Family])
  const lines = text === '' ? [] : text.slice(0, -1).split('\n')
  require(lines.length ===
    (values.length === 0 ? 0 : values.length + 2), `${lines.length} lines of ${values.length} values`)
  lines.slice(2).forEach((line, index) => {
    const [, path, zone, value] =
      /^tripline_disk_used_ratio\{path="((?:[^"\\]|\\.)*)",zone="((?:[^"\\]|\\.)*)"\} (\d+)$/s.exec(line) ?? []
    const { labels, value: expected } = values[index]!
    require(plainOf(path) === labels['path'] && plainOf(zone) === labels['zone'], `the line ${line}`)
    require(Number(value) === expected, `the value ${value}`)
  })
}

function plainOf(escaped: string | undefined): string | undefined {
  return escaped?.replaceAll(/\\(.)/g, (_, letter: string) => (letter === 'n' ? '\n' : letter))
}
