// A protected web server for the load test. Each request runs an operation with a time limit, a guard and a token, and the server
// keeps a book of how each ended. Usage: node server.mjs '{ "limits": {...}, "package": "…/dist" }', with an IPC channel.
//
// Messages: `state`, `books`, `release` (the requests that wait for it complete), `cancel N` (cancels the Nth token), `close`.
import { createHash } from 'node:crypto'
import { subscribe } from 'node:diagnostics_channel'
import { createServer } from 'node:http'

const { limits, package: folder } = JSON.parse(process.argv[2])
const { Cancelable, CancelationError, CancelationToken, guard, rootCause } = await import(`${folder}/index.js`)
const { isClientGone, protect, statusOf } = await import(`${folder}/http.js`)
const { registry } = await import(`${folder}/registry.js`)

/** `[id, what, details]` in the order in which it happened: `admitted`, `refused`, or how it ended. */
const book = []
const guardEvents = []
const unhandled = []
let peak = 0
let isReleased = false

const note = (id, what, details = {}) => void book.push([id, what, { now: performance.now(), ...details }])

process.on('unhandledRejection', (error) => unhandled.push(String(error)))
process.on('uncaughtException', (error) => unhandled.push(String(error)))
subscribe('tripline:error', ({ error }) => unhandled.push(String(error)))
registry.trackAll()

const watched = guard(limits, { name: 'load' })
watched.on('breach', ({ metric, value, at }) => {
  guardEvents.push({ event: 'breach', metric, value, at, now: performance.now() })
})
watched.on('clear', () => guardEvents.push({ event: 'clear', now: performance.now() }))
watched.on('unavailable', (error) =>
  guardEvents.push({ event: 'unavailable', why: error.message, now: performance.now() }),
)

const tokens = [0, 1, 2].map(() => new CancelationToken())
const web = protect({ resources: watched, onRefused: (request) => note(parametersOf(request).get('id'), 'refused') })

function parametersOf(request) {
  return new URL(request.url, 'http://localhost').searchParams
}

/** How an operation ended, as the client gets it. */
function describe(error) {
  const reason = rootCause(error.reason)
  if (reason.kind === 'resource') {
    const { metric, value, limit, direction, at } = reason.breach
    return { kind: 'resource', metric, value, limit, direction, at }
  }
  return { kind: isClientGone(reason) ? 'gone' : reason.kind }
}

const server = createServer(
  web.handler(async (request, response, cancel) => {
    const parameters = parametersOf(request)
    const id = parameters.get('id')
    const until = parameters.get('until')
    note(id, 'admitted', { breached: watched.isBreached })
    peak = Math.max(peak, web.stats.active)
    const token = tokens[Number(parameters.get('token') ?? 2)]
    try {
      await Cancelable.run(
        async (operation) => {
          for (let turn = 0; until === 'turns' ? turn < 3 : !(until === 'release' && isReleased); turn++) {
            createHash('sha256').update(Buffer.alloc(4096, turn)).digest()
            await operation.sleep(250)
          }
        },
        {
          parent: cancel,
          timeout: parameters.get('timeout') ?? '5m',
          resources: watched,
          token,
          name: `request ${id}`,
        },
      )
    } catch (error) {
      if (!CancelationError.is(error)) throw error
      const how = describe(error)
      note(id, how.kind, how)
      if (how.kind === 'gone') return
      response.statusCode = statusOf(error.reason)
      response.end(JSON.stringify(how))
      return
    }
    note(id, 'done')
    response.end(JSON.stringify({ kind: 'done' }))
  }),
)

const state = () => ({ stats: web.stats, peak, breached: watched.isBreached, breaches: watched.breachCount })

process.on('message', ({ ask, number, call }) => {
  const reply = (answer) => process.send({ call, answer })
  if (ask === 'state') return reply(state())
  if (ask === 'release') return reply(void (isReleased = true))
  if (ask === 'cancel') return reply(tokens[number].cancel(`load test ${number}`))
  if (ask === 'books') {
    const open = { operations: web.operations.length, registered: registry.size }
    return reply({ book, guardEvents, unhandled, open, ...state() })
  }
  server.close()
  server.closeAllConnections()
  web.close()
  watched.close()
  return process.disconnect()
})

server.listen({ port: 0, host: '127.0.0.1', backlog: 2048 }, () => process.send({ port: server.address().port }))
