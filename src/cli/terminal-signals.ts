/** What a person or a supervisor sends us is meant for the command. */
import type { RunHandle } from '../run/result.js'

const FORWARDED: readonly NodeJS.Signals[] = ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2']

// On a terminal the whole foreground group has had these from the terminal already.
const FROM_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT']

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
    for (const signal of FORWARDED) process.on(signal, this.#forward)
  }

  /** Where they go. */
  attach(command: RunHandle): void {
    this.#command = command
    for (const signal of this.#early.splice(0)) command.signal(signal)
  }

  [Symbol.dispose](): void {
    for (const signal of FORWARDED) process.off(signal, this.#forward)
  }

  #take(signal: NodeJS.Signals): void {
    if (signal === 'SIGINT') {
      const impatient = performance.now() - this.#interruptedAt < IMPATIENCE
      this.#interruptedAt = performance.now()
      if (impatient) return this.#command?.kill()
    }
    if (this.#command === undefined) this.#early.push(signal)
    else if (!this.#onTerminal || !FROM_TERMINAL.includes(signal)) this.#command.signal(signal)
  }
}
