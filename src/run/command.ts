/** A command that runs, with everything that it has started: the addon's, with promises instead of events. */
import { constants } from 'node:os'
import { CommandNotStartedError } from '../base/errors.js'
import { toByteString, variablesOf } from './bytes.js'
import { loadAddon, type Addon, type CommandEvent, type NativeCommand } from '../addon/native.js'
import { system } from './system.js'
import { exists } from './exists.js'

/** How the command itself ended: with a status, or by a signal. */
export interface CommandExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** How the last of its processes ended. */
export interface TreeEnd {
  /** How many processes had to be ended. */
  readonly ended: number
  /** Of them, those that belong to another user and could not be. */
  readonly left: number
  /** Whether some only went when they were killed. */
  readonly killed: boolean
  /** CPU time that all of them used, in milliseconds, as far as somebody waited for them. */
  readonly cpuTime: number
  /** What held the tree together was killed itself; what could be found was killed. */
  readonly lost: boolean
}

export interface CommandSpec {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string | undefined
  readonly env: NodeJS.ProcessEnv
  /** Descriptors; -1 is nothing. */
  readonly stdio: readonly [number, number, number]
  /** More of ours, from 3 on, that it gets under their own numbers. */
  readonly shared: readonly number[]
  /** Whether it stays in the terminal's foreground group, which is ours. */
  readonly foreground: boolean
  readonly signal: NodeJS.Signals
  /** Milliseconds. */
  readonly killAfter: number
  /** Milliseconds without output that are told; Infinity for never. */
  readonly idle: number
  readonly onIdle: () => void
}

// Each run adds its own, so that whoever is nested in another is found by both.
const MARKER = 'TRIPLINE_RUN'
let runs = 0

/** The real-time signals, which have no name in Node, begin here. */
export const FIRST_REAL_TIME = 34

export class RunningCommand {
  readonly pid: number
  /** For `process.*` with `tree`: stands for all processes of the command, and only for them. */
  readonly root: number
  /** What of the system's holds the tree together: the path of a control group, a job object; empty where nothing does. */
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
    const tell = (event: CommandEvent): void => {
      if (event.kind === 'idle') return spec.onIdle()
      const died = event.signal === 0 ? null : signalName(event.signal)
      if (event.kind === 'exited') {
        exited.resolve({ code: died === null ? event.code : null, signal: died })
        return
      }
      // A lost tree never told how its command ended: it died with what held it.
      exited.resolve({ code: null, signal: 'SIGKILL' })
      const { ended, left, killed, cpu: cpuTime } = event
      gone.resolve({ ended, left, killed, cpuTime, lost: event.kind === 'lost' })
    }
    const started = this.#start(spec, tell)
    this.#handle = started.handle
    this.pid = started.pid
    this.root = started.root
    this.group = started.group
    this.exited = exited.promise
    this.gone = gone.promise
  }

  #start(spec: CommandSpec, tell: (event: CommandEvent) => void): NativeCommand {
    const { command, args, cwd = '', stdio, shared, foreground, signal, killAfter, idle } = spec
    const marker = `${process.pid}.${process.hrtime.bigint().toString(36)}.${++runs}`
    const outer = spec.env[MARKER]
    const env = system.complete({ ...spec.env, [MARKER]: outer === undefined ? marker : `${outer}:${marker}` })
    const variables = variablesOf(env)
    const files = system.candidates(command, env, cwd)
    const started = this.#addon.startCommand(
      toByteString(files.join('\0')),
      toByteString([command, ...args].join('\0')),
      toByteString(variables.map(([name, value]) => `${name}=${value}`).join('\0')),
      cwd,
      marker,
      Float64Array.of(...stdio, foreground ? 1 : 0, constants.signals[signal], killAfter, idle, ...shared),
      tell,
    )
    if ('kind' in started) {
      const { kind, why } = started
      // The system says the same of a script whose interpreter is not there.
      const hollow = kind === 'not-found' && files.some((file) => exists(file))
      throw new CommandNotStartedError(command, kind, hollow ? 'what it needs to run is not there' : why, hollow)
    }
    return started
  }

  /** To the command and, where it has a process group of its own, to all in that. */
  signal(signal: NodeJS.Signals): void {
    this.#addon.signalCommand(this.#handle, constants.signals[signal])
  }

  /** Ends all of them; with KILL those that are left after `killAfter` milliseconds. */
  end(signal: NodeJS.Signals, killAfter: number): void {
    this.#addon.endCommand(this.#handle, constants.signals[signal], killAfter)
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

function signalName(number: number): NodeJS.Signals {
  const found = Object.entries(constants.signals).find(([, each]) => each === number)
  return (found?.[0] ?? `SIGRTMIN+${number - FIRST_REAL_TIME}`) as NodeJS.Signals
}

interface Resolvers<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
}

function withResolvers<T>(): Resolvers<T> {
  let resolve!: (value: T) => void
  const promise = new Promise<T>((settle) => (resolve = settle))
  return { promise, resolve }
}
