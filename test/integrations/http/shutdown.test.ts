/** `gracefulShutdown()` on real servers and with clients that hang. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { connect, createServer as createHttp2Server, type ClientHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import { Cancelable } from '../../../src/index.js'
import { protectFastify, shutDownFastify } from '../../../src/integrations/fastify/index.js'
import {
  gracefulShutdown,
  operationOf,
  protect,
  statusOf,
  type ProtectedHandler,
  type Shutdown,
  type ShutdownOptions,
} from '../../../src/integrations/http/index.js'
import { rejection, thrown } from '../../cancelable/helpers.js'
import { PACKAGE, runModule } from '../../helpers/child.js'
import { eventually } from '../../helpers/eventually.js'
import { afterTest, get, listen, rawClient } from './helpers.js'

const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

interface Running {
  readonly server: Server
  readonly shutdown: Shutdown
  readonly port: number
  readonly started: Cancelable[]
}

async function serve(handle: ProtectedHandler<never, never>, options: ShutdownOptions = {}): Promise<Running> {
  const web = protect({ readiness: '/ready', grace: '1h' })
  const started: Cancelable[] = []
  const server = createServer(
    web.handler((request, response, cancel) => {
      started.push(cancel)
      return handle(request as never, response as never, cancel)
    }),
  )
  const shutdown = gracefulShutdown(server, { signals: [], ...options })
  afterTest(() => shutdown[Symbol.dispose]())
  return { server, shutdown, port: await listen(server), started }
}

/** A response that ends when the test says so. */
function gate(): { handle: ProtectedHandler<never, never>; open: () => void } {
  let open!: () => void
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { handle: (_, response: { end: (text: string) => void }) => opened.then(() => response.end('done')), open }
}

describe('a shutdown', () => {
  it('turns readiness off, waits, lets requests end, and closes the connections', async () => {
    const { handle, open } = gate()
    const { shutdown, port, started, server } = await serve(handle, { delay: 200 })
    expect((await get(port, '/ready')).status).toBe(200)
    const idle = await rawClient(port, 'GET /ready HTTP/1.1\r\nHost: a\r\n\r\n')
    await idle.until(/"ok"/)
    const running = await rawClient(port, REQUEST)
    await eventually(() => started.length === 1)
    expect([shutdown.state, shutdown.active]).toEqual(['running', 1])

    const done = shutdown.begin()
    expect(shutdown.state).toBe('delaying')
    expect((await get(port, '/ready')).status).toBe(503)
    await eventually(() => shutdown.state === 'draining')
    expect(server.listening).toBe(false)
    await eventually(() => idle.socket.closed)
    expect(started[0]!.isCanceled).toBe(false)
    open()
    const text = await running.until(/done/)
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*Connection: close\r\n[^]*done/i)
    expect(await done).toEqual({ signal: undefined, completed: 2, canceled: 0, upgraded: 0 })
    expect(await shutdown.begin()).toBe(await done)
    expect(shutdown.state).toBe('closed')
    expect(await rejection(get(port))).toBeInstanceOf(Error)
  })

  it('cancels what does not end in time, with 503 from handlers that notice', async () => {
    const { shutdown, port, started } = await serve((_, __, cancel) => cancel.sleep('1h'), { deadline: 20 })
    const client = await rawClient(port, REQUEST)
    await eventually(() => started.length === 1)
    const result = await shutdown.begin()
    expect(result).toMatchObject({ completed: 1, canceled: 1 })
    expect(await client.until(/\}/)).toMatch(/^HTTP\/1\.1 503 /)
    const { reason } = started[0]!
    expect([statusOf(reason!), reason!.message, reason!.source]).toEqual([
      503,
      'The server is shutting down',
      'shutdown',
    ])
  })

  it('cuts off handlers that do not, and clients that never finish their requests', async () => {
    const { shutdown, port, started } = await serve(() => new Promise(() => undefined), { deadline: 20, grace: 20 })
    const hanging = await rawClient(port, REQUEST)
    await eventually(() => started.length === 1)
    const slow = await rawClient(port, 'GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ')
    expect(await shutdown.begin()).toMatchObject({ completed: 0, canceled: 1, upgraded: 0 })
    await eventually(() => hanging.socket.closed && slow.socket.closed)
    expect(hanging.text()).toBe('')
  })

  it('leaves upgraded connections to the program, and counts them', async () => {
    const { server, shutdown, port } = await serve(() => undefined, { grace: 20 })
    server.on('upgrade', (_, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
      socket.pipe(socket)
    })
    const client = await rawClient(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
    await client.until(/101/)
    expect(await shutdown.begin()).toMatchObject({ upgraded: 1 })
    client.socket.write('ping')
    expect(await client.until(/ping/)).toContain('ping')
  })

  it('waits for streamed responses on connections that would be kept', async () => {
    let end!: () => void
    const { shutdown, port, started } = await serve((_, response: { write: (t: string) => void; end: () => void }) => {
      response.write('part')
      end = () => response.end()
    })
    const client = await rawClient(port, REQUEST)
    await client.until(/part/)
    const done = shutdown.begin()
    await eventually(() => shutdown.state === 'draining')
    end()
    expect(await done).toMatchObject({ completed: 1, canceled: 0 })
    await eventually(() => client.socket.closed)
    expect(started[0]!.context.status).toBe('completed')
  })

  it('of a server that does not listen is over at once', async () => {
    const shutdown = gracefulShutdown(createServer(), { signals: [] })
    expect(await shutdown.begin()).toEqual({ signal: undefined, completed: 0, canceled: 0, upgraded: 0 })
  })

  it('that was disposed of has left nothing on the server and the process', async () => {
    const before = [process.listenerCount('SIGTERM'), process.listenerCount('SIGINT')]
    const server = createServer()
    const names = server.eventNames().length
    const shutdown = gracefulShutdown(server)
    expect(process.listenerCount('SIGTERM')).toBe(before[0]! + 1)
    expect(thrown(() => gracefulShutdown(server))).toMatchObject({ code: 'ERR_INVALID_STATE' })
    shutdown[Symbol.dispose]()
    expect([process.listenerCount('SIGTERM'), process.listenerCount('SIGINT')]).toEqual(before)
    expect(server.eventNames()).toHaveLength(names)
  })

  it('takes a deadline of months for what it is', async () => {
    const { handle, open } = gate()
    const { shutdown, port, started } = await serve(handle, { deadline: '60d' })
    const answer = get(port)
    await eventually(() => started.length === 1)
    const done = shutdown.begin()
    await new Promise((resolve) => setTimeout(resolve, 20))
    open()
    expect((await answer).status).toBe(200)
    expect(await done).toMatchObject({ completed: 1, canceled: 0 })
  })

  it.each([
    [{ delai: 5 }, /Unknown option 'delai'. Did you mean 'delay'\?/],
    [{ deadline: -1 }, /"deadline"/],
    [{ signals: ['SIGTER'] }, /Unknown signal 'SIGTER'. Did you mean 'SIGTERM'\?/],
    [{ close: 5 }, /"close" option must be a function/],
  ])('with bad options, %o, is refused', (options, message) => {
    expect(thrown(() => gracefulShutdown(createServer(), options as never))).toMatchObject({
      message: expect.stringMatching(message) as string,
    })
  })

  it('of anything but a server is refused', () => {
    expect(thrown(() => gracefulShutdown({} as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  })
})

async function session(port: number): Promise<ClientHttp2Session> {
  const client = connect(`http://127.0.0.1:${port}`)
  client.on('error', () => undefined)
  afterTest(() => client.destroy())
  await once(client, 'connect')
  return client
}

describe('over HTTP/2', () => {
  it('streams end, the connection gets GOAWAY, and what hangs is canceled', async () => {
    const web = protect()
    const started: Cancelable[] = []
    const { handle, open } = gate()
    const server = createHttp2Server(
      web.handler((request, response, cancel) => {
        started.push(cancel)
        return request.url === '/hang'
          ? new Promise(() => undefined)
          : handle(request as never, response as never, cancel)
      }),
    )
    const shutdown = gracefulShutdown(server, { signals: [], deadline: 300, grace: 20 })
    const port = await listen(server)
    const [one, two] = [await session(port), await session(port)]
    const goaway = once(one, 'goaway')
    const good = one.request({ ':path': '/' })
    const hang = two.request({ ':path': '/hang' }).on('error', () => undefined)
    await eventually(() => started.length === 2)
    const done = shutdown.begin()
    await goaway
    open()
    const [headers] = (await once(good, 'response')) as [Record<string, unknown>]
    expect(headers[':status']).toBe(200)
    good.resume()
    expect(await done).toMatchObject({ completed: 1, canceled: 1, upgraded: 0 })
    await eventually(() => hang.closed && two.destroyed && one.destroyed)
    expect(started.map(({ context }) => context.status).toSorted()).toEqual(['canceled', 'completed'])
  })

  it('a stream that is reset cancels its operation, and a canceled handler is answered for', async () => {
    const web = protect({ timeout: '1h', routes: { '/late': { timeout: 5 }, '/begun': { timeout: 5 } }, grace: 5 })
    const started: Cancelable[] = []
    const server = createHttp2Server(
      web.handler((request, response, cancel) => {
        started.push(cancel)
        if (request.url === '/begun') response.write('part')
        return new Promise(() => undefined)
      }),
    )
    const client = await session(await listen(server))
    const upload = client.request({ ':path': '/', ':method': 'POST' }, { endStream: false })
    upload.on('error', () => undefined).write('some')
    await eventually(() => started.length === 1)
    upload.close(8)
    await eventually(() => started[0]!.isCanceled)
    expect(statusOf(started[0]!.reason!)).toBe(499)

    const late = client.request({ ':path': '/late' })
    const [headers] = (await once(late, 'response')) as [Record<string, unknown>]
    expect([headers[':status'], headers['content-type']]).toEqual([504, 'application/json; charset=utf-8'])
    late.resume()
    const begun = client.request({ ':path': '/begun' }).resume()
    const [error] = (await once(begun, 'error')) as [Error & { code: string }]
    expect(error.code).toBe('ERR_HTTP2_STREAM_ERROR')
    await eventually(() => web.stats.active === 0)
    expect(operationOf({} as never)).toBeUndefined()
  })
})

describe('of Fastify', () => {
  it('runs the hooks of plugins, after the requests have their answers', async () => {
    const app = Fastify()
    const order: string[] = []
    const { open, handle } = gate()
    await app.register(protectFastify, { readiness: '/ready' })
    app.addHook('onClose', async () => void order.push('closed'))
    let arrived = false
    app.get('/', async () => {
      arrived = true
      await handle(undefined as never, { end: () => undefined } as never, undefined as never)
      order.push('answered')
      return 'done'
    })
    const shutdown = shutDownFastify(app, { signals: [], delay: 100 })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    const answer = get(port)
    await eventually(() => arrived)
    const done = shutdown.begin()
    expect((await get(port, '/ready')).status).toBe(503)
    await eventually(() => shutdown.state === 'draining')
    open()
    expect((await answer).body).toBe('done')
    expect(await done).toMatchObject({ canceled: 0 })
    expect(order).toEqual(['answered', 'closed'])
  })
})

describe('signals', () => {
  const HTTP = PACKAGE.replace('index.js', 'http.js')
  const program = (options: string, after: string): string => `
    import { createServer, get } from 'node:http'
    import { gracefulShutdown, protect } from ${JSON.stringify(HTTP)}
    const web = protect()
    const server = createServer(web.handler((request, response, cancel) => cancel.sleep('1h')))
    const shutdown = gracefulShutdown(server, ${options})
    server.listen(0, '127.0.0.1', () => {
      get({ port: server.address().port, host: '127.0.0.1' }, (response) => {
        console.log(response.statusCode)
        response.resume()
      })
      server.once('request', () => process.kill(process.pid, 'SIGTERM'))
    })
    ${after}`

  it('begin it, and leave the exit status to the program', async () => {
    const source = program('{ deadline: 50 }', 'console.log(JSON.stringify(await shutdown.done)); process.exitCode = 7')
    const { code, stdout, stderr } = await runModule(source)
    expect([code, stderr]).toEqual([7, ''])
    expect(stdout.split('\n').toSorted().join(' ')).toMatch(
      /503 \{"signal":"SIGTERM","completed":1,"canceled":1,"upgraded":0\}/,
    )
  })

  it('end only the wait of the step in which they come', async () => {
    const source = program(
      "{ delay: '1h', deadline: '1h' }",
      `const states = []
      const look = setInterval(() => {
        if (shutdown.state === states.at(-1) || shutdown.state === 'running') return
        states.push(shutdown.state)
        process.kill(process.pid, 'SIGINT')
        if (shutdown.state === 'draining') clearInterval(look)
      }, 10)
      await shutdown.done
      console.log(states.join())`,
    )
    const { code, stdout } = await runModule(source)
    expect([code, stdout.split('\n').toSorted().join(' ').trim()]).toEqual([0, '503 delaying,draining'])
  })

  it('end the wait when they come a second time', async () => {
    const source = program(
      "{ deadline: '1h' }",
      `const look = setInterval(() => {
        if (shutdown.state !== 'draining') return
        clearInterval(look)
        process.kill(process.pid, 'SIGINT')
      }, 10)
      console.log((await shutdown.done).signal)`,
    )
    const { code, stdout } = await runModule(source)
    expect([code, stdout.split('\n').toSorted().join(' ').trim()]).toEqual([0, '503 SIGTERM'])
  })
})
