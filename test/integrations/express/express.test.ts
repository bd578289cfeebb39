/** `tripline/express` in a real Express 5: middleware, routes, errors of async handlers. */
import { createServer, type IncomingMessage } from 'node:http'
import express, { type ErrorRequestHandler, type Express } from 'express'
import { describe, expect, it } from 'vitest'
import { currentOperation } from '../../../src/context/index.js'
import { Cancelable } from '../../../src/index.js'
import {
  isClientGone,
  operationOf,
  protectExpress,
  type ExpressProtection,
} from '../../../src/integrations/express/index.js'
import type { ProtectionOptions } from '../../../src/integrations/http/index.js'
import { thrown } from '../../cancelable/helpers.js'
import { eventually } from '../../helpers/eventually.js'
import { afterTest, get, listen, rawClient, untilStatus } from '../http/helpers.js'

const sleep = async (request: IncomingMessage): Promise<void> => operationOf(request)!.sleep('1h')

async function serve(
  add: (app: Express, web: ExpressProtection) => void,
  options: ProtectionOptions = {},
): Promise<{ web: ExpressProtection; port: number; seen: unknown[] }> {
  const web = protectExpress(options)
  afterTest(() => web.close())
  const app = express()
  const seen: unknown[] = []
  add(app, web)
  app.use(web.errorHandler())
  const last: ErrorRequestHandler = (error: Error, _request, response, _next) => {
    seen.push(error.message)
    response.status(500).send('from the application')
  }
  app.use(last)
  return { web, port: await listen(createServer(app)), seen }
}

describe('the middleware', () => {
  it('starts an operation that is current in handlers, also behind a parser of bodies', async () => {
    const { web, port } = await serve((app, protection) => {
      app.use(protection.middleware(), express.json())
      app.post('/echo', async (request, response) => {
        await Promise.resolve()
        const operation = operationOf(request)
        response.json({
          same: currentOperation() === operation,
          name: operation!.context.name,
          body: request.body as unknown,
        })
      })
    })
    const options = { method: 'POST', body: '{"a":1}', headers: { 'Content-Type': 'application/json' } }
    const { body } = await get(port, '/echo?x', options)
    expect(JSON.parse(body)).toEqual({ same: true, name: 'POST /echo', body: { a: 1 } })
    await eventually(() => web.stats.active === 0)
    expect(web.stats).toMatchObject({ admitted: 1, gone: 0 })
  })

  it('cancels it when an upload is cut off, also if an error handler answers that at once', async () => {
    const started: Cancelable[] = []
    const { web, port, seen } = await serve((app, protection) => {
      app.use(protection.middleware(), (request, _response, next) => {
        started.push(operationOf(request)!)
        next()
      })
      app.use(express.json())
    })
    const type = 'Content-Type: application/json\r\n'
    const client = await rawClient(port, `POST / HTTP/1.1\r\nHost: a\r\n${type}Content-Length: 99\r\n\r\n{"a`)
    await eventually(() => started.length === 1)
    client.socket.destroy()
    await eventually(() => web.stats.active === 0)
    expect([seen, web.stats.gone, isClientGone(started[0]!.reason!)]).toEqual([['request aborted'], 1, true])
  })

  it('cancels the operation when the client goes away, and sends nothing then', async () => {
    const started: Cancelable[] = []
    const { web, port, seen } = await serve((app, protection) => {
      app.use(protection.middleware())
      app.get('/', async (request) => {
        const operation = operationOf(request)!
        started.push(operation)
        await operation.sleep('1h')
      })
    })
    const client = await rawClient(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await eventually(() => started.length === 1)
    client.socket.destroy()
    await eventually(() => started[0]!.isCanceled)
    expect(isClientGone(started[0]!.reason!)).toBe(true)
    await eventually(() => web.stats.gone === 1)
    expect(seen).toEqual([])
  })

  it('refuses requests, in a router with a prefix by the whole path', async () => {
    const { web, port } = await serve(
      (app, protection) => {
        const router = express.Router()
        router.use(protection.middleware())
        router.get('/low', (_, response) => void response.send('ok'))
        router.get('/high', (_, response) => void response.send('ok'))
        app.use('/api', router)
        app.get('/free', (_, response) => void response.send('free'))
      },
      { resources: { 'memory.available': { below: '1000TB' } }, routes: { '/api/high': { priority: 'high' } } },
    )
    await eventually(() => web.refuses())
    const answers = await Promise.all(['/api/low', '/api/high', '/free'].map((path) => get(port, path)))
    expect(answers.map(({ status }) => status)).toEqual([503, 200, 200])
    expect(answers[0]!.headers.get('retry-after')).toBe('10')
  })
})

describe('a route', () => {
  it('has a budget of its own, with the middleware or without it', async () => {
    const { port } = await serve((app, protection) => {
      app.get('/alone', protection.route({ timeout: 5 }), sleep)
      app.use(protection.middleware())
      app.get('/both', protection.route({ timeout: 5 }), sleep)
    })
    const answers = [await get(port, '/alone'), await get(port, '/both'), await get(port, '/BOTH/')]
    expect(answers.map(({ status }) => status)).toEqual([504, 504, 504])
    expect(JSON.parse(answers[0]!.body)).toEqual({
      statusCode: 504,
      code: 'ERR_TRIPLINE_CANCELED',
      error: 'Gateway Timeout',
      message: 'Gateway Timeout',
    })
  })

  it('of low priority is refused where others are not', async () => {
    const { web, port } = await serve(
      (app, protection) => {
        app.use(protection.middleware())
        app.get('/low', protection.route({ priority: 'low' }), (_, response) => void response.send('ok'))
        app.get('/', (_, response) => void response.send('ok'))
      },
      { priorities: { low: { 'memory.available': { below: '1000TB' } } } },
    )
    await eventually(() => web.refuses('low'))
    expect([(await get(port, '/low')).status, (await get(port, '/')).status]).toEqual([503, 200])
  })

  it('with a limit that is crossed is refused, also behind the middleware', async () => {
    const { web, port } = await serve((app, protection) => {
      app.use(protection.middleware())
      const budget = protection.route({ resources: { 'memory.available': { below: '1000TB' } } })
      app.get('/heavy', budget, (_, response) => void response.send('ok'))
    })
    await untilStatus(port, '/heavy', 503)
    await eventually(() => web.stats.active === 0)
  })

  it('with a misspelled option is refused where it is defined', () => {
    using web = protectExpress()
    expect(thrown(() => web.route({ timout: 5 } as never))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: "Unknown option of a route 'timout'. Did you mean 'timeout'?",
    })
  })
})

describe('the error handler', () => {
  it('passes other errors on, and answers for cancelations inside of them', async () => {
    const { port, seen } = await serve((app, protection) => {
      app.use(protection.middleware())
      app.get('/other', () => Promise.reject(new Error('mine')))
      app.get('/inner', async () => Cancelable.run((cancel) => cancel.sleep('1h'), { timeout: 5, parent: null }))
      app.get('/wrapped', async () => {
        await Cancelable.run((cancel) => cancel.sleep('1h'), { timeout: 5 }).catch((cause: unknown) => {
          throw new Error('the query failed', { cause })
        })
      })
    })
    expect(await get(port, '/other')).toMatchObject({ status: 500, body: 'from the application' })
    expect((await get(port, '/inner')).status).toBe(504)
    expect((await get(port, '/wrapped')).status).toBe(504)
    expect(seen).toEqual(['mine'])
  })
})
