/** Which requests get the page: tokens, sessions, names of hosts, sites, methods, paths. */
import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import {
  connect as connectHttp2,
  createServer as createHttp2,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { connect, type AddressInfo } from 'node:net'
import express from 'express'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { RateLimit } from '../../src/integrations/dashboard/rate-limit.js'
import { dashboard, type Dashboard } from '../../src/integrations/dashboard/index.js'
import { ask, enter, type Entered } from './helpers.js'

/** Sends a request as it stands: what makes requests from URLs would clean them. */
function raw(base: string, text: string): Promise<string> {
  const { hostname, port } = new URL(base)
  return new Promise((resolve) => {
    let all = ''
    const socket = connect(Number(port), hostname, () => socket.write(text))
    socket.on('data', (data) => (all += String(data))).on('close', () => resolve(all))
  })
}

let page: Dashboard
let address: string
let entered: Entered

beforeAll(async () => {
  page = dashboard({ metrics: ['memory'], registry: null })
  address = await page.listen()
  entered = await enter(page.link())
})
afterAll(() => page.close())

const bare = () => page.link().replace(/\?.*/, '')

describe('the token', () => {
  it('is a secret of 192 bits in an address on loopback', () => {
    expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[\w-]{12}\/\?token=[\w-]{32}$/)
    expect(page.link()).not.toBe(page.link())
  })

  it('is exchanged for a cookie that only this page gets, and that no script reads', async () => {
    const { status, headers, text } = await ask(page.link())
    expect(status).toBe(303)
    expect(headers.location).toBe('./')
    expect(text).toBe('')
    expect(headers['set-cookie']).toHaveLength(1)
    // Without a path, a browser takes the folder of the page.
    expect(headers['set-cookie']![0]).toMatch(/^tripline=[\w-]{32}; HttpOnly; SameSite=Strict$/)
  })

  it('is good once: a second use is refused with a page that says so', async () => {
    const link = page.link()
    await enter(link)
    const second = await ask(link, { headers: { accept: 'text/html' } })
    expect(second).toMatchObject({ status: 403, code: 'token-used' })
    expect(second.text).toContain('This address has been used')
    expect(second.text).not.toContain('opened the page already')
    expect(second.headers['set-cookie']).toBeUndefined()
    const again = await ask(link, { headers: { ...entered.headers, accept: 'text/html' } })
    expect(again).toMatchObject({ status: 403, code: 'token-used' })
    expect(again.text).toContain('<a href="./">')
  })

  it('is not used up by a request that is refused, a look at the headers, or a browser that loads ahead', async () => {
    const link = page.link()
    const refused = [
      ask(link, { headers: { host: 'evil.example' } }),
      ask(link, { headers: { 'sec-fetch-site': 'cross-site' } }),
      ask(link, { headers: { 'sec-purpose': 'prefetch;prerender' } }),
      ask(link, { method: 'POST' }),
    ]
    const codes = (await Promise.all(refused)).map(({ code }) => code)
    expect(codes).toEqual(['host-not-allowed', 'cross-site', 'prefetch', 'method'])
    expect(await ask(link, { method: 'HEAD' })).toMatchObject({ status: 200, text: '' })
    await enter(link)
  })

  it.each(['', 'x', 'a'.repeat(32), 'é', '%00', '../..'])('refuses %j', async (token) => {
    expect(await ask(`${bare()}?token=${token}`)).toMatchObject({ status: 403, code: 'token-wrong' })
  })

  it('of two requests at once, lets in one', async () => {
    const link = page.link()
    const answers = await Promise.all([ask(link), ask(link)])
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([303, 403])
  })

  it('is forgotten when a hundred newer ones were made', async () => {
    const oldest = page.link()
    const second = page.link()
    for (let i = 0; i < 99; i++) page.link()
    expect(await ask(oldest)).toMatchObject({ code: 'token-wrong' })
    await enter(second)
  })
})

describe('the session', () => {
  it('is needed for every file', async () => {
    for (const name of ['', 'page.js', 'page.css', 'events', 'uPlot.iife.min.js', 'nothing']) {
      expect(await ask(entered.base + name)).toMatchObject({ status: 403, code: 'token-missing' })
      const wrong = { cookie: `tripline=${'x'.repeat(32)}` }
      expect(await ask(entered.base + name, { headers: wrong })).toMatchObject({ status: 403, code: 'token-missing' })
    }
  })

  it('is found among other cookies', async () => {
    const { cookie } = entered.headers
    const others = `a=b; tripline=other; ${cookie}; c`
    expect(await ask(entered.base, { headers: { cookie: others } })).toMatchObject({ status: 200 })
  })

  it('belongs to one dashboard', async () => {
    await using other = dashboard({ metrics: [], registry: null })
    const there = await enter(await other.listen())
    expect(await ask(there.base, { headers: entered.headers })).toMatchObject({ code: 'token-missing' })
  })
})

describe('the host', () => {
  it.each(['localhost', 'LOCALHOST:1', '127.0.0.1', '[::1]:80', 'localhost:8080'])('may be %s', async (host) => {
    expect(await ask(entered.base, { headers: { ...entered.headers, host } })).toMatchObject({ status: 200 })
  })

  it.each([
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'localhost:',
    'localhost:x',
    'a@localhost',
    '127.1',
    '127.0.0.2',
  ])('may not be %j', async (host) => {
    const refused = await ask(entered.base, { headers: { ...entered.headers, host } })
    expect(refused).toMatchObject({ status: 403, code: 'host-not-allowed' })
    expect(refused.text).not.toContain(host)
  })

  it('is refused if it is given twice, and if it is missing', async () => {
    const { pathname } = new URL(entered.base)
    const twice = 'Host: localhost\r\nHost: evil.example\r\n'
    const close = `Cookie: ${entered.headers.cookie}\r\nConnection: close\r\n\r\n`
    expect(await raw(entered.base, `GET ${pathname} HTTP/1.1\r\n${twice}${close}`)).toMatch(/^HTTP\/1\.1 40[03] /)
    expect(await raw(entered.base, `GET ${pathname} HTTP/1.0\r\n${close}`)).toMatch(/^HTTP\/1\.1 403 /)
  })

  it('may be one that the options name, with that port if they name one', async () => {
    await using other = dashboard({ metrics: [], registry: null })
    const there = await enter(await other.listen({ hosts: ['Ops.Example.com', 'two.example:81'] }))
    const status = async (host: string) => (await ask(there.base, { headers: { ...there.headers, host } })).status
    expect(
      await Promise.all(
        ['ops.example.com', 'ops.example.com:9', 'two.example:81', 'two.example', 'localhost'].map(status),
      ),
    ).toEqual([200, 200, 200, 403, 200])
  })
})

describe('other sites', () => {
  it.each([
    [{ 'sec-fetch-site': 'cross-site' }, 'cross-site'],
    [{ 'sec-fetch-site': 'same-site' }, 'cross-site'],
    [{ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, 'cross-site'],
    [{ origin: 'https://evil.example' }, 'cross-site'],
    [{ origin: 'null' }, 'cross-site'],
    [{ 'sec-fetch-site': 'same-origin' }, undefined],
    [{ 'sec-fetch-site': 'none' }, undefined],
  ])('with %j are refused with %s', async (headers, code) => {
    expect((await ask(`${entered.base}page.js`, { headers: { ...entered.headers, ...headers } })).code).toBe(code)
  })

  it('may not be another port of the same host', async () => {
    const { host } = new URL(entered.base)
    const from = (origin: string) => ask(entered.base, { headers: { ...entered.headers, origin } })
    expect((await from(`http://${host}`)).status).toBe(200)
    expect((await from('http://127.0.0.1:1')).code).toBe('cross-site')
  })
})

describe('requests', () => {
  it('get the page with headers that allow nothing else', async () => {
    const { headers, text } = await ask(entered.base, entered)
    expect(headers['content-type']).toBe('text/html; charset=utf-8')
    const policy = headers['content-security-policy']!
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("require-trusted-types-for 'script'")
    expect(policy).not.toMatch(/unsafe|https?:|\*/)
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    })
    expect(text).not.toMatch(/ style=| on\w+=|<style|<script>|https?:\/\//)
  })

  it('for its files get them, and nothing of another origin', async () => {
    const names = ['page.js', 'page.css', 'uPlot.iife.min.js', 'uPlot.min.css', 'icon.svg']
    const files = await Promise.all(names.map((name) => ask(entered.base + name, entered)))
    expect(files.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
    for (const { text, headers } of files) expect(Buffer.byteLength(text)).toBe(Number(headers['content-length']))
    expect(files[0]!.text).not.toMatch(/innerHTML|insertAdjacentHTML|document\.write|eval\(|new Function/)
    expect(files.map(({ text }) => text).join('').length).toBeLessThan(100_000)
    expect(files[1]!.text).not.toMatch(/url\(|@import/)
  })

  it.each([
    '/etc/passwd',
    '../page.js',
    '..%2fpage.js',
    'page.js/',
    '%2e%2e/',
    'page.js%00',
    '../../../../etc/passwd',
    'uPlot.LICENSE',
    '__proto__',
    'constructor',
  ])('for %s get nothing', async (path) => {
    const { pathname } = new URL(entered.base)
    const end = `Host: localhost\r\nCookie: ${entered.headers.cookie}\r\nConnection: close\r\n\r\n`
    const status = await raw(entered.base, `GET ${pathname}${path} HTTP/1.1\r\n${end}`)
    expect(status).toMatch(/^HTTP\/1\.1 40[34] /)
  })

  it('answers only GET and HEAD', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE']) {
      const { status, code, headers } = await ask(entered.base, {
        method,
        ...entered,
        ...(method === 'POST' && { body: 'x'.repeat(1e6) }),
      })
      expect({ status, code, allow: headers['allow'] }).toEqual({ status: 405, code: 'method', allow: 'GET, HEAD' })
    }
    expect(await ask(entered.base, { method: 'HEAD', ...entered })).toMatchObject({ status: 200, text: '' })
  })

  it('that are too long are refused', async () => {
    expect(await ask(`${entered.base}?${'x'.repeat(600)}`, entered)).toMatchObject({
      status: 414,
      code: 'uri-too-long',
    })
    const huge = { ...entered.headers, filler: 'x'.repeat(9000) }
    expect(await ask(entered.base, { headers: huge })).toMatchObject({ status: 431, code: 'headers-too-large' })
  })

  it('that are no HTTP are refused', async () => {
    for (const text of [
      '\0\0\0\0\r\n\r\n',
      'GET\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1, 2\r\n\r\n',
    ]) {
      expect(await raw(entered.base, text)).toMatch(/^HTTP\/1\.1 400 .*\r\n[^]*tripline-code: malformed/)
    }
    expect((await ask(entered.base, entered)).status).toBe(200)
  })

  it('that are no HTTP take no room, though their senders do not end their side', async () => {
    await using other = dashboard({ metrics: [], registry: null })
    const own = await other.listen()
    const sockets = Array.from({ length: 400 }, () =>
      connect({ port: Number(new URL(own).port), host: '127.0.0.1', allowHalfOpen: true }),
    )
    await Promise.all(
      sockets.map(async (socket) => {
        socket.on('error', () => undefined).resume()
        socket.write('GET\r\n\r\n')
        await once(socket, 'end').catch(() => undefined)
      }),
    )
    expect((await ask(own)).status).toBe(303)
    for (const socket of sockets) socket.destroy()
  })

  it('without a good token are bounded, and those of open pages go on', async () => {
    await using other = dashboard({ metrics: [], registry: null })
    const there = await enter(await other.listen())
    const wrong = other.link().replace(/token=.*/, 'token=wrong')
    const codes = new Set<string | undefined>()
    for (let i = 0; i < 5; i++) {
      const answers = await Promise.all(Array.from({ length: 30 }, () => ask(wrong)))
      for (const { code } of answers) codes.add(code)
    }
    expect([...codes]).toEqual(['token-wrong', 'too-many-requests'])
    expect((await ask(there.base, there)).status).toBe(200)
    expect((await ask(other.link())).status).toBe(303)
  })
})

describe('a rate', () => {
  it('allows a burst, and no more at once', () => {
    const rate = new RateLimit(3, 1e-6)
    expect([1, 2, 3, 4].map(() => rate.take())).toEqual([true, true, true, false])
  })
})

describe('a handler', () => {
  let server: Server | undefined
  afterEach(() => void server?.close())

  const start = async (listener: Parameters<typeof createServer>[1]): Promise<string> => {
    server = createServer(listener)
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  it('shows the page under a path of Express', async () => {
    const app = express()
    app.use('/ops/status', page.handler({ hosts: '127.0.0.1' }))
    const origin = await start(app)
    const there = await enter(page.link(`${origin}/ops/status/`))
    expect(there.base).toContain('/ops/status/')
    expect((await ask(there.base, there)).text).toContain('<title>tripline</title>')
    expect((await ask(`${there.base}page.js`, there)).status).toBe(200)
  })

  it('shows the page under a path of node:http, and knows only the hosts that it was given', async () => {
    const show = page.handler({ hosts: ['localhost'] })
    const origin = await start((request, response) => show(request, response))
    const link = page.link(`${origin}/a/b`)
    expect(await ask(link)).toMatchObject({ code: 'host-not-allowed' })
    expect((await ask(link, { headers: { host: 'localhost' } })).status).toBe(303)
    expect(await ask(`${origin}/a/b/`, { headers: { host: 'localhost' } })).toMatchObject({
      status: 403,
      code: 'token-missing',
    })
  })

  it('shows the page over HTTP/2, where the host has another name, and its events', async () => {
    const show = page.handler({ hosts: '127.0.0.1' })
    const http2 = createHttp2((request, response) => show(request as never, response as never))
    await once(http2.listen(0, '127.0.0.1'), 'listening')
    const session = connectHttp2(`http://127.0.0.1:${(http2.address() as AddressInfo).port}`)
    const get = async (path: string, headers: OutgoingHttpHeaders = {}): Promise<[IncomingHttpHeaders, string]> => {
      const stream = session.request({ ':path': path, ...headers })
      const [answer] = (await once(stream, 'response')) as [IncomingHttpHeaders]
      const [first] = Number(answer[':status']) === 200 ? ((await once(stream, 'data')) as [Buffer]) : ['']
      stream.close()
      return [answer, String(first)]
    }
    const { pathname, search } = new URL(page.link('http://x'))
    expect((await get(pathname + search, { ':authority': 'evil.example' }))[0]['tripline-code']).toBe(
      'host-not-allowed',
    )
    const [entering] = await get(pathname + search)
    expect(entering).toMatchObject({ ':status': 303 })
    const cookie = entering['set-cookie']![0]!.split(';')[0]!
    expect((await get(pathname, { cookie }))[1]).toContain('<title>tripline</title>')
    expect((await get(`${pathname}events`, { cookie }))[1]).toContain('retry: 2000')
    session.close()
    http2.close()
  })

  it('marks the cookie as one for encrypted connections behind a proxy that has them', async () => {
    const headers = { 'x-forwarded-proto': 'https' }
    expect((await ask(page.link(), { headers })).headers['set-cookie']![0]).toMatch(/; Secure$/)
  })
})
