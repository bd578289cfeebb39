// A server for the bench, in a process of its own: node bench/web/server.js FRAMEWORK PROTECTION WORK
// It sends its port to the parent; to any message it answers with what it has used so far.
import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const [framework, protection, work] = process.argv.slice(2)

/** A limit on how late the event loop is; out of reach where only the cost of a request is measured. */
const LATE = work === 'heavy' ? 150 : 100_000
/** The options with which under-pressure refuses anything here: a mean over a second seldom gets that late. */
const PRESSURE = {
  maxEventLoopDelay: LATE,
  ...(work === 'heavy' && { maxEventLoopUtilization: 0.98, eventLoopUtilizationMode: 'interval' }),
}

/** What a request does: computes, holds memory while it waits for something else, and computes again. */
async function heavy() {
  spin(1.5)
  const held = Buffer.alloc(256 * 1024, 1)
  await sleep(20)
  spin(1.5)
  return { hello: 'world', held: held.length }
}

function spin(ms) {
  for (const end = performance.now() + ms; performance.now() < end;);
}

const handle = work === 'heavy' ? heavy : () => ({ hello: 'world' })

async function fastify() {
  const { default: Fastify } = await import('fastify')
  const app = Fastify()
  if (protection === 'under-pressure') {
    const { default: underPressure } = await import('@fastify/under-pressure')
    await app.register(underPressure, PRESSURE)
  } else if (protection !== 'none') {
    const { protectFastify, underPressure } = await import('../../dist/fastify.js')
    if (protection === 'stand-in') await app.register(underPressure, PRESSURE)
    else await app.register(protectFastify, { resources: { 'eventLoop.delay': LATE } })
  }
  app.get('/', handle)
  await app.listen({ port: 0, host: '127.0.0.1' })
  return app.server
}

function respond(response, value) {
  const text = JSON.stringify(value)
  response.setHeader('Content-Type', 'application/json')
  response.setHeader('Content-Length', text.length)
  response.end(text)
}

function handleBare(_, response) {
  respond(response, handle())
}

async function plain() {
  const { protect } = await import('../../dist/http.js')
  const web = protect(protection === 'none' ? {} : { resources: { 'eventLoop.delay': LATE }, timeout: '30s' })
  const server = createServer(protection === 'none' ? handleBare : web.handler(handleBare))
  await new Promise((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return server
}

const server = await (framework === 'fastify' ? fastify() : plain())
process.send({ port: server.address().port })
process.on('message', () => {
  globalThis.gc?.()
  const { user, system } = process.cpuUsage()
  const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024
  process.send({ cpu: user + system, peak, heap: process.memoryUsage().heapUsed })
})
