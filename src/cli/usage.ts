/** Exit statuses, the error of somebody who called us wrongly, and our lines on stderr. */
import { writeSync } from 'node:fs'

/** Exit statuses of our own; everything else is the command's, untouched. */
export const EXIT = {
  ok: 0,
  /** Never started: what `--start-when` waits for did not come. */
  notStarted: 122,
  /** Ended because a resource limit was crossed. */
  limit: 123,
  /** Ended because its time was up, as timeout(1). */
  timeout: 124,
  /** Our own failure, or wrong usage. */
  failure: 125,
  /** The command was found and could not be run. */
  notExecutable: 126,
  notFound: 127,
  /** With `--gnu-status`: it had to be killed. */
  killed: 137,
} as const

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

/** A reader of stdout that has had enough (`| head`) ends us, and is no failure; a full disk is one. */
export function heedStdout(): void {
  if (listening) return
  listening = true
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok)
    say(`cannot write to stdout: ${error.message}`)
    process.exit(EXIT.failure)
  })
}

/** What was asked for, on stdout. */
export function print(text: string): void {
  heedStdout()
  process.stdout.write(text)
}

/** A line of ours on stderr at once. */
export function say(text: string): void {
  sayPlainly(`tripline: ${text}`)
}

/** A line on stderr at once. That nobody reads it is no reason to fail. */
export function sayPlainly(text: string): void {
  try {
    writeSync(2, `${text}\n`)
  } catch {
    // Closed, or a pipe whose reader has gone.
  }
}
