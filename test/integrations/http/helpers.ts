/** Servers and raw clients on loopback for the tests of the web integrations. */
import { once } from 'node:events'
import type { AddressInfo, Server as NetServer } from 'node:net'
import { connect, type Socket } from 'node:net'
import { afterEach } from 'vitest'

const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

/** Calls `close` after the test. */
export function afterTest(close: () => unknown): void {
  closers.push(close)
}

/** Starts a server on a free port of loopback, and returns the port. It is closed after the test. */
export async function listen(server: NetServer & { closeAllConnections?: () => void }): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  afterTest(() => {
    server.close()
    server.closeAllConnections?.()
  })
  return (server.address() as AddressInfo).port
}

/** A connection on which the test writes and reads bytes. */
export interface RawClient {
  readonly socket: Socket
  /** All that was received so far. */
  readonly text: () => string
  /** Resolves when the text matches, or the connection is closed. */
  readonly until: (pattern: RegExp) => Promise<string>
}

export async function rawClient(port: number, first = ''): Promise<RawClient> {
  const socket = connect(port, '127.0.0.1')
  afterTest(() => socket.destroy())
  let text = ''
  socket.on('data', (chunk) => (text += String(chunk)))
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  if (first !== '') socket.write(first)
  const until = (pattern: RegExp): Promise<string> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!pattern.test(text) && !socket.closed) return
        socket.off('data', look).off('close', look)
        resolve(text)
      }
      socket.on('data', look).on('close', look)
      look()
    })
  return { socket, text: () => text, until }
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: string
}

export async function get(port: number, path = '/', options: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, options)
  return { status: response.status, headers: response.headers, body: await response.text() }
}

/** Sends requests, one after the other, until one is answered with this status. */
export async function untilStatus(port: number, path: string, status: number): Promise<void> {
  const deadline = performance.now() + 100_000
  for (;;) {
    const answer = await get(port, path)
    if (answer.status === status) return
    if (performance.now() > deadline)
      throw new Error(`${path} was answered with ${answer.status}, never with ${status}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
