/** The lines of a command's output, as they come. */
import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import { bytesOf, type Chunk } from './capture.js'

export interface LineSource {
  readonly stream: Readable
  /** What was read from the stream before. */
  readonly before: readonly Buffer[]
  /** The longest line, in UTF-16 code units; the rest of a longer one is dropped. */
  readonly most: number
  /** Called for each line that is longer. */
  readonly onOverflow: () => void
  /** Whether something else reads the stream too, so that it goes on when nothing asks for lines any more. */
  readonly isShared: boolean
  /** Whether the command was started, once that is known. */
  readonly hasStarted: Promise<boolean>
  /** Rejects if the run fails. */
  readonly ended: Promise<unknown>
}

/** Splits a stream into lines. Reads no further while lines are waiting to be taken, which holds the command back. */
export class LineReader {
  readonly #source: LineSource
  readonly #decoder = new StringDecoder('utf8')
  readonly #onData = (chunk: Chunk): void => this.#take(bytesOf(chunk))
  readonly #onClose = (): void => this.#end()
  #lines: string[] = []
  #rest = ''
  #cut = false
  #isOver = false
  /** Whether it reads on although lines are waiting. */
  #hurries = false
  #wake: (() => void) | undefined

  constructor(source: LineSource) {
    this.#source = source
    const { stream, before } = source
    for (const chunk of before) this.#split(this.#decoder.write(chunk))
    if (stream.readableEnded || stream.destroyed) {
      this.#end()
      return
    }
    stream.on('data', this.#onData)
    stream.once('end', this.#onClose)
    stream.once('close', this.#onClose)
    if (this.#lines.length > 0) stream.pause()
  }

  async *read(): AsyncGenerator<string, void, undefined> {
    const { stream, isShared, hasStarted, ended } = this.#source
    try {
      for (;;) {
        const lines = this.#lines
        this.#lines = []
        yield* lines
        if (this.#lines.length > 0) continue
        if (this.#isOver) break
        await new Promise<void>((resolve) => {
          this.#wake = resolve
          stream.resume()
        })
      }
      // If it was closed before its end, the stream was destroyed.
      if (!stream.readableEnded || !(await hasStarted)) await ended
    } finally {
      this.#detach()
      if (isShared) stream.resume()
      else stream.destroy()
    }
  }

  /** From now on, everything is read at once: no process is left that could be held back. */
  hurry(): void {
    this.#hurries = true
    if (!this.#isOver) this.#source.stream.resume()
  }

  #take(chunk: Buffer): void {
    this.#split(this.#decoder.write(chunk))
    if (this.#lines.length === 0) return
    if (!this.#hurries) this.#source.stream.pause()
    this.#notify()
  }

  #split(text: string): void {
    const parts = text.split('\n')
    const last = parts.pop()!
    for (const part of parts) {
      this.#append(part)
      const isWhole = !this.#cut && this.#rest.endsWith('\r')
      this.#lines.push(isWhole ? this.#rest.slice(0, -1) : this.#rest)
      this.#rest = ''
      this.#cut = false
    }
    this.#append(last)
  }

  #append(text: string): void {
    if (this.#cut) return
    this.#rest += text
    // The end of a line may still be part of it.
    if (this.#rest.length - (this.#rest.endsWith('\r') ? 1 : 0) <= this.#source.most) return
    this.#rest = this.#rest.slice(0, this.#source.most)
    this.#cut = true
    this.#source.onOverflow()
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#split(this.#decoder.end())
    if (this.#rest !== '') this.#lines.push(this.#rest)
    this.#notify()
  }

  #notify(): void {
    this.#wake?.()
    this.#wake = undefined
  }

  #detach(): void {
    const { stream } = this.#source
    stream.off('data', this.#onData)
    stream.off('end', this.#onClose)
    stream.off('close', this.#onClose)
  }
}
