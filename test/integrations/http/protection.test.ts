/** `tripline/http` on real servers: operations of requests, refusals, budgets. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { currentOperation } from '../../../src/context/index.js'
import { Cancelable, CancelationError, customReason, guard, type CancelationReason } from '../../../src/index.js'
import { nameOf } from '../../../src/integrations/http/budget.js'
import {
  isClientGone,
  operationOf,
  protect,
  statusOf,
  type Protection,
  type ProtectionOptions,
} from '../../../src/integrations/http/index.js'
import { rejection, thrown } from '../../cancelable/helpers.js'
import { eventually } from '../../helpers/eventually.js'
import { afterTest, get, listen, rawClient } from './helpers.js'

type Handle = (request: IncomingMessage, response: ServerResponse, cancel: Cancelable) => unknown

async function serve(handle: Handle, options: ProtectionOptions = {}): Promise<{ web: Protection; port: number }> {
  const web = protect(options)
  afterTest(() => web.close())
  const server = createServer(web.handler(handle))
  web.attach(server)
  return { web, port: await listen(server) }
}

function closedGuard(): unknown {
  const closed = guard({ memory: 90 })
  closed.close()
  return closed
}

/** Limits that are crossed on every machine, and limits that are not. */
const CROSSED = { 'memory.available': { below: '1000TB' } }
const FAR = { 'memory.available': { below: 1 } }

function nextWarning(): Promise<string> {
  return new Promise((resolve) => void process.once('warning', (warning) => resolve(warning.message)))
}

describe('the operation of a request', () => {
  it('is running in the handler, completed with the response, and gone afterwards', async () => {
    const seen: unknown[] = []
    const { web, port } = await serve((request, response, cancel) => {
      seen.push(operationOf(request) === cancel, currentOperation() === cancel, cancel.context.status)
      seen.push(cancel.context.name, web.stats.active)
      cancel.onSettled(({ status }) => seen.push(status))
      response.end('hello')
    })
    expect(await get(port, '/users/1?key=secret')).toMatchObject({ status: 200, body: 'hello' })
    await eventually(() => seen.length === 6)
    expect(seen).toEqual([true, true, 'running', 'GET /users/1', 1, 'completed'])
    expect(web.stats).toEqual({ admitted: 1, refused: { low: 0, normal: 0, high: 0 }, active: 0, gone: 0 })
  })

  it.each([
    ['before the body of its upload', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n'],
    ['in the body of its upload', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nsome'],
    ['in a chunked upload', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n'],
    ['after its request', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ])('is canceled when the client goes away %s', async (_, sent) => {
    const started: Cancelable[] = []
    const { web, port } = await serve((_request, _response, cancel) => started.push(cancel))
    const client = await rawClient(port, sent)
    await eventually(() => started.length === 1)
    expect(started[0]!.isCanceled).toBe(false)
    client.socket.destroy()
    await eventually(() => started[0]!.isCanceled)
    const reason = started[0]!.reason as CancelationReason
    expect([isClientGone(reason), statusOf(reason), reason.source]).toEqual([true, 499, 'client'])
    expect(web.stats).toMatchObject({ admitted: 1, active: 0, gone: 1 })
  })

  it('is canceled when the client goes away in the response, and not when it has all of it', async () => {
    const started: Cancelable[] = []
    const { port } = await serve((_, response, cancel) => {
      started.push(cancel)
      response.write('x'.repeat(1000))
    })
    const client = await rawClient(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.until(/xxx/)
    client.socket.destroy()
    await eventually(() => started[0]!.isCanceled)
    expect(isClientGone(started[0]!.reason!)).toBe(true)
  })

  it('leaves the body of the request to the handler', async () => {
    const { port } = await serve(async (request, response) => {
      // Nothing reads the body meanwhile, and none of it is lost.
      for (let i = 0; i < 5; i++) await turn()
      const flowing = request.readableFlowing
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      response.end(`${flowing} ${Buffer.concat(chunks).length}`)
    })
    const body = 'b'.repeat(300_000)
    expect(await get(port, '/', { method: 'POST', body })).toMatchObject({ status: 200, body: 'null 300000' })
  })

  it('of a pipelined request is canceled as well, though its response has no socket yet', async () => {
    const started: Cancelable[] = []
    const { port } = await serve(async (request, _, cancel) => {
      // A body that was read to its end does not close with the connection.
      for await (const chunk of request) void chunk
      started.push(cancel)
    })
    const client = await rawClient(
      port,
      'GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(2),
    )
    await eventually(() => started.length === 4)
    client.socket.destroy()
    await eventually(() => started.every((each) => each.isCanceled))
    expect(started.every((each) => isClientGone(each.reason!))).toBe(true)
  })

  it('leaves no listener on a connection that is used again, pipelined or not', async () => {
    const counts: number[] = []
    const { web, port } = await serve((request, response) => {
      counts.push(request.socket.listenerCount('close'))
      response.end(`answer ${counts.length};`)
    })
    const client = await rawClient(port)
    for (let i = 1; i <= 30; i++) {
      client.socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(2))
      await client.until(new RegExp(`answer ${2 * i};`))
    }
    expect(counts).toHaveLength(60)
    expect(Math.max(...counts) - counts[0]!).toBeLessThanOrEqual(1)
    expect(web.stats).toMatchObject({ admitted: 60, active: 0, gone: 0 })
  })

  it('cancels what runs in it by tripline/context', async () => {
    const inner: unknown[] = []
    const { port } = await serve(() =>
      Cancelable.run((cancel) => cancel.sleep('1h')).catch((error) => inner.push(error)),
    )
    const client = await rawClient(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await turn()
    await eventually(() => {
      client.socket.destroy()
      return inner.length === 1
    })
    expect(inner[0]).toMatchObject({ reason: { kind: 'parent', parent: { kind: 'custom', source: 'client' } } })
  })

  it('has a name of what the client sent, without its host, cut and escaped', async () => {
    const names: unknown[] = []
    const { port } = await serve((_, response, cancel) => {
      names.push(cancel.context.name)
      response.end()
    })
    const host = 'Host: \x85\x9bevil\r\nX-Forwarded-Host: other\r\nConnection: close'
    for (const target of ['http://other.example/a?b', '//other/a', `/${'x'.repeat(300)}`, '*']) {
      const client = await rawClient(port)
      client.socket.write(Buffer.from(`OPTIONS ${target} HTTP/1.1\r\n${host}\r\n\r\n`, 'latin1'))
      await once(client.socket, 'close')
    }
    expect(names).toEqual(['OPTIONS /a', 'OPTIONS //other/a', `OPTIONS /${'x'.repeat(99)}...`, 'OPTIONS *'])
    // Node refuses such bytes, but other parsers and rewriting middleware do not.
    expect(nameOf('GET', '/\x9b[2J')).toBe(String.raw`GET /\u009b[2J`)
  })

  it('leaves upgraded connections alone', async () => {
    const web = protect()
    const server = createServer(web.handler((_, response) => void response.end()))
    server.on('upgrade', (_, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
      socket.pipe(socket)
    })
    const port = await listen(server)
    const client = await rawClient(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
    await client.until(/101/)
    client.socket.write('ping')
    expect(await client.until(/ping/)).toContain('ping')
    expect(web.stats.admitted).toBe(0)
    client.socket.destroy()
  })
})

describe('a handler', () => {
  it('that was canceled is answered for by the status of its reason, without details', async () => {
    const { port } = await serve(
      async (request, response, cancel) => {
        if (request.url === '/token') cancel.cancel('a secret of the program')
        await cancel.sleep('1h')
        response.end()
      },
      { routes: { '/slow': { timeout: 5 }, '/heavy/*': { resources: CROSSED } }, retryAfter: '1500ms' },
    )
    const slow = await get(port, '/slow')
    expect([slow.status, JSON.parse(slow.body)]).toEqual([
      504,
      { statusCode: 504, code: 'ERR_TRIPLINE_CANCELED', error: 'Gateway Timeout', message: 'Gateway Timeout' },
    ])
    const token = await get(port, '/token')
    expect([token.status, token.headers.get('retry-after'), token.body.includes('secret')]).toEqual([503, '2', false])
    const statuses = [(await get(port, '/heavy/1')).status, (await get(port, '/heavy/2')).status]
    expect(statuses).toEqual([503, 503])
  })

  it('that never looks is answered for after the grace', async () => {
    const { port } = await serve(() => new Promise(() => undefined), { timeout: 5, grace: 5 })
    expect((await get(port)).status).toBe(504)
  })

  it('that has begun its response is cut off after the grace, so that the client does not take it for whole', async () => {
    const { port } = await serve((_, response) => void response.write('part'), { timeout: 5, grace: 5 })
    expect(await rejection(get(port))).toBeInstanceOf(Error)
  })

  it('that fails is answered for with 500, and the error is reported', async () => {
    const warnings: string[] = []
    const note = (warning: Error): number => warnings.push(warning.message)
    process.on('warning', note)
    afterTest(() => process.off('warning', note))
    const { port } = await serve((request) => {
      if (request.url === '/sync') throw new Error('secret 1')
      return Promise.reject(new Error('secret 2'))
    })
    for (const path of ['/sync', '/async']) {
      expect(await get(port, path)).toMatchObject({
        status: 500,
        body: '{"statusCode":500,"error":"Internal Server Error","message":"Internal Server Error"}',
      })
    }
    await eventually(() => warnings.length === 2)
    expect(warnings.join()).toMatch(/request failed: Error: secret 1,request failed: Error: secret 2/)
  })
})

describe('refusals', () => {
  it('say when to come back, keep the connection, and are counted by priority', async () => {
    const refused: unknown[] = []
    const { web, port } = await serve((_, response) => response.end('ok'), {
      resources: CROSSED,
      routes: { '/low': { priority: 'low' }, 'GET /admin/*': { priority: 'high' } },
      onRefused: (request, priority) => {
        refused.push([request.url, priority])
        throw new Error('a failing log')
      },
    })
    await eventually(() => web.refuses())
    const reported = nextWarning()
    const answer = await get(port)
    expect(await reported).toBe('request "onRefused" failed: Error: a failing log')
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toBe('10')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('connection')).toBe('keep-alive')
    expect(JSON.parse(answer.body)).toEqual({
      statusCode: 503,
      code: 'ERR_TRIPLINE_OVERLOADED',
      error: 'Service Unavailable',
      message: 'Service Unavailable',
    })
    expect((await get(port, '/low')).status).toBe(503)
    expect((await get(port, '/admin/1')).body).toBe('ok')
    expect(web.stats).toMatchObject({ admitted: 1, refused: { low: 1, normal: 1, high: 0 } })
    expect(refused).toEqual([
      ['/', 'normal'],
      ['/low', 'low'],
    ])
  })

  it('begin with low priorities, at limits that are drawn earlier', async () => {
    let holds = true
    const { web, port } = await serve((_, response) => response.end('ok'), {
      resources: { ...FAR, conditions: { database: { check: () => holds, interval: 10 } } },
      priorities: { low: CROSSED, high: FAR },
      routes: { '/low': { priority: 'low' }, '/high': { priority: 'high' } },
    })
    await eventually(() => web.refuses('low'))
    const statuses = async (): Promise<number[]> => {
      const answers = await Promise.all(['/low', '/', '/high'].map((path) => get(port, path)))
      return answers.map(({ status }) => status)
    }
    expect(await statuses()).toEqual([503, 200, 200])
    // A condition that does not hold is for all but the high ones.
    holds = false
    await eventually(() => web.refuses())
    expect(await statuses()).toEqual([503, 503, 200])
    holds = true
    await eventually(() => !web.refuses())
    expect(await statuses()).toEqual([503, 200, 200])
  })

  it('only count with dryRun, and not at all by a guard that is a dry run', async () => {
    const counting = await serve((_, response) => response.end('ok'), { resources: CROSSED, dryRun: true })
    await eventually(() => counting.web.refuses())
    expect((await get(counting.port)).status).toBe(200)
    expect(counting.web.stats).toMatchObject({ admitted: 1, refused: { normal: 1 } })
    using watching = guard(CROSSED, { dryRun: true })
    const other = await serve((_, response) => response.end('ok'), { resources: watching })
    await eventually(() => watching.isBreached)
    expect((await get(other.port)).status).toBe(200)
    using given = guard(CROSSED)
    const closed = await serve((_, response) => response.end('ok'), { resources: given })
    await eventually(() => closed.web.refuses())
    closed.web.close()
    expect([(await get(closed.port)).status, given.closed]).toEqual([200, false])
  })

  it('spare a client that waits for 100 Continue its upload', async () => {
    let holds = false
    const { web, port } = await serve(
      async (request, response) => {
        for await (const chunk of request) void chunk
        response.end('ok')
      },
      { resources: { conditions: { ready: { check: () => holds, interval: 10 } } } },
    )
    await eventually(() => web.refuses())
    const upload = 'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n'
    const client = await rawClient(port, upload)
    expect(await client.until(/\}/)).toMatch(/^HTTP\/1\.1 503 /)
    holds = true
    await eventually(() => !web.refuses())
    const second = await rawClient(port, upload)
    expect(await second.until(/\r\n\r\n/)).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\n/)
    second.socket.write('body')
    expect(await second.until(/ok/)).toMatch(/HTTP\/1\.1 200 OK/)
  })

  it('spare it also where only low priorities are refused', async () => {
    const { web, port } = await serve((_, response) => response.end('ok'), {
      priorities: { low: CROSSED },
      routes: { '/low': { priority: 'low' } },
    })
    await eventually(() => web.refuses('low'))
    const upload = ' HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n'
    const low = await rawClient(port, `PUT /low${upload}`)
    expect(await low.until(/\}/)).toMatch(/^HTTP\/1\.1 503 /)
    const normal = await rawClient(port, `PUT /${upload}`)
    expect(await normal.until(/ok/)).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /)
  })
})

describe('routes for health', () => {
  it('say whether requests are refused, and whether the event loop answers', async () => {
    const { web, port } = await serve((_, response) => response.end('handled'), {
      resources: CROSSED,
      readiness: '/ready',
      liveness: '/live',
    })
    await eventually(() => web.refuses())
    const ready = await get(port, '/ready?from=here')
    expect([ready.status, ready.body, ready.headers.get('retry-after')]).toEqual([
      503,
      '{"status":"unavailable"}',
      '10',
    ])
    const live = await get(port, '/live')
    expect([live.status, live.body, live.headers.get('cache-control')]).toEqual([200, '{"status":"ok"}', 'no-store'])
    expect(await get(port, '/live', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' })
    expect(web.breached).toHaveLength(2)
    web.close()
    expect((await get(port, '/ready')).status).toBe(200)
    expect((await get(port, '/live', { method: 'POST' })).body).toBe('handled')
  })
})

describe('bad options', () => {
  it.each([
    [{ resource: {} }, /Unknown option 'resource'. Did you mean 'resources'\?/],
    [{ resources: { memry: 9 } }, /Unknown metric 'memry'. Did you mean 'memory'\?/],
    [{ priorities: { lo: {} } }, /Unknown priority 'lo'. Did you mean 'low'\?/],
    [{ routes: { reports: {} } }, /"routes" option must be by paths such as/],
    [{ routes: { '/a': { timeuot: 5 } } }, /Unknown option of a route 'timeuot'. Did you mean 'timeout'\?/],
    [{ routes: { '/a': { priority: 'urgent' } } }, /"priority" option must be 'low', 'normal' or 'high'/],
    [{ routes: null }, /"routes" option must be an object/],
    [{ routes: [] }, /"routes" option must be an object/],
    [{ routes: { '/a': 5 } }, /"routes.\/a" option must be an object/],
    [{ timeout: -1 }, /"timeout"/],
    [{ grace: 'soon' }, /"grace"/],
    [{ retryAfter: 'later' }, /"retryAfter"/],
    [{ resources: closedGuard() }, /"resources" option must be a guard that is not closed/],
    [{ readiness: 'ready' }, /"readiness" option must be a path/],
    [{ dryRun: 1 }, /"dryRun" option must be true or false/],
    [{ onRefused: 1 }, /"onRefused" option must be a function/],
  ])('%o are refused', (options, message) => {
    expect(thrown(() => protect(options as never))).toMatchObject({
      code: expect.stringMatching(/^ERR_(?:INVALID_ARG|OUT_OF_RANGE)/) as string,
      message: expect.stringMatching(message) as string,
    })
  })
})

describe('bad arguments', () => {
  const reasonOf = 'the reason of a cancelation'
  it.each<[string, () => unknown, string, string]>([
    ['refuses()', () => protect().refuses('hihg' as never), 'ERR_INVALID_ARG_VALUE', "'low', 'normal' or 'high'"],
    ['attach()', () => protect().attach(undefined as never), 'ERR_INVALID_ARG_TYPE', 'a server of node:http'],
    ['operationOf()', () => operationOf(undefined as never), 'ERR_INVALID_ARG_TYPE', 'a request'],
    // The error in place of its reason has no kind, and would have no status.
    [
      'statusOf()',
      () => statusOf(new CancelationError(customReason('x', 1)) as never),
      'ERR_INVALID_ARG_TYPE',
      reasonOf,
    ],
    ['isClientGone()', () => isClientGone(undefined as never), 'ERR_INVALID_ARG_TYPE', reasonOf],
  ])('of %s are refused', (_, call, code, message) => {
    expect(thrown(call)).toMatchObject({ code, message: expect.stringContaining(message) as string })
  })
})

describe('a long grace', () => {
  it('is not taken for a short one', async () => {
    const { port } = await serve(
      (_, response, cancel) => {
        cancel.onCancel(() => void setImmediate(() => setTimeout(() => response.end('mine'), 20)))
      },
      { timeout: 5, grace: '60d' },
    )
    expect(await get(port)).toMatchObject({ status: 200, body: 'mine' })
  })
})

describe('an upload that is cut off', () => {
  it('is not reported as a failure of its handler, and other errors are', async () => {
    const reported: unknown[] = []
    const listener = (message: unknown): unknown => reported.push((message as { error: unknown }).error)
    subscribe('tripline:error', listener)
    afterTest(() => unsubscribe('tripline:error', listener))
    const failed: unknown[] = []
    const { port } = await serve(async (request) => {
      try {
        for await (const chunk of request) void chunk
      } catch (error) {
        failed.push(error)
        throw request.url === '/own' ? new Error('own') : error
      }
    })
    for (const path of ['/', '/own']) {
      const client = await rawClient(port, `PUT ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nbody`)
      await eventually(() => client.socket.bytesWritten > 0)
      await turn()
      client.socket.destroy()
      await eventually(() => failed.length === (path === '/' ? 1 : 2))
    }
    await eventually(() => reported.length > 0)
    expect(failed).toMatchObject([{ code: 'ECONNRESET' }, { code: 'ECONNRESET' }])
    expect(reported).toMatchObject([{ message: 'own' }])
  })
})
