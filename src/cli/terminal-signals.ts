/** What a person or a supervisor sends us is meant for the command. */
import { constants } from 'node:os'
import { isatty } from 'node:tty'
import { loadAddon, type Addon } from '../addon/native.js'
import type { RunHandle } from '../run/result.js'

interface Rules {
  readonly heard: readonly NodeJS.Signals[]
  /** On a terminal the whole foreground group has had these from the terminal already. */
  readonly fromTerminal: readonly NodeJS.Signals[]
  /** And these come from nowhere else, to all that are on it. */
  readonly toEverybody: readonly NodeJS.Signals[]
}

const POSIX: Rules = {
  heard: ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'],
  fromTerminal: ['SIGINT', 'SIGQUIT'],
  toEverybody: [],
}

// Ctrl-C, Ctrl-Break, and the console that is closed: who does not listen to the last is gone before the command is.
const WINDOWS: Rules = {
  heard: ['SIGINT', 'SIGBREAK', 'SIGHUP'],
  fromTerminal: ['SIGINT', 'SIGBREAK'],
  toEverybody: ['SIGHUP'],
}

const RULES = process.platform === 'win32' ? WINDOWS : POSIX

// Two interrupts this close together, in milliseconds, come from somebody who has lost patience.
const IMPATIENCE = 2000

// What a process sends us so close to what the terminal has sent is the same once more: npm and other runners pass on what
// their whole process group has had.
const ECHO = 500

/** Passes signals on until it is disposed of. A second interrupt soon after the first kills. */
export class SignalForwarder implements Disposable {
  /** Tells what came from the terminal; undefined where we are not on one. */
  readonly #addon: Addon | undefined
  readonly #forward = (signal: NodeJS.Signals): void => this.#take(signal)
  /** What came before there was a command. */
  #early: NodeJS.Signals[] = []
  #command: RunHandle | undefined
  /** When each came last, from the terminal and from a process. */
  readonly #typedAt = new Map<NodeJS.Signals, number>()
  readonly #sentAt = new Map<NodeJS.Signals, number>()

  constructor(onTerminal: boolean) {
    for (const signal of RULES.heard) process.on(signal, this.#forward)
    const terminals = RULES === POSIX ? [0, 1, 2].filter((fd) => isatty(fd)) : []
    if (terminals.length > 0) process.once('SIGHUP', () => process.once('exit', () => endWithTerminals(terminals)))
    if (!onTerminal) return
    this.#addon = loadAddon()
    for (const signal of RULES.fromTerminal) this.#addon.takeSent(constants.signals[signal])
  }

  /** Where they go. */
  attach(command: RunHandle): void {
    this.#command = command
    for (const signal of this.#early.splice(0)) command.signal(signal)
  }

  [Symbol.dispose](): void {
    for (const signal of RULES.heard) process.off(signal, this.#forward)
  }

  #take(signal: NodeJS.Signals): void {
    const now = performance.now()
    const typed = this.#wasTyped(signal)
    const [own, other] = typed ? [this.#typedAt, this.#sentAt] : [this.#sentAt, this.#typedAt]
    if (now - (other.get(signal) ?? -Infinity) < ECHO) return
    const impatient = signal === 'SIGINT' && now - (own.get(signal) ?? -Infinity) < IMPATIENCE
    own.set(signal, now)
    if (impatient) return this.#command?.kill()
    if (this.#command === undefined) this.#early.push(signal)
    else if (!typed && !RULES.toEverybody.includes(signal)) this.#command.signal(signal)
  }

  /** Then the command has had it too. */
  #wasTyped(signal: NodeJS.Signals): boolean {
    return (
      this.#addon !== undefined &&
      RULES.fromTerminal.includes(signal) &&
      !this.#addon.takeSent(constants.signals[signal])
    )
  }
}

/** Node aborts, and dumps its core, when it cannot set a terminal back that is gone: then we go as the terminal did. */
function endWithTerminals(terminals: readonly number[]): void {
  if (terminals.every((fd) => isatty(fd))) return
  process.removeAllListeners('SIGHUP')
  process.kill(process.pid, 'SIGHUP')
}
