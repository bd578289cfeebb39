/** Reads text word by word, and points a caret at the place where it cannot go on. */
import { allowedBy, ExpressionError } from '../base/errors.js'
import { replaceUnprintable } from '../base/printable.js'

// How an argument error begins that refuses an option as such; the reason follows.
const LEFT_OUT = 'left out: '

export class Reader {
  readonly #what: 'metric' | 'limit'
  readonly #given: string
  // With blanks for all white space: the caret is in the right place only if every character is one column wide.
  readonly #text: string
  at: number

  /** @param at where reading begins; the text before that is only shown in errors */
  constructor(what: 'metric' | 'limit', text: string, at: number = 0) {
    this.#what = what
    this.#given = text
    this.#text = text.replaceAll(/\s/g, ' ')
    this.at = at
    this.#skipSpace()
  }

  get next(): string | undefined {
    return this.#text[this.at]
  }

  get done(): boolean {
    return this.at >= this.#text.length
  }

  /** The next word that matches `pattern`, which must be sticky. */
  take(pattern: RegExp, expected: string): { text: string; at: number } {
    pattern.lastIndex = this.at
    const match = pattern.exec(this.#text)
    if (match === null) throw this.error(this.at, `expected ${expected}`)
    const at = this.at
    this.at = pattern.lastIndex
    this.#skipSpace()
    // Names of folders may have white space of every kind.
    return { text: this.#given.slice(at, at + match[0].length), at }
  }

  /** Runs `parse`, and points at `at` if it throws. */
  check<T>(at: number, parse: () => T): T {
    try {
      return parse()
    } catch (error) {
      throw this.error(at, withoutOptionName(error))
    }
  }

  error(at: number, message: string): ExpressionError {
    const shown = replaceUnprintable(this.#text, () => '\uFFFD')
    return new ExpressionError(`This ${this.#what} cannot be read: ${message}`, `  ${shown}`, `  ${' '.repeat(at)}^`)
  }

  #skipSpace(): void {
    while (this.#text[this.at] === ' ') this.at++
  }
}

/** What an error says without the name of the library's option, because the text does not contain that. */
function withoutOptionName(error: unknown): string {
  const allowed = allowedBy(error)
  if (allowed === undefined) return error instanceof Error ? error.message : String(error)
  return allowed.startsWith(LEFT_OUT) ? allowed.slice(LEFT_OUT.length) : `expected ${allowed}`
}
