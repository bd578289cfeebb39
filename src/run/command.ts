/** A running command with its process tree: turns the addon's events into promises. */
import { capture, capturedResolve } from '../base/capture.js'
import { CommandNotStartedError } from '../base/errors.js'
import { entriesOf, toByteString } from './bytes.js'
import { loadAddon, type Addon, type CommandEvent, type NativeCommand } from '../addon/native.js'
import { signalName, signalNumber, type SignalName } from './signals.js'
import { openFilesBefore } from './open-files.js'
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
}

/** A descriptor of this process, and its number in the command. */
export type SharedDescriptor = readonly [fd: number, number: number]

export interface CommandSpec {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string | undefined
  readonly env: NodeJS.ProcessEnv
  /** Whether `env` is the environment of this process. */
  readonly isOwnEnv: boolean
  /** Descriptors of stdin, stdout and stderr; -1 is /dev/null. */
  readonly stdio: readonly [number, number, number]
  /** Extra descriptors, and the numbers (3 and up) that they have in the command. */
  readonly shared: readonly SharedDescriptor[]
  /** Whether the command stays in this process's group, the terminal's foreground group. */
  readonly foreground: boolean
  readonly signal: SignalName
  /** Milliseconds from the signal to SIGKILL. */
  readonly killAfter: number
  /** Milliseconds without output after which `onIdle` is called; Infinity for never. */
  readonly idle: number
  readonly onIdle: () => void
}

// Each run appends its own marker, so that the outer run finds the processes of a nested run too.
const MARKER = 'TRIPLINE_RUN'
let runs = 0

// The number of the first socket that a service manager passes.
const FIRST_LISTENING = 3

export class RunningCommand {
  readonly pid: number
  /** For `process.*` with `tree`: the process id that stands for exactly the processes of the command. */
  readonly root: number
  /** What holds the tree together: the path of a control group, or `'a job object'`; empty if there is neither. */
  readonly group: string
  readonly exited: Promise<CommandExit>
  readonly gone: Promise<TreeEnd>
  readonly #addon: Addon
  readonly #handle: object

  /** @throws CommandNotStartedError `ERR_TRIPLINE_NOT_STARTED`; NativeMissingError */
  constructor(spec: CommandSpec) {
    this.#addon = loadAddon()
    const exited = withResolvers<CommandExit>()
    const gone = withResolvers<TreeEnd>()
    const notify = (event: CommandEvent): void => {
      if (event.kind === 'idle') return spec.onIdle()
      const died = event.signal === 0 ? null : (signalName(event.signal) as NodeJS.Signals)
      if (event.kind === 'exited') {
        exited.resolve({ code: died === null ? event.code : null, signal: died })
        return
      }
      // A lost tree has no exit status: the command died with its supervisor.
      exited.resolve({ code: null, signal: 'SIGKILL' })
      const { ended, left, killed, cpu: cpuTime } = event
      gone.resolve({ ended, left, killed, cpuTime, lost: event.kind === 'lost' })
    }
    const started = this.#start(spec, notify)
    this.#handle = started.handle
    this.pid = started.pid
    this.root = started.root
    this.group = started.group
    this.exited = exited.promise
    this.gone = gone.promise
  }

  #start(spec: CommandSpec, notify: (event: CommandEvent) => void): NativeCommand {
    const { command, args, cwd = '', stdio, shared, foreground, signal, killAfter, idle } = spec
    const marker = `${process.pid}.${process.hrtime.bigint().toString(36)}.${++runs}`
    const outer = spec.env[MARKER]
    const env = system.complete({ ...spec.env, [MARKER]: outer === undefined ? marker : `${outer}:${marker}` })
    const entries = entriesOf(env, spec.isOwnEnv)
    const files = system.candidates(command, env, cwd)
    const started = this.#addon.startCommand(
      toByteString(files.join('\0')),
      toByteString([command, ...args].join('\0')),
      toByteString(entries.map((each) => forCommand(each, shared)).join('\0')),
      cwd,
      marker,
      Float64Array.of(
        ...stdio,
        foreground ? 1 : 0,
        signalNumber(signal)!,
        killAfter,
        idle,
        openFilesBefore(),
        ...shared.flat(),
      ),
      notify,
    )
    if ('kind' in started) {
      const { kind, why } = started
      // A script whose interpreter is missing fails with ENOENT too.
      const hollow = kind === 'not-found' && files.some((file) => exists(file))
      throw new CommandNotStartedError(command, kind, hollow ? 'its interpreter or a library is missing' : why, hollow)
    }
    return started
  }

  /** Sends a signal to the command and, where it has its own process group, to that group. */
  signal(signal: SignalName): void {
    this.#addon.signalCommand(this.#handle, signalNumber(signal)!)
  }

  /** Ends the tree: `signal` first, SIGKILL for what is left after `killAfter` milliseconds. */
  end(signal: SignalName, killAfter: number): void {
    this.#addon.endCommand(this.#handle, signalNumber(signal)!, killAfter)
  }

  kill(): void {
    this.end('SIGKILL', 0)
  }

  pause(): void {
    this.#addon.pauseCommand(this.#handle, true)
  }

  resume(): void {
    this.#addon.pauseCommand(this.#handle, false)
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
}

function withResolvers<T>(): Resolvers<T> {
  const promise = new Promise<T>(capture)
  return { promise, resolve: capturedResolve }
}
