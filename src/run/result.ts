/** The events and the result of a run. */
import type { CancelationReason } from '../base/reason.js'
import type { OomKill } from '../base/oom.js'
import type { Enforced } from './thresholds.js'
import type { Peaks } from './peaks.js'
import type { CommandStreams } from './streams.js'
import type { SignalName } from './signals.js'

/** What happens while a command runs; narrow it by `kind`. */
export type RunEvent = StartedEvent | ReasonEvent | ResumedEvent | RestartEvent

/** The command has started. */
interface StartedEvent {
  /** The kind of event. */
  readonly kind: 'started'
  /** The command. */
  readonly command: RunHandle
}

/** The command was paused by a limit, is being ended, or would have been ended without `dryRun`. */
interface ReasonEvent {
  /** The kind of event. */
  readonly kind: 'paused' | 'ending' | 'would-end'
  /** Why. */
  readonly reason: CancelationReason
}

/** The limit that had paused the command is clear again, and the command continues. */
interface ResumedEvent {
  /** The kind of event. */
  readonly kind: 'resumed'
}

/** A limit has ended the command, which will be run again. */
export interface RestartEvent {
  /** The kind of event. */
  readonly kind: 'restarting'
  /** The result of the run that has ended. */
  readonly result: RunResult
  /** Which restart it is, counted from 1. */
  readonly restart: number
  /** The time until then, in milliseconds. */
  readonly wait: number
}

/** A running command. */
export interface RunHandle extends CommandStreams {
  /** The process id of the command. */
  readonly pid: number
  /** The process id for `process.*` metrics with `tree`; on Linux and macOS that of a supervisor, which is not counted. */
  readonly root: number
  /** The command's own control group, or `'a job object'` on Windows; empty if the system does not allow one. */
  readonly group: string
  /** What the kernel holds, with `enforce`. */
  readonly enforced: Enforced | undefined
  /** Sends a signal to the command and its process group. @throws TypeError `ERR_INVALID_ARG_VALUE` for another name */
  signal(signal: SignalName): void
  /** Stops the command with everything that it has started, and the clock of its timeout, until {@link resume}. */
  pause(): void
  /** Continues it, unless a limit has paused it too. */
  resume(): void
  /** Kills the command and everything that it has started. */
  kill(): void
}

/**
 * How a command and everything that it had started ended. The types of `stdout` and `stderr` follow from the options of `run`: see
 * `CapturedText`.
 */
export interface RunResult<
  Out extends string | undefined = string | undefined,
  Err extends string | undefined = string | undefined,
> {
  /** The command, as given. */
  readonly command: string
  /** Its arguments. */
  readonly args: readonly string[]
  /** The process id of the command. */
  readonly pid: number
  /** The command's own exit status; null if it died of a signal. */
  readonly code: number | null
  /** The signal that it died of; null if it exited. */
  readonly signal: NodeJS.Signals | null
  /**
   * The exit status of `tripline run` in the same case: 124 after a time limit, 123 after a resource limit, 125 if the tree
   * was lost; otherwise the command's own status, or 128 plus the number of the signal that killed it.
   */
  readonly status: number
  /**
   * Why it was ended; undefined if it ended on its own. The kind `oom` means that the kernel's out-of-memory killer has ended
   * it or a part of its tree, and nothing else had.
   */
  readonly reason: CancelationReason | undefined
  /** What the kernel's out-of-memory killer has ended, even if `reason` is another; undefined if nothing speaks for it. */
  readonly oom: OomKill | undefined
  /** What the kernel held, with `enforce`. */
  readonly enforced: Enforced | undefined
  /** The first signal that was sent to end it; undefined if it ended on its own. */
  readonly sent: SignalName | undefined
  /** The time from its start until the last of its processes was gone, in milliseconds. */
  readonly duration: number
  /** The time from the decision to end it until the last process was gone, in milliseconds; 0 if it ended on its own. */
  readonly endedIn: number
  /** CPU time of all its processes that were reaped, in milliseconds. */
  readonly cpuTime: number
  /** How many processes had to be ended, including those that it left behind. */
  readonly ended: number
  /** How many of these could not be ended: they belong to another user, or `/proc` is that of another pid namespace. */
  readonly left: number
  /** Whether some had to be killed. */
  readonly killed: boolean
  /** Whether the supervisor itself was killed; all processes of the tree that could be found were then killed. */
  readonly lost: boolean
  /** How often it was run again with `restart`; the rest of the result is that of the last run. */
  readonly restarts: number
  /** How often a limit has paused it. */
  readonly pauses: number
  /** How long limits have paused it in all, in milliseconds. */
  readonly paused: number
  /** The reasons for which limits would have ended it, with `dryRun`. */
  readonly wouldHaveEnded: readonly CancelationReason[]
  /** The command's own control group, or `'a job object'` on Windows; empty if it had none. */
  readonly group: string
  /** With `capture`, what it wrote to stdout, up to `maxBuffer` bytes; undefined if that is not captured. */
  readonly stdout: Out
  /** With `capture`, what it wrote to stderr, up to `maxBuffer` bytes; undefined if that is not captured. */
  readonly stderr: Err
  /** Whether there was more output than was captured. */
  readonly truncated: boolean
  /** Its peak usage. */
  readonly peaks: Peaks
}

/** A command that runs: the promise of its result, and its streams. Those that are no pipes are null. */
export interface Running<
  Out extends string | undefined = string | undefined,
  Err extends string | undefined = string | undefined,
>
  extends Promise<RunResult<Out, Err>>, CommandStreams {
  /**
   * The lines of stdout or stderr, without their ends (`\n` or `\r\n`), as UTF-8, for `for await`. The command is held back while
   * they are not taken. Leaving the loop closes the pipe, unless its output is captured too. If the command cannot be run,
   * the iteration fails with that error.
   *
   * @param stream the one to read; once per stream @default 'stdout'
   * @throws Error `ERR_INVALID_STATE` if it is no pipe, or is being read already
   */
  lines(stream?: 'stdout' | 'stderr'): AsyncGenerator<string, void, undefined>
}
