/** Exit statuses and the error of somebody who called us wrongly. */

/** Exit statuses of our own; everything else is the command's, untouched. */
export const EXIT = {
  ok: 0,
  /** Ended because a resource limit was crossed. */
  limit: 123,
  /** Ended because its time was up, as timeout(1). */
  timeout: 124,
  /** Our own failure, or wrong usage. */
  failure: 125,
  /** The command was found and could not be run. */
  notExecutable: 126,
  notFound: 127,
  /** Plus the number of the signal that the command died of. */
  signalBase: 128,
} as const

/** Bad usage: one clear line, exit status 125. */
export class UsageError extends Error {
  static {
    this.prototype.name = 'UsageError'
  }
}
