/** Events and results of a run. */
import type { CancelationReason } from '../base/reason.js'
import type { Peaks } from './peaks.js'

/** What happens while a command runs. */
export type RunEvent =
  | { readonly kind: 'started'; readonly command: RunHandle }
  | { readonly kind: 'paused'; readonly reason: CancelationReason }
  | { readonly kind: 'resumed' }
  /** With `dryRun`: what would have ended it. */
  | { readonly kind: 'would-end'; readonly reason: CancelationReason }
  | { readonly kind: 'ending'; readonly reason: CancelationReason }

/** A running command. */
export interface RunHandle {
  readonly pid: number
  /** The root of its tree for `process.*` metrics with `tree`: on Linux a process that is not counted among them. */
  readonly root: number
  /** Its own control group, or `'a job object'` on Windows; empty where the system does not allow one. */
  readonly group: string
  /** Sends a signal to the command and its process group. */
  signal(signal: NodeJS.Signals): void
  /** Kills the command and everything that it has started. */
  kill(): void
}

/** How a command ended, with everything that it had started. */
export interface RunResult {
  readonly command: string
  readonly args: readonly string[]
  readonly pid: number
  /** The command's own exit status; null where it died of a signal. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /**
   * As the command line would exit: 124 a time limit, 123 a resource limit; otherwise the command's own status, or 128
   * plus the number of the signal that killed it. 125 where the tree was lost.
   */
  readonly status: number
  /** Why it was ended; undefined where it ended on its own. */
  readonly reason: CancelationReason | undefined
  /** What it was ended with at first; undefined where it ended on its own. */
  readonly sent: NodeJS.Signals | undefined
  /** From its start until the last of its processes was gone, in milliseconds. */
  readonly duration: number
  /** From the decision to end it until the last was gone, in milliseconds; 0 where it ended on its own. */
  readonly endedIn: number
  /** CPU time of all its processes that were reaped, in milliseconds. */
  readonly cpuTime: number
  /** How many processes had to be ended, those that it left behind included. */
  readonly ended: number
  /** Of these, how many could not be ended: they belong to another user, or `/proc` is that of another pid namespace. */
  readonly left: number
  /** Whether some had to be killed. */
  readonly killed: boolean
  /** Whether the supervisor itself was killed; what could be found of the tree was killed then. */
  readonly lost: boolean
  /** How often it was paused, and for how many milliseconds in all. */
  readonly pauses: number
  readonly paused: number
  /** What limits would have ended it, with `dryRun`. */
  readonly wouldHaveEnded: readonly CancelationReason[]
  readonly group: string
  readonly peaks: Peaks
}
