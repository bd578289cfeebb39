// A server that refuses requests before it drowns, stops working for clients that are gone, and ends without cutting any off.
//
//   node examples/web/main.js [PORT]
import { createServer } from 'node:http'
import { gracefulShutdown, protect } from 'tripline/http'

const web = protect({
  resources: { 'eventLoop.delay': '300ms', memory: 95 },
  timeout: '10s',
  routes: { '/report': { timeout: '2s', priority: 'low' } },
  readiness: '/ready',
  liveness: '/live',
})

/** Pretends to query a database, one row at a time. */
async function* rows(count) {
  for (let row = 1; row <= count; row++) {
    await new Promise((resolve) => setTimeout(resolve, 10))
    yield `row ${row}\n`
  }
}

const server = createServer(
  web.handler(async (request, response, cancel) => {
    cancel.onCancel(({ message }) => console.log(`${cancel.context.name}: ${message}`))
    const { pathname, searchParams } = new URL(request.url, 'http://localhost')
    if (pathname !== '/report') return response.end('try /report?rows=50, /ready, /live\n')
    const lines = []
    for await (const row of cancel.stream(rows(Number(searchParams.get('rows') ?? 5)))) lines.push(row)
    response.end(lines.join(''))
  }),
)
web.attach(server)

const shutdown = gracefulShutdown(server, { delay: '100ms', deadline: '5s' })
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`)
})

const { signal, completed, canceled } = await shutdown.done
console.log(`${signal}: ${completed} completed, ${canceled} canceled`)
web.close()
