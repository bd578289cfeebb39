/** Events and results of a run. */
import type { CancelationReason } from '../base/reason.js'
import type { Peaks } from './peaks.js'

/** What happens while a command runs; narrow it by `kind`. */
export type RunEvent = StartedEvent | ReasonEvent | ResumedEvent

/** The command has started. */
interface StartedEvent {
  /** The kind of event. */
  readonly kind: 'started'
  /** The command. */
  readonly command: RunHandle
}

/** It was paused by a limit, is being ended, or would have been ended but for `dryRun`. */
interface ReasonEvent {
  /** The kind of event. */
  readonly kind: 'paused' | 'ending' | 'would-end'
  /** Why. */
  readonly reason: CancelationReason
}

/** The limit that had paused it is clear again. */
interface ResumedEvent {
  /** The kind of event. */
  readonly kind: 'resumed'
}

/** A running command. */
export interface RunHandle {
  /** The process id of the command. */
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
  /** The command, as it was given. */
  readonly command: string
  /** Its arguments. */
  readonly args: readonly string[]
  /** The process id that it had. */
  readonly pid: number
  /** The command's own exit status; null where it died of a signal. */
  readonly code: number | null
  /** The signal that it died of; null where it exited. */
  readonly signal: NodeJS.Signals | null
  /**
   * As the command line would exit: 124 a time limit, 123 a resource limit; otherwise the command's own status, or 128
   * plus the number of the signal that killed it. 125 where the tree was lost.
   */
  readonly status: number
  /** Why it was ended; undefined where it ended on its own. */
  readonly reason: CancelationReason | undefined
  /** The signal that it was first ended with; undefined where it ended on its own. */
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
  /** How often it was paused. */
  readonly pauses: number
  /** For how long in all, in milliseconds. */
  readonly paused: number
  /** What limits would have ended it, with `dryRun`. */
  readonly wouldHaveEnded: readonly CancelationReason[]
  /** The control group that it had of its own, or `'a job object'` on Windows; empty without one. */
  readonly group: string
  /** The most that it used. */
  readonly peaks: Peaks
}
