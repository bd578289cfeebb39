/** Exit statuses of `tripline run`. */

/** The statuses of `tripline` itself, which `RunResult.status` uses too; any other status is the command's own. */
export const EXIT = {
  ok: 0,
  /** Never started: the condition of `--start-when` did not hold in time, or what `--reserve` wants was not free in time. */
  notStarted: 122,
  /** Ended because a resource limit was crossed. */
  limit: 123,
  /** Ended because its time was up; the same status as that of timeout(1). */
  timeout: 124,
  /** Wrong usage, or a failure of tripline. */
  failure: 125,
  /** The command was found but could not be run. */
  notExecutable: 126,
  notFound: 127,
  /** Added to the number of the signal that the command died of. */
  signalBase: 128,
  /** With `--gnu-status`: the command had to be killed. */
  killed: 137,
} as const
