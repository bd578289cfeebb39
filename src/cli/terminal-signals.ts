/** What a person or a supervisor sends us is meant for the command. */
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

/** Passes signals on until it is disposed of. A second interrupt soon after the first kills. */
export class SignalForwarder implements Disposable {
  readonly #onTerminal: boolean
  readonly #forward = (signal: NodeJS.Signals): void => this.#take(signal)
  /** What came before there was a command. */
  #early: NodeJS.Signals[] = []
  #command: RunHandle | undefined
  #interruptedAt = -Infinity

  constructor(onTerminal: boolean) {
    this.#onTerminal = onTerminal
    for (const signal of RULES.heard) process.on(signal, this.#forward)
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
    if (signal === 'SIGINT') {
      const impatient = performance.now() - this.#interruptedAt < IMPATIENCE
      this.#interruptedAt = performance.now()
      if (impatient) return this.#command?.kill()
    }
    if (this.#command === undefined) this.#early.push(signal)
    else if (!this.#hasHad(signal)) this.#command.signal(signal)
  }

  #hasHad(signal: NodeJS.Signals): boolean {
    return RULES.toEverybody.includes(signal) || (this.#onTerminal && RULES.fromTerminal.includes(signal))
  }
}
