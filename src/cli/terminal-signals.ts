/** Forwards signals from the terminal or a supervisor to the command. */
import { constants } from 'node:os'
import { isatty } from 'node:tty'
import { loadAddon, type Addon } from '../addon/native.js'
import type { RunHandle } from '../run/result.js'

interface Rules {
  /** All signals that are handled. */
  readonly handled: readonly NodeJS.Signals[]
  /** Signals that the terminal sends to the whole foreground group, so that the command has already received them. */
  readonly fromTerminal: readonly NodeJS.Signals[]
  /** Signals that always come from the console, and reach every process on it. */
  readonly toWholeConsole: readonly NodeJS.Signals[]
}

const POSIX: Rules = {
  handled: ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'],
  fromTerminal: ['SIGINT', 'SIGQUIT'],
  toWholeConsole: [],
}

// Ctrl-C, Ctrl-Break and a closed console. Without a handler for the last one, tripline would end before the command.
const WINDOWS: Rules = {
  handled: ['SIGINT', 'SIGBREAK', 'SIGHUP'],
  fromTerminal: ['SIGINT', 'SIGBREAK'],
  toWholeConsole: ['SIGHUP'],
}

const RULES = process.platform === 'win32' ? WINDOWS : POSIX

// A second interrupt within this time, in milliseconds, kills the command.
const KILL_WINDOW_MS = 2000

// If a process sends the same signal as the terminal within this time, in milliseconds, it is a repetition: npm and other
// runners forward signals that their whole process group has already received.
const ECHO_MS = 500

/** Forwards signals until it is disposed of. A second interrupt soon after the first kills the command. */
export class SignalForwarder implements Disposable {
  /** Distinguishes signals of the terminal from those sent by processes; undefined without a terminal. */
  readonly #addon: Addon | undefined
  readonly #forward = (signal: NodeJS.Signals): void => this.#take(signal)
  /** Signals that arrived before the command started. */
  #early: NodeJS.Signals[] = []
  #command: RunHandle | undefined
  /** When each signal last arrived, from the terminal and from a process. */
  readonly #typedAt = new Map<NodeJS.Signals, number>()
  readonly #sentAt = new Map<NodeJS.Signals, number>()

  constructor(onTerminal: boolean) {
    for (const signal of RULES.handled) process.on(signal, this.#forward)
    const terminals = RULES === POSIX ? [0, 1, 2].filter((fd) => isatty(fd)) : []
    if (terminals.length > 0) process.once('SIGHUP', () => process.once('exit', () => endWithTerminals(terminals)))
    if (!onTerminal) return
    this.#addon = loadAddon()
    for (const signal of RULES.fromTerminal) this.#addon.takeSent(constants.signals[signal])
  }

  /** Sets the command that signals are forwarded to. */
  attach(command: RunHandle): void {
    this.#command = command
    for (const signal of this.#early.splice(0)) command.signal(signal)
  }

  [Symbol.dispose](): void {
    for (const signal of RULES.handled) process.off(signal, this.#forward)
  }

  #take(signal: NodeJS.Signals): void {
    const now = performance.now()
    const typed = this.#wasTyped(signal)
    const [own, other] = typed ? [this.#typedAt, this.#sentAt] : [this.#sentAt, this.#typedAt]
    if (now - (other.get(signal) ?? -Infinity) < ECHO_MS) return
    const again = signal === 'SIGINT' && now - (own.get(signal) ?? -Infinity) < KILL_WINDOW_MS
    own.set(signal, now)
    if (again) return this.#command?.kill()
    if (this.#command === undefined) this.#early.push(signal)
    else if (!typed && !RULES.toWholeConsole.includes(signal)) this.#command.signal(signal)
  }

  /** Whether the terminal sent the signal, so that the command has received it, too. */
  #wasTyped(signal: NodeJS.Signals): boolean {
    return (
      this.#addon !== undefined &&
      RULES.fromTerminal.includes(signal) &&
      !this.#addon.takeSent(constants.signals[signal])
    )
  }
}

/** Ends the process by SIGHUP. Otherwise Node would abort with a core dump, because it cannot restore a terminal that is gone. */
function endWithTerminals(terminals: readonly number[]): void {
  if (terminals.every((fd) => isatty(fd))) return
  process.removeAllListeners('SIGHUP')
  process.kill(process.pid, 'SIGHUP')
}
