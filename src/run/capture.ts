/** Keeps the output of a command, up to a limit. */
import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'

/** A string after the caller has called `setEncoding()`. */
export type Chunk = Buffer | string

export function bytesOf(chunk: Chunk): Buffer {
  return typeof chunk === 'string' ? Buffer.from(chunk) : chunk
}

export class Capture {
  readonly #chunks: Buffer[] = []
  readonly #most: number
  readonly #onOverflow: () => void
  #size = 0
  #truncated = false

  /** @param onOverflow called once, when there is more output than `most` bytes */
  constructor(stream: Readable, most: number, onOverflow: () => void) {
    this.#most = most
    this.#onOverflow = onOverflow
    // What comes after an overflow is read too: otherwise the command could not go on to its end.
    stream.on('data', (chunk: Chunk) => this.#add(bytesOf(chunk)))
  }

  get truncated(): boolean {
    return this.#truncated
  }

  /** What was kept so far. */
  get chunks(): readonly Buffer[] {
    return this.#chunks
  }

  /** Without a character that was cut off by the limit. */
  get text(): string {
    const all = Buffer.concat(this.#chunks)
    return this.#truncated ? new StringDecoder('utf8').write(all) : all.toString()
  }

  #add(chunk: Buffer): void {
    const room = this.#most - this.#size
    if (room > 0) this.#chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk)
    this.#size += Math.min(room, chunk.length)
    if (chunk.length <= room || this.#truncated) return
    this.#truncated = true
    this.#onOverflow()
  }
}
