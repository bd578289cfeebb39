/** Usage errors, exit statuses, and messages to stderr. */
import { writeSync } from 'node:fs'
import { EXIT } from '../run/status.js'

export { EXIT } from '../run/status.js'

/** Bad usage: one clear line, exit status 125. */
export class UsageError extends Error {
  static {
    this.prototype.name = 'UsageError'
  }
}

/** `--help` among the options of a verb. */
export class HelpWanted extends Error {
  static {
    this.prototype.name = 'HelpWanted'
  }
}

let listening = false

/** Ends the process when the reader of stdout closes it (`| head`), which is no failure; a full disk is one. */
export function watchStdout(): void {
  if (listening) return
  listening = true
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok)
    say(`cannot write to stdout: ${error.message}`)
    process.exit(EXIT.failure)
  })
}

/** Writes the requested output to stdout. */
export function print(text: string): void {
  watchStdout()
  process.stdout.write(text)
}

/** Writes one line with the prefix `tripline: ` to stderr, synchronously. */
export function say(text: string): void {
  sayPlainly(`tripline: ${text}`)
}

/** Writes one line to stderr, synchronously. A closed stderr is ignored. */
export function sayPlainly(text: string): void {
  try {
    writeSync(2, `${text}\n`)
  } catch {
    // Closed, or a pipe without a reader.
  }
}
