// A JSON body that is too large. JSON.parse is one call into V8 that looks for no interrupt: nothing ends it early, neither
// preemptible() nor the timeout of node:vm. So its input is bounded: what is too large is refused before it is parsed. Where
// the bound is missing, a guard names the line that blocked.
//
//   node examples/blocked/json.js
import { once } from 'node:events'
import { createServer } from 'node:http'
import { basename } from 'node:path'
import { guard } from 'tripline'

/** Bytes. JSON.parse takes some 10 ms for them. */
const LIMIT = 1_000_000

/** Returns undefined for a body that is too large, and keeps none of it. */
async function readBody(request) {
  const chunks = []
  let size = Number(request.headers['content-length'] ?? 0)
  if (size > LIMIT) return void request.resume()
  size = 0
  for await (const chunk of request) {
    size += chunk.length
    // Many clients read no answer before they have sent everything, so the rest is read too.
    if (size > LIMIT) chunks.length = 0
    else chunks.push(chunk)
  }
  return size > LIMIT ? undefined : Buffer.concat(chunks).toString()
}

function sumOf(text) {
  let sum = 0
  for (const { amount } of JSON.parse(text)) sum += amount
  return sum
}

async function answer(request) {
  try {
    const text = await readBody(request)
    if (text === undefined) return [413, `more than ${LIMIT} bytes`]
    return [200, `sum ${sumOf(text)}`]
  } catch {
    return [400, 'no list of amounts']
  }
}

const server = createServer((request, response) => {
  void answer(request).then(([status, body]) => response.writeHead(status).end(body))
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')

const bodyOf = (rows) => `[${'{"amount":1},'.repeat(rows - 1)}{"amount":1}]`

/** Sends a body of unknown length, as `Transfer-Encoding: chunked`. */
const inChunks = (text) => new Blob([text]).stream()

const bodies = {
  'three rows': bodyOf(3),
  'too large': bodyOf(100_000),
  'too large, length not given': inChunks(bodyOf(100_000)),
  'three rows again': bodyOf(3),
}
for (const [name, body] of Object.entries(bodies)) {
  const url = `http://127.0.0.1:${server.address().port}`
  const response = await fetch(url, { method: 'POST', body, duplex: 'half' })
  console.log(`${name}: ${response.status} ${await response.text()}`)
}
server.close()
server.closeAllConnections()

// Without the bound: the body grows until the event loop is blocked for longer than the limit. The stack is taken when
// JSON.parse returns, so the line is the one that called it, or the next that V8 can interrupt.
const loop = guard({ 'eventLoop.delay': { above: '100ms', stack: true } })
const lines = []
loop.on('breach', ({ stack = [] }) => lines.push(...stack.filter((frame) => frame.function === 'sumOf')))
for (let rows = 500_000; lines.length === 0; rows = Math.min(rows * 2, 8_000_000)) {
  sumOf(bodyOf(rows))
  await new Promise((resolve) => setTimeout(resolve, 50))
}
loop.close()
const [{ function: name, file, line }] = lines
console.log(`blocked in ${name} (${basename(file)}:${line})`)
