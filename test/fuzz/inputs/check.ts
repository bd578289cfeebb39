/** What all targets check: an input is read, or refused by an error that has a code and can be printed. */

/** Something that must never happen, whatever the input is. */
export class Broken extends Error {}

export function require(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Broken(what)
}

const CODE = /^ERR_[A-Z_]+$/
// The control characters but line ends, and those that reorder text.
const UNPRINTABLE = /[\p{Cc}\u061C\u200E\u200F\u2028-\u202E\u2066-\u206F]/u

/** Whether a terminal shows a text as it is. */
export function isPlain(text: string): boolean {
  return !UNPRINTABLE.test(text.replaceAll('\n', ''))
}

/** The result, or undefined if the input was refused as it should be. Anything else that is thrown is a failure. */
export function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    checkRefusal(error)
    return undefined
  }
}

/** The same of a promise. */
export async function attemptLater<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    checkRefusal(error)
    return undefined
  }
}

function checkRefusal(error: unknown): void {
  if (error instanceof Broken || !(error instanceof Error)) throw error
  const { code, message } = error as NodeJS.ErrnoException
  if (code === undefined || !CODE.test(code)) throw error
  require(message !== '' && message.length < 20_000, `the message has ${message.length} characters`)
}

/** Takes parts from the front of an input; what has ended yields nothing. */
export class Parts {
  #rest: Buffer

  constructor(input: Uint8Array) {
    this.#rest = Buffer.from(input.buffer, input.byteOffset, input.byteLength)
  }

  get done(): boolean {
    return this.#rest.length === 0
  }

  /** A whole number from 0 to `most`, which is at most 65535. */
  number(most: number): number {
    const bytes = this.#take(most > 255 ? 2 : 1)
    return bytes.length === 0 ? 0 : bytes.readUIntBE(0, bytes.length) % (most + 1)
  }

  /** Up to the next separator. */
  text(separator: string = '\n'): string {
    return this.bytes(separator).toString()
  }

  bytes(separator: string = '\n'): Buffer {
    const end = this.#rest.indexOf(separator)
    if (end < 0) return this.#take(this.#rest.length)
    const bytes = this.#take(end)
    this.#take(separator.length)
    return bytes
  }

  rest(): Buffer {
    return this.#take(this.#rest.length)
  }

  #take(size: number): Buffer {
    const taken = this.#rest.subarray(0, size)
    this.#rest = this.#rest.subarray(size)
    return taken
  }
}

/** JSON as far as it is some. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
