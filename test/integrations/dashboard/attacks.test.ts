/** What other sites, other names of the machine, used addresses, silent and broken clients get from a dashboard. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { connect, createServer as createProxy, type AddressInfo, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { dashboard, type Dashboard } from '../../../src/integrations/dashboard/index.js'
import { Cancelable } from '../../../src/index.js'
import { OperationRegistry } from '../../../src/registry/index.js'
import { ask, enter, Events } from '../../dashboard/helpers.js'
import { launch, openTab } from './browser.js'

let browser: Browser
let dash: Dashboard
const ends: (() => unknown)[] = []

beforeAll(async () => {
  browser = await launch('evil.example', 'allowed.example')
})
afterEach(async () => {
  for (const each of ends.splice(0)) await each()
  await dash?.close()
})
afterAll(() => browser?.close())

const make = (): Dashboard => (dash = dashboard({ interval: 200, metrics: ['memory'], guards: [], registry: null }))

/** A site of another origin. */
async function site(html: string): Promise<string> {
  const server: Server = createServer((_, response) => response.setHeader('content-type', 'text/html').end(html))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  ends.push(() => server.close())
  return `http://evil.example:${(server.address() as AddressInfo).port}/`
}

describe('a browser', () => {
  it('gets nothing by a name that is not allowed, although it resolves to the machine', async () => {
    const address = await make().listen({ hosts: 'allowed.example' })
    const there = (name: string): string => address.replace('127.0.0.1', name)
    await using refused = await openTab(browser, there('evil.example'))
    expect(await refused.page.locator('h1').textContent()).toBe('This host name is not allowed')
    expect(await refused.page.context().cookies()).toEqual([])
    await using allowed = await openTab(browser, there('allowed.example'))
    await allowed.page.locator('body[data-connection=live]').waitFor()
    expect(allowed.problems).toEqual([])
  })

  it('opens an address once; a second browser is shown how to get another one', async () => {
    const address = await make().listen()
    await using first = await openTab(browser, address)
    await first.page.locator('body[data-connection=live]').waitFor()
    expect(first.page.url()).not.toContain('token')
    await using second = await openTab(browser, address)
    expect(await second.page.locator('h1').textContent()).toBe('This address has been used')
    expect(await second.page.locator('body').textContent()).toContain('token-used')
    await first.page.reload()
    await first.page.locator('body[data-connection=live]').waitFor()
    await first.page.goto(address)
    await first.page.getByRole('link', { name: 'opened the page already' }).click()
    await first.page.locator('body[data-connection=live]').waitFor()
  })

  it('keeps the cookie from scripts, from other paths, and from other servers of the machine', async () => {
    const address = await make().listen()
    await using tab = await openTab(browser, address)
    await tab.page.locator('body[data-connection=live]').waitFor()
    expect(await tab.page.evaluate('document.cookie')).toBe('')
    const [cookie] = await tab.page.context().cookies()
    expect(cookie).toMatchObject({
      name: 'tripline',
      httpOnly: true,
      sameSite: 'Strict',
      path: new URL(tab.page.url()).pathname.slice(0, -1),
    })
    const seen: (string | undefined)[] = []
    const other = createServer((request, response) => {
      seen.push(request.headers.cookie)
      response.end('hello')
    })
    await once(other.listen(0, '127.0.0.1'), 'listening')
    ends.push(() => other.close())
    await tab.page.goto(`http://127.0.0.1:${(other.address() as AddressInfo).port}/`)
    expect(seen.length).toBeGreaterThan(0)
    expect(seen.filter((each) => each !== undefined)).toEqual([])
  })

  it('gets nothing for a page of another site: no script, picture, frame, stream or link', async () => {
    const address = await make().listen()
    await using tab = await openTab(browser, address)
    await tab.page.locator('body[data-connection=live]').waitFor()
    const base = tab.page.url()
    const link = dash.link()
    const evil = await site(
      `<!doctype html><title>evil</title><a href="${link}">click</a><iframe src="${base}"></iframe><script src="${base}page.js"></script>`,
    )
    const answers: (string | undefined)[] = []
    tab.page.on('response', (response) => {
      if (response.url().startsWith(base)) answers.push(response.headers()['tripline-code'])
    })
    await tab.page.goto(evil)
    const results = await tab.page.evaluate(`(async () => {
      const base = ${JSON.stringify(base)}
      const image = new Promise((resolve) => {
        const made = new Image()
        made.onload = () => resolve('loaded')
        made.onerror = () => resolve('refused')
        made.src = base + 'icon.svg'
      })
      const stream = new Promise((resolve) => {
        const made = new EventSource(base + 'events', { withCredentials: true })
        made.onmessage = made.onopen = () => resolve('opened')
        made.onerror = () => resolve('refused')
      })
      const fetched = fetch(base, { credentials: 'include' }).then(() => 'read', () => 'refused')
      return Promise.all([image, stream, fetched])
    })()`)
    expect(results).toEqual(['refused', 'refused', 'refused'])
    // Of some of them, the browser keeps the answer to itself.
    await expect.poll(() => answers.length).toBeGreaterThan(0)
    expect(new Set(answers)).toEqual(new Set(['cross-site']))
    await tab.page.getByRole('link', { name: 'click' }).click()
    await expect.poll(() => tab.page.locator('h1').textContent()).toContain('another site')
    // The address was not used up.
    await tab.page.goto('about:blank')
    await tab.page.goto(link)
    await tab.page.locator('body[data-connection=live]').waitFor()
  })
})

/** Passes connections on, and cuts them. */
class Proxy {
  readonly #server = createProxy((socket) => this.#pass(socket))
  readonly #sockets = new Set<Socket>()
  readonly #target: number

  constructor(target: number) {
    this.#target = target
    ends.push(() => this.stop())
  }

  async start(): Promise<number> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  cut(): void {
    for (const each of this.#sockets) each.destroy()
  }

  stop(): void {
    this.#server.close()
    this.cut()
  }

  #pass(socket: Socket): void {
    const target = connect(this.#target, '127.0.0.1')
    for (const each of [socket, target]) this.#sockets.add(each.on('error', () => undefined))
    socket.pipe(target).pipe(socket)
    socket.on('close', () => target.destroy())
  }
}

/** Starts `tripline watch --web`. */
async function start(port: number): Promise<[child: ChildProcess, address: string]> {
  const cli = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))
  const child = spawn(process.execPath, [cli, 'watch', '--web', `:${port}`, 'memory'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  ends.push(() => child.kill('SIGKILL'))
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return [child, String(line).trim()]
}

describe('a page', () => {
  it('whose connection breaks goes on where it was, without a gap', async () => {
    const address = new URL(await make().listen())
    const proxy = new Proxy(Number(address.port))
    address.port = String(await proxy.start())
    await using tab = await openTab(browser, address.href)
    await tab.page.locator('body[data-connection=live]').waitFor()
    const ids: string[] = []
    tab.page.on('request', (request) => {
      if (request.url().includes('events')) ids.push(request.headers()['last-event-id'] ?? '')
    })
    proxy.cut()
    await tab.page.locator('body[data-connection=lost]').waitFor()
    expect(await tab.page.locator('#connection-text').textContent()).toBe('No connection, trying again')
    await tab.page.locator('body[data-connection=live]').waitFor()
    expect(ids.length).toBeGreaterThan(0)
    await expect.poll(() => tab.page.locator('.plot').getAttribute('aria-label')).toMatch(/over the last \d+s/)
  })

  it('says that it has ended when the dashboard is closed, and keeps its values', async () => {
    const address = await make().listen()
    await using tab = await openTab(browser, address)
    await tab.page.locator('body[data-connection=live]').waitFor()
    await dash.close()
    await tab.page.locator('body[data-connection=ended]').waitFor()
    expect(await tab.page.locator('#notice').textContent()).toContain('The program has ended, or closed this page')
    expect(await tab.page.locator('.chart .value').textContent()).toMatch(/^[\d.]+%$/)
  })

  it('of a program that was killed and started again says that it has no access any more', async () => {
    const [first, address] = await start(0)
    await using tab = await openTab(browser, address)
    await tab.page.locator('body[data-connection=live]').waitFor()
    first.kill('SIGKILL')
    await tab.page.locator('body[data-connection=lost]').waitFor()
    const [, next] = await start(Number(new URL(address).port))
    await tab.page.locator('body[data-connection=refused]').waitFor()
    expect(await tab.page.locator('#notice').textContent()).toContain('Open a new address')
    await tab.page.goto(next)
    await tab.page.locator('body[data-connection=live]').waitFor()
  }, 60_000)
})

describe('clients', () => {
  it('of fifty pages all get the same, and one more browser is as fast', async () => {
    const entered = await enter(await make().listen())
    const all = await Promise.all(Array.from({ length: 50 }, () => Events.open(entered)))
    ends.push(() => all.forEach((each) => each[Symbol.dispose]()))
    for (const each of all) expect((await each.next()).name).toBe('state')
    const samples = await Promise.all(all.map((each) => each.next(({ data }) => data.time !== undefined)))
    const ids = samples.map(({ id }) => Number(id.split('.')[2]))
    expect(Math.max(...ids) - Math.min(...ids)).toBeLessThan(20)
    await using tab = await openTab(browser, dash.link())
    await tab.page.locator('body[data-connection=live]').waitFor()
    expect(tab.problems).toEqual([])
  })

  it('that never read are dropped, while others go on', async () => {
    const registry = new OperationRegistry()
    const operations = Array.from({ length: 500 }, (_, i) =>
      new Cancelable({ name: `operation ${i} ${'x'.repeat(150)}`, register: registry }).enter(),
    )
    dash = dashboard({ interval: 100, metrics: ['memory'], guards: [], registry, maxClients: 2 })
    const entered = await enter(await dash.listen())
    const { hostname, port, pathname } = new URL(entered.base)
    let step = 0
    const work = setInterval(() => {
      step++
      for (const each of operations) each.reportProgress(`step ${step}`)
    }, 50)
    const silent = connect(Number(port), hostname, () => {
      silent.pause()
      silent.write(`GET ${pathname}events HTTP/1.1\r\nHost: localhost\r\nCookie: ${entered.headers.cookie}\r\n\r\n`)
    })
    const reader = await Events.open(entered)
    ends.push(() => {
      clearInterval(work)
      silent.destroy()
      reader[Symbol.dispose]()
      for (const each of operations) each[Symbol.dispose]()
    })
    let samples = 0
    void (async () => {
      for await (const { data } of reader) if (data.time !== undefined || data.times !== undefined) samples++
    })().catch(() => undefined)
    const third = async (): Promise<number> =>
      (await ask(`${entered.base}events`, { method: 'HEAD', ...entered })).status
    await expect.poll(third).toBe(503)
    await expect.poll(third, { timeout: 100_000, interval: 500 }).toBe(200)
    expect(samples).toBeGreaterThan(20)
  }, 120_000)

  it('that send half of a request are closed', async () => {
    const { hostname, port } = new URL(await make().listen())
    const answer = await new Promise<string>((resolve) => {
      let all = ''
      const socket = connect(Number(port), hostname, () => socket.write('GET / HTTP/1.1\r\nHost: loc'))
      socket.on('data', (data) => (all += String(data))).on('close', () => resolve(all))
    })
    expect(answer).toMatch(/^HTTP\/1\.1 408 [^]*tripline-code: too-slow/)
  })

  it('beyond the bound of connections are turned away, and pages go on', async () => {
    dash = dashboard({ interval: 200, metrics: ['memory'], guards: [], registry: null, maxClients: 1 })
    const entered = await enter(await dash.listen())
    using events = await Events.open(entered)
    const { hostname, port } = new URL(entered.base)
    const idle = Array.from({ length: 400 }, () => connect(Number(port), hostname).on('error', () => undefined))
    ends.push(() => idle.forEach((each) => each.destroy()))
    await expect.poll(() => idle.filter((each) => each.destroyed).length).toBeGreaterThan(100)
    await events.next(({ data }) => data.time !== undefined)
    for (const each of idle) each.destroy()
    await expect.poll(async () => (await ask(entered.base, entered).catch(() => undefined))?.status).toBe(200)
  })

  it('get answers however many wrong requests come', async () => {
    const entered = await enter(await make().listen())
    const wrong = [
      'GET /x HTTP/1.1\r\nHost: evil\r\n\r\n',
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n',
      '\u0016\u0003\u0001\u0002\u0000',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n\r\n`,
      'CONNECT evil:443 HTTP/1.1\r\nHost: evil\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    ]
    const { hostname, port } = new URL(entered.base)
    for (let round = 0; round < 5; round++) {
      for (const text of wrong) {
        const socket = connect(Number(port), hostname, () => socket.write(text)).on('error', () => undefined)
        ends.push(() => socket.destroy())
      }
      expect((await ask(entered.base, entered)).status).toBe(200)
    }
  })
})
