/** A running command with its process tree: turns the addon's events into promises. */
import { capture, capturedReject, capturedResolve } from '../base/capture.js'
import { CommandNotStartedError, invalidValue } from '../base/errors.js'
import { entriesOf, toByteString } from './bytes.js'
import { realNow } from '../base/clock.js'
import {
  loadAddon,
  COMMAND_EVENTS,
  ON_BREACH_CODES,
  REFUSALS,
  type Addon,
  type CommandEvent,
  type CommandRefusal,
  type NativeCommand,
} from '../addon/native.js'
import { signalName, signalNumber, type SignalName } from './signals.js'
import { openFilesBefore } from './open-files.js'
import type { RunHandle } from './result.js'
import type { SharedDescriptor } from './stdio.js'
import type { CommandStreams, Streams } from './streams.js'
import type { Enforced } from './thresholds.js'
import { system } from './system.js'
import { exists } from './exists.js'

/** How the command itself ended: with a status, or by a signal. */
export interface CommandExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Summary of how the process tree ended. */
export interface TreeEnd {
  /** How many processes had to be ended. */
  readonly ended: number
  /** Of these, how many belong to another user and could not be ended. */
  readonly left: number
  /** Whether some had to be killed. */
  readonly killed: boolean
  /** CPU time of all processes that were reaped, in milliseconds. */
  readonly cpuTime: number
  /** Whether the supervisor itself was killed; all processes of the tree that could be found were then killed. */
  readonly lost: boolean
  /** When its last process was gone, on the clock of `performance.now()`. */
  readonly at: number
}

/** What native code does by itself, because the event loop may be blocked. */
export type Act = 'timeout' | 'idle' | 'limit' | 'paused' | 'resumed'

export interface CommandSpec {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string | undefined
  readonly env: NodeJS.ProcessEnv
  /** Whether `env` is the environment of this process. */
  readonly isOwnEnv: boolean
  readonly streams: Streams
  /** Whether processes that it leaves behind are left alone. */
  readonly keep: boolean
  /** Whether the command stays in this process's group, the terminal's foreground group. */
  readonly foreground: boolean
  readonly signal: SignalName
  /** Milliseconds from the signal to SIGKILL. */
  readonly killAfter: number
  /** Milliseconds without output after which it is ended; Infinity for never. */
  readonly idle: number
  /** What its guard does. */
  readonly onBreach: 'term' | 'pause' | 'kill'
  /** Whether limits do nothing, and silence is only reported. */
  readonly dryRun: boolean
  /** The control group in which the command's own is made; empty for that of this process, if that may be. */
  readonly place: string
  readonly enforced: Enforced | undefined
  /** Native code did this, at this time on the clock of `performance.now()`. */
  readonly onAct: (act: Act, at: number) => void
}

// Each run appends its own marker, so that the outer run finds the processes of a nested run too.
const MARKER = 'TRIPLINE_RUN'
let runs = 0

// The number of the first socket that a service manager passes.
const FIRST_LISTENING = 3

interface Marked {
  readonly marker: string
  readonly env: NodeJS.ProcessEnv
}

/** The environment of a command, with the marker by which its processes are found. */
function withMarker(env: NodeJS.ProcessEnv): Marked {
  const marker = `${process.pid}.${process.hrtime.bigint().toString(36)}.${++runs}`
  const outer = env[MARKER]
  return { marker, env: system.complete({ ...env, [MARKER]: outer === undefined ? marker : `${outer}:${marker}` }) }
}

/** A command that waits to be run, runs or has run. */
export class RunningCommand implements RunHandle {
  /** 0 until it has started. */
  pid: number = 0
  /** For `process.*` with `tree`: the process id that stands for exactly the processes of the command. */
  readonly root: number
  /** What holds the tree together: the path of a control group, or `'a job object'`; empty if there is neither. */
  group: string = ''
  readonly stdin: CommandStreams['stdin']
  readonly stdout: CommandStreams['stdout']
  readonly stderr: CommandStreams['stderr']
  readonly stdio: CommandStreams['stdio']
  /** What the kernel holds, with `enforce`. */
  readonly enforced: Enforced | undefined
  /** For a guard that acts on it. */
  readonly handle: object
  /** Rejects with CommandNotStartedError `ERR_TRIPLINE_NOT_STARTED`. */
  readonly started: Promise<void>
  readonly exited: Promise<CommandExit>
  readonly gone: Promise<TreeEnd>
  readonly #addon: Addon

  /** Makes what it needs; {@link go} runs it. @throws CommandNotStartedError `ERR_TRIPLINE_NOT_STARTED`; NativeMissingError */
  constructor(spec: CommandSpec) {
    this.#addon = loadAddon()
    this.stdin = spec.streams.stdin
    this.stdout = spec.streams.stdout
    this.stderr = spec.streams.stderr
    this.stdio = spec.streams.stdio
    this.enforced = spec.enforced
    const { command, cwd = '' } = spec
    const marked = withMarker(spec.env)
    const files = system.candidates(command, marked.env, cwd)
    const refusal = ({ refused, why }: CommandRefusal): CommandNotStartedError => {
      // A script whose interpreter is missing fails with ENOENT too.
      const kind = REFUSALS[refused]!
      const hollow = kind === 'not-found' && files.some((file) => exists(file))
      const text = hollow ? 'its interpreter or a library is missing' : why
      return new CommandNotStartedError(command, kind, text, hollow)
    }
    const started = withResolvers<void>()
    const exited = withResolvers<CommandExit>()
    const gone = withResolvers<TreeEnd>()
    started.promise.catch(() => undefined)
    const notify = (event: CommandEvent, text: string): void => {
      const [number, age, pid, code, signal, ended, left, killed, cpuTime, refused] = event
      const kind = COMMAND_EVENTS[number]!
      const at = realNow() - age
      switch (kind) {
        case 'started':
          this.pid = pid
          this.group = text
          return started.resolve()
        case 'exited': {
          const died = signal === 0 ? null : (signalName(signal) as NodeJS.Signals)
          return exited.resolve({ code: died === null ? code : null, signal: died })
        }
        case 'failed':
          started.reject(refusal({ refused, why: text }))
          break
        case 'gone':
        case 'lost':
          break
        case 'timeout':
        case 'idle':
        case 'limit':
        case 'paused':
        case 'resumed':
          return spec.onAct(kind, at)
      }
      // A lost tree has no exit status: the command died with its supervisor.
      exited.resolve({ code: null, signal: 'SIGKILL' })
      gone.resolve({ ended, left, killed: killed === 1, cpuTime, lost: kind === 'lost', at })
    }
    const prepared = this.#prepare(spec, files, marked, notify)
    if ('refused' in prepared) throw refusal(prepared)
    // At once: a worker may be terminated before the command runs, and nothing else would close them.
    spec.streams.closeTheirs()
    this.handle = prepared.handle
    this.root = prepared.root
    this.started = started.promise
    this.exited = exited.promise
    this.gone = gone.promise
  }

  /** Runs it. After `timeout` milliseconds its tree is ended. */
  go(timeout: number): void {
    this.#addon.goCommand(this.handle, timeout)
  }

  #prepare(
    spec: CommandSpec,
    files: string[],
    marked: Marked,
    notify: (event: CommandEvent, text: string) => void,
  ): NativeCommand | CommandRefusal {
    const { fds, shared } = spec.streams
    const { command, args, cwd = '', foreground, keep, signal, killAfter, idle } = spec
    const onBreach = ON_BREACH_CODES.indexOf(spec.dryRun ? 'report' : spec.onBreach)
    const entries = entriesOf(marked.env, spec.isOwnEnv)
    return this.#addon.prepareCommand(
      toByteString(files.join('\0')),
      toByteString([command, ...args].join('\0')),
      toByteString(entries.map((each) => forCommand(each, shared)).join('\0')),
      cwd,
      marked.marker,
      Float64Array.of(
        ...fds,
        (foreground ? 1 : 0) + (keep ? 2 : 0),
        signalNumber(signal)!,
        killAfter,
        idle,
        openFilesBefore(),
        onBreach,
        ...shared.flat(),
      ),
      notify,
      spec.place,
    )
  }

  /** Sends a signal to the command and, where it has its own process group, to that group. */
  signal(signal: SignalName): void {
    const number = typeof signal === 'string' ? signalNumber(signal) : undefined
    if (number === undefined) throw invalidValue('signal', "the name of a signal, such as 'SIGTERM'", signal)
    this.#addon.signalCommand(this.handle, number)
  }

  /**
   * Ends the tree: `signal` first, SIGKILL for what is left after `killAfter` milliseconds. Returns whether native code had
   * ended it before, which `onAct` reports.
   */
  end(signal: SignalName, killAfter: number): boolean {
    return this.#addon.endCommand(this.handle, signalNumber(signal)!, killAfter)
  }

  kill(): void {
    this.end('SIGKILL', 0)
  }

  /** Pauses the tree, and the clock of its timeout, whatever its limits do. */
  pause(): void {
    this.#addon.pauseCommand(this.handle, true, false)
  }

  resume(): void {
    this.#addon.pauseCommand(this.handle, false, false)
  }

  /** Pauses or continues it, while the clock of its timeout goes on. */
  throttle(pause: boolean): void {
    this.#addon.pauseCommand(this.handle, pause, true)
  }
}

/**
 * If this process was given sockets, with LISTEN_PID to say that they are meant for it, and it passes them on, then they are
 * meant for the command. The addon puts the process id in place of the question mark and the blanks.
 */
function forCommand(entry: string, shared: readonly SharedDescriptor[]): string {
  const passedOn = entry === `LISTEN_PID=${process.pid}` && shared.some(([, number]) => number === FIRST_LISTENING)
  return passedOn ? 'LISTEN_PID=?'.padEnd(40) : entry
}

interface Resolvers<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

function withResolvers<T>(): Resolvers<T> {
  const promise = new Promise<T>(capture)
  return { promise, resolve: capturedResolve, reject: capturedReject }
}
