/** Usage errors, exit statuses, and messages to stderr. */
import { writeSync } from 'node:fs'
import { printable, printableLines } from '../base/printable.js'
import { EXIT } from '../run/status.js'

export { EXIT } from '../run/status.js'

/** Wrong usage, with exit status 125. The first line says what is wrong; others show the place. */
export class UsageError extends Error {
  readonly lines: readonly string[]

  constructor(...lines: readonly string[]) {
    super(lines.join('\n'))
    this.lines = lines
  }
  static {
    this.prototype.name = 'UsageError'
  }
}

/** Thrown if `--help` is among the options of a verb. */
export class HelpWanted extends Error {
  static {
    this.prototype.name = 'HelpWanted'
  }
}

let listening = false

/** Ends the process when stdout fails: without an error if its reader closed it (`| head`), with one for a full disk. */
export function watchStdout(): void {
  if (listening) return
  listening = true
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok)
    say(`cannot write to stdout: ${error.message}`)
    process.exit(EXIT.failure)
  })
}

/** Writes the requested output to stdout, with control characters escaped. */
export function print(text: string): void {
  printRaw(printableLines(text))
}

/** Writes text to stdout whose parts from outside were escaped before. */
export function printRaw(text: string): void {
  watchStdout()
  process.stdout.write(text)
}

/** Writes one line with the prefix `tripline: ` to stderr, synchronously. */
export function say(text: string): void {
  sayPlainly(`tripline: ${text}`)
}

/** Writes one line to stderr, synchronously, with control characters escaped. A closed stderr is ignored. */
export function sayPlainly(text: string): void {
  try {
    writeSync(2, `${printable(text)}\n`)
  } catch {
    // stderr is closed, or a pipe without a reader.
  }
}
