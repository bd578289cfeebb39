/** The open pages: each has a stream of events, and gets what it has missed if it was slow. */
import type { ServerResponse } from 'node:http'
import { realNow } from '../../base/clock.js'

/** Bytes that may wait for a page that does not read. */
const MAX_WAITING_BYTES = 2 ** 20
/** In milliseconds: how long a page may take to read what waits. */
const LONGEST_BLOCK_MS = 10_000
/** In milliseconds: proxies close what is silent. */
const HEARTBEAT_MS = 15_000
/** In milliseconds: when a browser connects again. */
const RETRY_MS = 2000

/** What a page has got. */
export interface Position {
  /** Samples that the page has. */
  readonly count: number
  /** The columns that it has them of. */
  readonly version: number
}

export class Client {
  readonly #response: ServerResponse
  /** Undefined before the first event. */
  position: Position | undefined
  /** Whether something was sent to others while it did not read. */
  hasMissed = false
  #blockedAt: number | undefined
  #wroteAt = realNow()

  constructor(response: ServerResponse, position: Position | undefined) {
    this.#response = response
    this.position = position
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' })
    response.on('drain', () => (this.#blockedAt = undefined))
    this.#write(`retry: ${RETRY_MS}\n\n`)
  }

  /** Whether it has read what it got. */
  get isReady(): boolean {
    return this.#blockedAt === undefined
  }

  /** Whether it does not read. */
  get isStuck(): boolean {
    return this.#blockedAt !== undefined && realNow() - this.#blockedAt > LONGEST_BLOCK_MS
  }

  /** @param event the whole event as text, without its id */
  send(event: string, id: string, position: Position): void {
    this.position = position
    this.hasMissed = false
    this.#write(`id: ${id}\n${event}`)
  }

  /** Keeps a connection without events open. */
  beat(): void {
    if (this.isReady && realNow() - this.#wroteAt > HEARTBEAT_MS) this.#write(': still here\n\n')
  }

  end(event: string): void {
    this.#response.end(event)
  }

  drop(): void {
    this.#response.destroy()
  }

  #write(text: string): void {
    this.#wroteAt = realNow()
    if (!this.#response.write(text)) this.#blockedAt ??= realNow()
    if (this.#response.writableLength > MAX_WAITING_BYTES) this.drop()
  }
}

/** An event in the format of server-sent events. JSON has no line ends. */
export function toEvent(name: string, json: string): string {
  return `event: ${name}\ndata: ${json}\n\n`
}
