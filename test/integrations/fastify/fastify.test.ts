/** `tripline/fastify` in a real Fastify: operations, budgets, refusals, errors; over HTTP/1 and HTTP/2. */
import { once } from 'node:events'
import { ServerResponse, type IncomingMessage } from 'node:http'
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import { samplerStats } from '../../../src/addon/sampler.js'
import { currentOperation } from '../../../src/context/index.js'
import { Cancelable } from '../../../src/index.js'
import {
  isClientGone,
  operationOf,
  protectFastify,
  underPressure,
  type FastifyProtectionOptions,
} from '../../../src/integrations/fastify/index.js'
import { rejection } from '../../cancelable/helpers.js'
import { eventually } from '../../helpers/eventually.js'
import { get, rawClient, untilStatus } from '../http/helpers.js'

let app: FastifyInstance
afterEach(() => app.close())

/** Limits that are crossed on every machine. */
const CROSSED = { 'memory.available': { below: '1000TB' } }

async function start(options: FastifyProtectionOptions, add: () => void, isAwaited = true): Promise<number> {
  app = Fastify()
  const registered = app.register(protectFastify, options)
  if (isAwaited) await registered
  add()
  await app.listen({ port: 0, host: '127.0.0.1' })
  return (app.server.address() as AddressInfo).port
}

describe('the operation of a request', () => {
  it('is current in hooks and handlers, also behind a body, and has the name of the route', async () => {
    const seen: unknown[] = []
    const port = await start({}, () => {
      app.addHook('preHandler', async (request) => {
        seen.push(currentOperation() === operationOf(request))
      })
      void app.register(
        async (api) => {
          api.post<{ Params: { id: string } }>('/users/:id', async (request) => {
            await Promise.resolve()
            seen.push(currentOperation() === operationOf(request), operationOf(request)!.context.name)
            operationOf(request)!.onSettled(({ status }) => seen.push(status))
            return request.body
          })
        },
        { prefix: '/api' },
      )
    })
    const options = { method: 'POST', body: '{"a":1}', headers: { 'Content-Type': 'application/json' } }
    expect(await get(port, '/api/users/7?x', options)).toMatchObject({ status: 200, body: '{"a":1}' })
    await eventually(() => seen.length === 4)
    expect(seen).toEqual([true, true, 'POST /api/users/:id', 'completed'])
    expect((await get(port, '/nowhere')).status).toBe(404)
  })

  it('ends with a request that was injected', async () => {
    const seen: unknown[] = []
    await start({}, () => {
      app.get('/', async (request) => {
        operationOf(request)!.onSettled(({ status }) => seen.push(status))
        return 'ok'
      })
    })
    expect((await app.inject('/')).body).toBe('ok')
    await eventually(() => seen.length === 1)
    expect(seen).toEqual(['completed'])
  })

  it('is canceled when the client goes away', async () => {
    const started: Cancelable[] = []
    const port = await start({}, () => {
      app.get('/', async (request) => {
        started.push(operationOf(request)!)
        await operationOf(request)!.sleep('1h')
      })
    })
    const client = await rawClient(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await eventually(() => started.length === 1)
    client.socket.destroy()
    await eventually(() => started[0]!.isCanceled)
    expect(isClientGone(started[0]!.reason!)).toBe(true)
  })
})

describe('a connection that was upgraded', () => {
  it('passes through the router without an operation, and nothing is sent to it', async () => {
    const seen: unknown[] = []
    const port = await start({ timeout: 5, grace: 5 }, () => {
      app.get('/socket', (request, reply) => {
        seen.push(operationOf(request))
        reply.hijack()
        request.raw.socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
      })
    })
    // As @fastify/websocket does.
    app.server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
      const response = new ServerResponse(request)
      response.assignSocket(socket)
      app.routing(request, response)
      socket.on('data', (chunk) => setTimeout(() => socket.end(chunk), 50))
    })
    const upgrade = 'Connection: Upgrade\r\nUpgrade: echo\r\n\r\n'
    const client = await rawClient(port, `GET /socket HTTP/1.1\r\nHost: a\r\n${upgrade}`)
    await client.until(/101/)
    client.socket.write('ping')
    expect(await client.until(/ping/)).toMatch(/^HTTP\/1\.1 101 [^]*\r\n\r\nping$/)
    expect(seen).toEqual([undefined])
    client.socket.destroy()
  })
})

describe('the budget of a route', () => {
  it.each([[true], [false]])('counts, whether or not the plugin was awaited: %s', async (isAwaited) => {
    const config = { tripline: { timeout: 5 } }
    const add = (): void => {
      app.get('/', { config }, async (request) => operationOf(request)!.sleep('1h'))
      app.get('/never', { config }, () => new Promise(() => undefined))
    }
    const port = await start({ grace: 5 }, add, isAwaited)
    const answer = await get(port)
    expect(answer.status).toBe(504)
    const message = isAwaited ? 'Gateway Timeout' : expect.any(String)
    expect(JSON.parse(answer.body)).toMatchObject({ statusCode: 504, error: 'Gateway Timeout', message })
    expect((await get(port, '/never')).status).toBe(504)
  })

  it('is watched once, whatever routes Fastify makes of it', async () => {
    const before = samplerStats()?.guards ?? 0
    const port = await start({}, () => {
      app.get('/', { config: { tripline: { resources: { memory: 99 } } } }, () => 'ok')
    })
    expect((await get(port)).status).toBe(200)
    expect((await get(port, '/', { method: 'HEAD' })).status).toBe(200)
    expect(samplerStats()!.guards).toBe(before + 1)
  })

  it('that is misspelled is refused where it is defined', async () => {
    app = Fastify()
    await app.register(protectFastify)
    expect(() => app.get('/', { config: { tripline: { prority: 'low' } as object } }, () => 'ok')).toThrow(
      "Unknown option of a route 'prority'. Did you mean 'priority'?",
    )
  })

  it('decides which requests are refused first', async () => {
    const port = await start({ priorities: { low: CROSSED }, readiness: '/ready', liveness: '/live' }, () => {
      app.get('/low', { config: { tripline: { priority: 'low' } } }, () => 'ok')
      app.get('/', () => 'ok')
    })
    await untilStatus(port, '/low', 503)
    const answer = await get(port, '/low')
    expect([answer.headers.get('retry-after'), JSON.parse(answer.body)]).toEqual([
      '10',
      {
        statusCode: 503,
        code: 'ERR_TRIPLINE_OVERLOADED',
        error: 'Service Unavailable',
        message: 'Service Unavailable',
      },
    ])
    const statuses = await Promise.all(['/', '/ready', '/live'].map(async (path) => (await get(port, path)).status))
    expect(statuses).toEqual([200, 200, 200])
  })
})

describe('errors', () => {
  it('come to the error handler of the application as public ones, and others as they are', async () => {
    const seen: unknown[] = []
    const port = await start({}, () => {
      app.setErrorHandler((error: Error & { code?: string }, _, reply) => {
        seen.push([error.name, error.code, error.message])
        void reply.send(error)
      })
      app.get('/canceled', () => Cancelable.run((cancel) => cancel.sleep('1h'), { timeout: 5 }))
      app.get('/other', () => Promise.reject(Object.assign(new Error('mine'), { statusCode: 409 })))
      app.get('/own', {
        errorHandler: (error, _, reply) => void reply.code(400).send({ by: `route: ${error.message}` }),
        handler: () => Promise.reject(new Error('mine')),
      })
    })
    expect((await get(port, '/canceled')).status).toBe(504)
    expect((await get(port, '/other')).status).toBe(409)
    expect(await get(port, '/own')).toMatchObject({ status: 400, body: '{"by":"route: mine"}' })
    expect(seen).toEqual([
      ['RequestRefusedError', 'ERR_TRIPLINE_CANCELED', 'Gateway Timeout'],
      ['Error', undefined, 'mine'],
    ])
  })
})

describe('routes for health', () => {
  it('follow the limits of normal requests', async () => {
    const port = await start({ resources: CROSSED, readiness: '/ready', liveness: '/live' }, () => undefined)
    await untilStatus(port, '/ready', 503)
    expect((await get(port, '/ready')).body).toBe('{"status":"unavailable"}')
    expect(await get(port, '/live')).toMatchObject({ status: 200, body: '{"status":"ok"}' })
  })
})

describe('over HTTP/2', () => {
  let session: ClientHttp2Session
  // The server waits for the client.
  afterEach(() => session.destroy())
  async function connected(add: () => void, options: FastifyProtectionOptions = {}): Promise<void> {
    app = Fastify({ http2: true }) as unknown as FastifyInstance
    await app.register(protectFastify, options)
    add()
    await app.listen({ port: 0, host: '127.0.0.1' })
    session = connect(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`)
    session.on('error', () => undefined)
    await once(session, 'connect')
  }
  function request(path = '/'): ClientHttp2Stream {
    const stream = session.request({ ':path': path })
    stream.on('error', () => undefined).resume()
    return stream
  }

  it('ends the operation of a stream that is reset, and no other of its connection', async () => {
    const started: Cancelable[] = []
    const ends: string[] = []
    await connected(() => {
      app.get('/:number', async (incoming) => {
        const operation = operationOf(incoming)!
        started.push(operation)
        operation.onSettled(({ status }) => ends.push(`${incoming.url} ${status}`))
        if (incoming.url === '/3') return 'ok'
        return operation.sleep('1h')
      })
    })
    const first = request('/1')
    request('/2')
    await eventually(() => started.length === 2)
    first.close(8)
    await eventually(() => started[0]!.isCanceled)
    expect([isClientGone(started[0]!.reason!), started[1]!.isCanceled]).toEqual([true, false])
    const [headers] = (await once(request('/3'), 'response')) as [Record<string, unknown>]
    expect(headers[':status']).toBe(200)
    await eventually(() => ends.length === 2)
    expect(ends.toSorted()).toEqual(['/1 canceled', '/3 completed'])
    session.destroy()
    await eventually(() => started[1]!.isCanceled)
    expect(isClientGone(started[1]!.reason!)).toBe(true)
  })

  it('refuses requests with the same answer', async () => {
    await connected(() => app.get('/', () => 'ok'), { resources: CROSSED })
    let status: unknown
    let retry: unknown
    await eventually(() => {
      request().once('response', (headers) => {
        status = headers[':status']
        retry = headers['retry-after']
      })
      return status === 503
    })
    expect(retry).toBe('10')
  })
})

describe('routes for health', () => {
  it.each([[true], [false]])('answer HEAD, where the application has routes for it and where not: %s', async (has) => {
    app = Fastify({ exposeHeadRoutes: has })
    await app.register(protectFastify, { readiness: '/ready', liveness: '/live' })
    for (const url of ['/ready', '/live']) {
      expect((await app.inject(url)).json()).toEqual({ status: 'ok' })
      const { statusCode, body } = await app.inject({ method: 'HEAD', url })
      expect([statusCode, body]).toEqual([200, ''])
    }
  })
})

describe('bad options', () => {
  it.each([
    [{ maxEventLoopDelai: 5 }, /Unknown option 'maxEventLoopDelai'. Did you mean 'maxEventLoopDelay'\?/],
    [{ maxHeapBytes: 5 }, /Did you mean 'maxHeapUsedBytes'\?/],
    [{ maxRssBytes: '100' }, /"maxRssBytes" option must be a number. Received '100'/],
    [{ maxEventLoopUtilization: Number.NaN }, /"maxEventLoopUtilization" option is out of range/],
    // A ratio, not a percentage, which would never be crossed.
    [{ maxEventLoopUtilization: 98 }, /"maxEventLoopUtilization" option is out of range: it must be 0 to 1/],
    [{ retryAfter: -1 }, /"retryAfter" option is out of range/],
    [{ message: 5 }, /"message" option must be a string/],
    [{ eventLoopUtilizationMode: 'cumulativ' }, /must be 'cumulative' or 'interval'/],
    [{ healthCheck: true }, /"healthCheck" option must be a function/],
    [{ healthCheck: async (): Promise<boolean> => true }, /given with 'healthCheckInterval' or 'exposeStatusRoute'/],
    [{ exposeStatusRoute: 5 }, /"exposeStatusRoute" option must be true, a path or an object/],
    [{ exposeStatusRoute: { routeOptions: {} } }, /'routeOptions'. Did you mean 'routeOpts'\?/],
    [{ customError: 'teapot' }, /"customError" option must be a class of errors, or an error/],
    [
      { customError: (): Error => new Error('mine') },
      /"customError" option must be a class of errors that needs no arguments/,
    ],
    [{ sampleInterval: Infinity }, /"sampleInterval" option is out of range: it must be 0 to 2147483647/],
    [
      { healthCheck: async (): Promise<boolean> => true, healthCheckInterval: 2 ** 31 },
      /"healthCheckInterval" option is out of range/,
    ],
    [{ retryAfter: 1e300 }, /"retryAfter" option is out of range/],
    [{ timeout: 'soon' }, /"timeout"/],
  ])('of under-pressure, %o, are refused', async (options, message) => {
    app = Fastify()
    const error = (await rejection(app.register(underPressure, options as never))) as Error & { code: string }
    expect(error.message).toMatch(message)
    expect(error.code).toMatch(/^ERR_/)
  })

  it.each([
    [{ resorces: {} }, /Unknown option 'resorces'. Did you mean 'resources'\?/],
    [{ routes: {} }, /"routes" option must be left out/],
    [{ maxRssBytes: 5 }, /Unknown option 'maxRssBytes'/],
  ])('of the protection, %o, are refused', async (options, message) => {
    app = Fastify()
    const error = (await rejection(app.register(protectFastify, options as never))) as Error
    expect(error.message).toMatch(message)
  })
})
