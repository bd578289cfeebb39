/**
 * The same tests against `@fastify/under-pressure` and the plugin that stands in for it: what users of the one rely on holds
 * with the other.
 */
import original from '@fastify/under-pressure'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import { underPressure, type UnderPressureOptions } from '../../../src/integrations/fastify/index.js'
import { eventually } from '../../helpers/eventually.js'

type Plugin = typeof underPressure

const PLUGINS: readonly (readonly [string, Plugin])[] = [
  ['@fastify/under-pressure', original as unknown as Plugin],
  ['tripline/fastify', underPressure],
]

let app: FastifyInstance
afterEach(() => app.close())

const get = async (path = '/'): Promise<{ status: number; retry: string | null; body: unknown }> => {
  const response = await fetch(app.listeningOrigin + path)
  return { status: response.status, retry: response.headers.get('retry-after'), body: await response.json() }
}
const block = (ms: number): void => {
  for (const end = performance.now() + ms; performance.now() < end;);
}
const pressed = (): Promise<void> => eventually(() => app.isUnderPressure())

describe.each(PLUGINS)('%s', (_, plugin) => {
  async function start(options: UnderPressureOptions, add?: (app: FastifyInstance) => void): Promise<FastifyInstance> {
    app = Fastify()
    void app.register(plugin, options)
    app.get('/', () => ({ hello: 'world' }))
    add?.(app)
    await app.listen({ port: 0, host: '127.0.0.1' })
    return app
  }
  const REFUSED = {
    status: 503,
    retry: '10',
    body: {
      code: 'FST_UNDER_PRESSURE',
      error: 'Service Unavailable',
      message: 'Service Unavailable',
      statusCode: 503,
    },
  }
  const CROSSED: UnderPressureOptions = { maxHeapUsedBytes: 1, sampleInterval: 20 }

  it.each<[string, UnderPressureOptions]>([
    ['maxHeapUsedBytes', { maxHeapUsedBytes: 1 }],
    ['maxRssBytes', { maxRssBytes: 1 }],
    ['maxEventLoopUtilization', { maxEventLoopUtilization: 1e-9 }],
    ['maxEventLoopUtilization in an interval', { maxEventLoopUtilization: 1e-9, eventLoopUtilizationMode: 'interval' }],
  ])('refuses requests beyond %s', async (__, options) => {
    await start({ ...options, sampleInterval: 20 })
    await pressed()
    expect(await get()).toEqual(REFUSED)
  })

  it('refuses requests after the event loop was blocked, and admits them again', async () => {
    await start({ maxEventLoopDelay: 100, sampleInterval: 300 })
    expect(await get()).toMatchObject({ status: 200, body: { hello: 'world' } })
    // The sample after that has only blocked time to go by.
    await eventually(() => {
      block(700)
      return app.isUnderPressure()
    })
    await eventually(() => !app.isUnderPressure())
    expect((await get()).status).toBe(200)
  })

  it('does not refuse below the limits, or with 0', async () => {
    await start({ maxHeapUsedBytes: Infinity, maxRssBytes: 2 ** 40, maxEventLoopDelay: 0, sampleInterval: 20 })
    await eventually(() => app.memoryUsage().rssBytes > 0)
    expect(app.isUnderPressure()).toBe(false)
    expect((await get()).status).toBe(200)
  })

  it('takes message, retryAfter and customError', async () => {
    await start({ ...CROSSED, message: 'Come back later', retryAfter: 50 })
    await pressed()
    expect(await get()).toEqual({ ...REFUSED, retry: '50', body: { ...REFUSED.body, message: 'Come back later' } })
    await app.close()
    class Custom extends Error {
      statusCode = 418
      constructor() {
        super('A teapot')
      }
    }
    await start({ ...CROSSED, customError: Custom })
    await pressed()
    expect(await get()).toMatchObject({ status: 418, retry: '10', body: { message: 'A teapot' } })
  })

  it('decorates the instance with memoryUsage()', async () => {
    await start({ sampleInterval: 20 })
    expect(Object.keys(app.memoryUsage()).toSorted()).toEqual([
      'eventLoopDelay',
      'eventLoopUtilized',
      'heapUsed',
      'rssBytes',
    ])
    await eventually(() => app.memoryUsage().heapUsed > 0)
    const { heapUsed, rssBytes, eventLoopDelay, eventLoopUtilized } = app.memoryUsage()
    expect(heapUsed).toBeGreaterThan(1e6)
    expect(rssBytes).toBeGreaterThan(heapUsed / 2)
    expect(eventLoopDelay).toBeGreaterThanOrEqual(0)
    expect(eventLoopUtilized).toBeGreaterThan(0)
    expect(eventLoopUtilized).toBeLessThanOrEqual(1)
  })

  it('calls a pressureHandler, after which the request goes on or is over', async () => {
    const calls: unknown[] = []
    const results: (() => unknown)[] = []
    await start(
      {
        ...CROSSED,
        pressureHandler: (request, reply, type, value) => {
          calls.push([request.url, type, typeof value])
          if (request.url === '/send') void reply.send({ by: 'send' })
          return request.url === '/' ? results.shift()!() : undefined
        },
      },
      (instance) => instance.get('/send', () => ({ by: 'route' })),
    )
    await pressed()
    const answer = async (result: () => unknown): Promise<unknown> => {
      results.push(result)
      return (await get()).body
    }
    expect(await answer(() => undefined)).toEqual({ hello: 'world' })
    expect(await answer(() => ({ by: 'value' }))).toEqual({ by: 'value' })
    expect(await answer(() => Promise.resolve())).toEqual({ hello: 'world' })
    expect((await get('/send')).body).toEqual({ by: 'send' })
    expect(calls.slice(0, 2)).toEqual([
      ['/', 'heapUsedBytes', 'number'],
      ['/', 'heapUsedBytes', 'number'],
    ])
    expect(await answer(() => Promise.reject(new Error('failed')))).toMatchObject({
      statusCode: 500,
      message: 'failed',
    })
  })

  it('prefers the pressureHandler of a route', async () => {
    await start({ ...CROSSED, pressureHandler: () => ({ by: 'all' }) }, (instance) => {
      const config = { pressureHandler: () => ({ by: 'route' }) }
      instance.get('/own', { config }, () => ({ by: 'handler' }))
    })
    await pressed()
    expect([(await get()).body, (await get('/own')).body]).toEqual([{ by: 'all' }, { by: 'route' }])
  })

  it('has the names of the types', () => {
    app = Fastify()
    const { TYPE_EVENT_LOOP_DELAY, TYPE_EVENT_LOOP_UTILIZATION, TYPE_HEALTH_CHECK } = plugin
    expect([TYPE_EVENT_LOOP_DELAY, TYPE_EVENT_LOOP_UTILIZATION, TYPE_HEALTH_CHECK]).toEqual([
      'eventLoopDelay',
      'eventLoopUtilization',
      'healthCheck',
    ])
    expect([plugin.TYPE_HEAP_USED_BYTES, plugin.TYPE_RSS_BYTES]).toEqual(['heapUsedBytes', 'rssBytes'])
  })

  it('checks the health before it listens, at intervals, and after a failure', async () => {
    let health: 'good' | 'bad' | 'unknown' = 'bad'
    let checks = 0
    const instances = new Set<unknown>()
    await start({
      healthCheckInterval: 20,
      healthCheck: (instance) => {
        checks++
        instances.add(instance)
        return health === 'unknown' ? Promise.reject(new Error('no connection')) : Promise.resolve(health === 'good')
      },
    })
    expect(checks).toBeGreaterThanOrEqual(1)
    expect(app.isUnderPressure()).toBe(true)
    expect(await get()).toEqual(REFUSED)
    health = 'good'
    await eventually(() => !app.isUnderPressure())
    expect((await get()).status).toBe(200)
    health = 'unknown'
    await eventually(() => app.isUnderPressure())
    expect((await get()).status).toBe(503)
    expect(instances.size).toBe(1)
  })

  it('stops checking the health when it is closed', async () => {
    let checks = 0
    await start({ healthCheckInterval: 10, healthCheck: () => Promise.resolve(++checks > 0) })
    await eventually(() => checks > 2)
    await app.close()
    const before = checks
    await new Promise((resolve) => setTimeout(resolve, 100))
    // One may have been due at that moment.
    expect(checks - before).toBeLessThanOrEqual(1)
  })

  it.each([
    [true, '/status'],
    ['/alive', '/alive'],
    [{ url: '/here', routeOpts: {} }, '/here'],
    [{ routeOpts: { logLevel: 'silent' }, routeSchemaOpts: { summary: 'x' } }, '/status'],
  ] as const)('exposes a status route with %o', async (exposeStatusRoute, path) => {
    await start({ exposeStatusRoute })
    expect(await get(path)).toMatchObject({ status: 200, body: { status: 'ok' } })
  })

  it('shows what the health check returns in the status route, by its schema', async () => {
    let result: Record<string, unknown> | boolean | Error = { extra: 'value', secret: 1 }
    await start({
      healthCheck: () => (result instanceof Error ? Promise.reject(result) : Promise.resolve(result)),
      exposeStatusRoute: { routeOpts: {}, routeResponseSchemaOpts: { extra: { type: 'string' } } },
    })
    expect(await get('/status')).toMatchObject({ status: 200, body: { status: 'ok', extra: 'value' } })
    expect((await get('/status')).body).not.toHaveProperty('secret')
    result = false
    expect(await get('/status')).toEqual(REFUSED)
    result = new Error('secret')
    expect(await get('/status')).toEqual(REFUSED)
  })

  it('merges a response schema for the status route', async () => {
    await start({
      exposeStatusRoute: {
        routeOpts: {},
        routeSchemaOpts: { response: { 200: { properties: { more: { type: 'number' } } } } },
      },
      healthCheck: () => Promise.resolve({ more: 5 }),
    })
    expect((await get('/status')).body).toEqual({ status: 'ok', more: 5 })
  })

  it('applies to the scope in which it is registered', async () => {
    app = Fastify()
    void app.register(async (inner) => {
      await inner.register(plugin, CROSSED)
      inner.get('/inside', () => ({ refused: inner.isUnderPressure() }))
      app.decorate('inner', inner)
    })
    app.get('/outside', () => ({ hello: 'world' }))
    await app.listen({ port: 0, host: '127.0.0.1' })
    await eventually(() => (app as unknown as { inner: FastifyInstance }).inner.isUnderPressure())
    expect([(await get('/inside')).status, (await get('/outside')).status]).toEqual([503, 200])
  })
})
