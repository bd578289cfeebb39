// The client of the load test: starts the server, sends requests, and keeps a book of what came back.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, get } from 'node:http'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { root } from '../../scripts/lib/cxx.js'

/** As many requests are sent at once, then there is a pause, in milliseconds: sending alone must not take the processors. */
export const AT_ONCE = 50
export const PAUSE = 50
/** After so long something is surely stuck. In milliseconds. */
const STUCK = 90_000

/** Waits for something, which may take long on a busy machine. */
export async function until(what, condition) {
  const end = performance.now() + STUCK
  for (;;) {
    const value = await condition()
    if (value) return value
    if (performance.now() > end) throw new Error(`waited without an end for ${what}`)
    await delay(PAUSE)
  }
}

/** The server, a process of its own. */
export class Server {
  #child
  #calls = new Map()
  #number = 0
  #hasEnded = false

  /** `node`: the program and the words before it, such as a command that changes the scheduling. */
  static async start(limits, [command, ...words] = [process.execPath]) {
    const server = new Server()
    const settings = JSON.stringify({ limits, package: pathToFileURL(path.join(root, 'dist')).href })
    server.#child = spawn(command, [...words, path.join(root, 'test/load/server.mjs'), settings], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    })
    const [{ port }] = await Promise.race([
      once(server.#child, 'message'),
      once(server.#child, 'exit').then(([status, signal]) => {
        throw new Error(`the server did not start: ${signal ?? status}`)
      }),
    ])
    server.port = port
    server.#child.on('message', ({ call, answer }) => {
      server.#calls.get(call)?.resolve(answer)
      server.#calls.delete(call)
    })
    server.#child.on('exit', (status, signal) => {
      server.#hasEnded = true
      for (const { reject } of server.#calls.values()) reject(new Error(`the server has ended: ${signal ?? status}`))
    })
    return server
  }

  get pid() {
    return this.#child.pid
  }

  ask(what, more = {}) {
    const call = ++this.#number
    return new Promise((resolve, reject) => {
      if (this.#hasEnded) return reject(new Error('the server has ended'))
      this.#calls.set(call, { resolve, reject })
      return this.#child.send({ ask: what, call, ...more }, (error) => error && reject(error))
    })
  }

  async close() {
    this.#child.send({ ask: 'close' }, () => undefined)
    const [status, signal] = await once(this.#child, 'exit')
    if (status !== 0) throw new Error(`the server ended with ${signal ?? status}`)
  }

  kill() {
    this.#child.kill('SIGKILL')
  }
}

/** Asks the server over and over, until it ends: how long it needed for an answer at most. */
export class Pulse {
  /** In milliseconds. */
  slowest = 0

  constructor(server) {
    void this.#beat(server)
  }

  async #beat(server) {
    try {
      for (;;) {
        const asked = performance.now()
        await server.ask('state')
        this.slowest = Math.max(this.slowest, performance.now() - asked)
        await delay(50)
      }
    } catch {
      // The server has ended.
    }
  }

  /** Whether the server was seen to answer as late as its event loop was delayed. */
  confirms({ metric, limit }) {
    // An answer is asked for a little later than a delay begins.
    return metric === 'eventLoop.delay' && this.slowest > limit * 0.8
  }
}

/** Sends requests. Each has an id, and exactly one entry in `received` once it is over. */
export class Client {
  sent = []
  received = []
  #port
  #agent = new Agent({ maxSockets: Infinity })
  #leave = new Map()

  constructor(port) {
    this.#port = port
  }

  /** Sends one and resolves with its outcome. */
  send(group, parameters = {}) {
    const id = `${group}-${this.sent.length}`
    this.sent.push([id, group])
    return new Promise((resolve) => {
      let isOver = false
      const end = (outcome, details) => {
        // A second end of the same request is what the books are for.
        this.received.push([id, outcome, details])
        this.#leave.delete(id)
        if (!isOver) resolve(outcome)
        isOver = true
      }
      let hasLeft = false
      const fail = (error) => (hasLeft ? end('gone') : end(`error ${error.code ?? error.message}`))
      const query = new URLSearchParams({ id, ...parameters })
      const request = get(
        { host: '127.0.0.1', port: this.#port, path: `/?${query}`, agent: this.#agent },
        (response) => {
          let text = ''
          response.setEncoding('utf8').on('data', (chunk) => (text += chunk))
          response.on('error', fail).on('end', () => end(...outcomeOf(response.statusCode, text)))
        },
      )
      request.on('error', fail)
      this.#leave.set(id, () => {
        hasLeft = true
        request.destroy(new Error('left'))
      })
    })
  }

  /** Sends many, and does not wait for their outcomes. Resolves when as many are with the server. */
  async fill(server, count, group, parameters) {
    let accepted = (await server.ask('state')).stats.active
    const wanted = accepted + count
    await until(`${wanted} requests in flight`, async () => {
      const missing = Math.min(AT_ONCE, wanted - accepted)
      for (let i = 0; i < missing; i++) void this.send(group, parameters)
      await delay(PAUSE)
      const { sent } = this
      await until('answers or admissions', async () => {
        const { stats } = await server.ask('state')
        accepted = stats.active
        return stats.active + this.received.length >= sent.length || stats.active >= wanted
      })
      return accepted >= wanted
    })
  }

  /** Goes away from so many requests of a group. */
  leave(group, count) {
    const own = [...this.#leave].filter(([id]) => id.startsWith(`${group}-`)).slice(0, count)
    for (const [, leave] of own) leave()
  }

  /** How many have ended in a way. */
  count(outcome) {
    return this.received.filter(([, each]) => each === outcome).length
  }

  /** Resolves when every request is over. */
  async settled() {
    await until('the last outcome', () => this.#leave.size === 0)
    this.#agent.destroy()
  }
}

const STATUS = { done: 200, timeout: 504, manual: 503, resource: 503 }

function outcomeOf(status, text) {
  const { kind, metric, code } = JSON.parse(text)
  if (status === 503 && code === 'ERR_TRIPLINE_OVERLOADED') return ['refused']
  return STATUS[kind] === status ? [kind, { metric }] : [`status ${status} ${text}`]
}
