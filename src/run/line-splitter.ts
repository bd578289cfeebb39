/** Splits a command's stderr into the lines that are recorded. */
import { NOTE_TEXT } from '../record/format.js'

const NEWLINE = 10
const CARRIAGE_RETURN = 13

/** Passes on the last lines of each chunk, cut to what is recorded. */
export class LineSplitter {
  readonly #max: number
  readonly #found: (line: string) => void
  #rest = Buffer.alloc(0)

  constructor(max: number, found: (line: string) => void) {
    this.#max = max
    this.#found = found
  }

  take(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const lines: Buffer[] = []
    let from = 0
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
      // More would only replace each other.
      if (lines.length === this.#max) lines.shift()
      lines.push(bytes.subarray(from, end))
      from = end + 1
    }
    for (const line of lines) this.#pass(line)
    // A copy, of what is recorded: the rest of a long line need not be kept.
    this.#rest = Buffer.from(bytes.subarray(from, from + NOTE_TEXT + 1))
  }

  flush(): void {
    if (this.#rest.length > 0) this.#pass(this.#rest)
    this.#rest = Buffer.alloc(0)
  }

  #pass(line: Buffer): void {
    const end = line.at(-1) === CARRIAGE_RETURN ? line.length - 1 : line.length
    this.#found(new TextDecoder().decode(line.subarray(0, Math.min(end, NOTE_TEXT))))
  }
}
