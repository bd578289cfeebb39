/** A server under a load generator: it refuses, recovers, and retains nothing. The server is a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process'
import autocannon from 'autocannon'
import { describe, expect, it } from 'vitest'
import { PACKAGE } from '../../helpers/child.js'
import { afterTest, get, rawClient, untilStatus } from './helpers.js'

const HTTP = PACKAGE.replace('index.js', 'http.js')

/** Starts a program with a `server`; it prints what it is asked for by a message. */
async function start(source: string): Promise<{ port: number; child: ChildProcess }> {
  const text = `
    import { createServer } from 'node:http'
    import { protect } from ${JSON.stringify(HTTP)}
    ${source}
    server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
    process.on('message', () => {
      gc()
      process.send({ heap: process.memoryUsage().heapUsed, stats: web.stats })
    })`
  const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', text], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  afterTest(() => child.kill('SIGKILL'))
  const { port } = await message<{ port: number }>(child)
  return { port, child }
}

function message<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve) => void child.once('message', (sent) => resolve(sent as T)))
}

interface Measured {
  readonly heap: number
  readonly stats: { admitted: number; refused: { low: number; normal: number }; active: number; gone: number }
}

function measure(child: ChildProcess): Promise<Measured> {
  const measured = message<Measured>(child)
  child.send('measure')
  return measured
}

describe('an overloaded server', () => {
  it('refuses a part of the requests, and admits all of them afterwards', async () => {
    const { port, child } = await start(`
      const web = protect({ resources: { 'eventLoop.delay': '100ms' }, routes: { '/low': { priority: 'low' } } })
      const server = createServer(web.handler((request, response) => {
        for (const end = performance.now() + 10; performance.now() < end;);
        response.end('ok')
      }))`)
    const load = { connections: 40, duration: 3, url: `http://127.0.0.1:${port}` }
    const [normal, low] = await Promise.all([autocannon(load), autocannon({ ...load, url: `${load.url}/low` })])
    for (const { errors, timeouts } of [normal, low]) expect([errors, timeouts]).toEqual([0, 0])
    // On a busy machine perhaps none of the low ones.
    expect(normal['2xx'] + low['2xx']).toBeGreaterThan(0)
    expect(normal.non2xx).toBeGreaterThan(0)
    expect(low.non2xx).toBeGreaterThan(0)
    await untilStatus(port, '/', 200)
    // Only those that the generator left at its end have clients that went away.
    const { stats } = await measure(child)
    expect(stats.refused.normal + stats.refused.low).toBeGreaterThanOrEqual(normal.non2xx + low.non2xx)
    expect(stats.gone).toBeLessThanOrEqual(80)
  })

  it('refuses what has waited while the event loop was blocked', async () => {
    const { port } = await start(`
      const web = protect({ resources: { 'eventLoop.delay': { above: '100ms', clearFor: '1s' } } })
      const server = createServer(web.handler((request, response) => {
        if (request.url === '/block') for (const end = performance.now() + 500; performance.now() < end;);
        response.end('ok')
      }))`)
    let client: Awaited<ReturnType<typeof rawClient>>
    let status: number
    do {
      // On a busy machine, the one that blocks may be refused.
      await untilStatus(port, '/', 200)
      const block = get(port, '/block')
      // Has been written to the kernel while the loop is blocked, or comes soon after.
      client = await rawClient(port)
      status = (await block).status
    } while (status === 503)
    expect(status).toBe(200)
    client.socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(await client.until(/\r\n\r\n/)).toMatch(/^HTTP\/1\.1 503 /)
    await untilStatus(port, '/', 200)
  })
})

describe('many requests', () => {
  it('leave nothing behind, whether or not their clients waited for the answer', async () => {
    const { port, child } = await start(`
      const web = protect({ timeout: '1h', resources: { memory: 100 }, readiness: '/ready' })
      const server = createServer(web.handler((request, response) => {
        if (request.url !== '/gone') response.end('ok')
      }))`)
    const load = { connections: 10, pipelining: 4, url: `http://127.0.0.1:${port}` }
    await autocannon({ ...load, amount: 5000 })
    const before = await measure(child)
    const { errors } = await autocannon({ ...load, amount: 40_000 })
    expect(errors).toBe(0)
    for (let i = 0; i < 50; i++) {
      const client = await rawClient(port, 'GET /gone HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(3))
      await get(port, '/ready')
      client.socket.destroy()
    }
    let after = await measure(child)
    while (after.stats.active > 0) after = await measure(child)
    expect(after.stats.admitted).toBeGreaterThanOrEqual(45_000)
    // The heap of Node itself varies by some hundred kilobytes; 20 bytes for each request would be more than this.
    expect(after.heap - before.heap).toBeLessThan(800_000)
  })

  it('that never end their headers take no operation, and time out by the server', async () => {
    const { port, child } = await start(`
      const web = protect()
      const server = createServer({ headersTimeout: 200, requestTimeout: 200, connectionsCheckingInterval: 50 }, web.handler((_, response) => response.end('ok')))`)
    const slow = await Promise.all(
      Array.from({ length: 20 }, () => rawClient(port, 'GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ')),
    )
    expect((await get(port)).status).toBe(200)
    const answers = await Promise.all(slow.map(({ until }) => until(/\r\n\r\n/)))
    expect(answers.every((each) => each.startsWith('HTTP/1.1 408'))).toBe(true)
    expect((await measure(child)).stats).toMatchObject({ admitted: 1, active: 0 })
  })
})
