/** Forwards signals from the terminal or a supervisor to the command. */
import { constants } from 'node:os'
import { loadAddon, type Addon } from '../addon/native.js'
import type { CommandExit } from '../run/command.js'
import type { RunHandle } from '../run/result.js'
import { REAL_TIME, signalName, signalNumber } from '../run/signals.js'
import { dieAtExit, dieWithTerminals } from './dying.js'
import { PASSED_ON, endDebugger, takeEarly } from './early-signals.js'
import { STOP_SIGNALS, suspend } from './job-control.js'
import { EXIT } from './usage.js'

interface Rules {
  /** All signals that are handled from the start. */
  readonly handled: readonly NodeJS.Signals[]
  /** Signals that the terminal sends to the whole foreground group, so that the command has already received them. */
  readonly fromTerminal: readonly NodeJS.Signals[]
  /** Signals that always come from the console, and reach every process on it. */
  readonly toWholeConsole: readonly NodeJS.Signals[]
  /** Signals of which only those from other processes count: Node's own writes cause them, or we send them. */
  readonly fromOthers: readonly NodeJS.Signals[]
  readonly stop: readonly NodeJS.Signals[]
}

const POSIX: Rules = {
  handled: PASSED_ON,
  fromTerminal: ['SIGINT', 'SIGQUIT', 'SIGWINCH', 'SIGINFO', ...STOP_SIGNALS],
  toWholeConsole: [],
  fromOthers: ['SIGPIPE', 'SIGXFSZ', 'SIGURG'],
  stop: STOP_SIGNALS,
}

// Ctrl-C, Ctrl-Break and a closed console. Without a handler for the last one, tripline would end before the command.
const WINDOWS: Rules = {
  handled: ['SIGINT', 'SIGBREAK', 'SIGHUP'],
  fromTerminal: ['SIGINT', 'SIGBREAK'],
  toWholeConsole: ['SIGHUP'],
  fromOthers: [],
  stop: [],
}

const RULES = process.platform === 'win32' ? WINDOWS : POSIX
/** While nothing runs, these end us. */
const ENDING: readonly NodeJS.Signals[] = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM']
/** The addon raises it when a real-time signal has arrived, for which Node has no event. */
const REAL_TIME_CARRIER = 'SIGURG'

// A second interrupt that was sent within this time, in milliseconds, kills the command.
const KILL_WINDOW_MS = 2000

// If a process sends the same signal as the terminal within this time, in milliseconds, it is a repetition: npm and other
// runners forward signals that their whole process group has already received.
const ECHO_MS = 500

/**
 * Forwards signals until it is disposed of. While no command is starting or running, a signal that would end a program ends
 * this one.
 */
export class SignalForwarder implements Disposable {
  readonly #received = new Set<string>()
  /** Distinguishes signals of the terminal from those sent by processes. */
  #addon: Addon | undefined
  #phase: 'waiting' | 'starting' | 'running' | 'ended' = 'waiting'
  /** Whether the command is in our process group, and gets what the terminal sends to that. */
  #inOurGroup = false
  readonly #forward = (signal: NodeJS.Signals): void => this.#take(signal)
  readonly #continue = (): void => {
    if (this.#command === undefined) this.#early.push('SIGCONT')
    else this.#command.signal('SIGCONT')
  }
  readonly #stop = (signal: NodeJS.Signals): void => void this.#suspend(signal, this.#isSent(signal))
  #onKill: () => void = () => undefined
  /** Signals that arrived before the command started. */
  #early: NodeJS.Signals[] = []
  #command: RunHandle | undefined
  #suspending = false
  /** When each signal last arrived, from the terminal and from a process. */
  readonly #typedAt = new Map<NodeJS.Signals, number>()
  readonly #sentAt = new Map<NodeJS.Signals, number>()

  constructor() {
    for (const signal of RULES.handled) {
      const others = process.listeners(signal)
      // Before the others are removed: a signal would be lost if it had no listener in between.
      process.on(signal, this.#forward)
      // Those of `--report-on-signal` and of modules that NODE_OPTIONS has loaded: the signal is the command's.
      for (const each of others) process.off(signal, each)
    }
    if (RULES === POSIX) dieWithTerminals()
    for (const signal of takeEarly()) this.#take(signal)
  }

  /**
   * A command is about to start: from now on, it gets the signals.
   *
   * @param onKill called when a second interrupt has killed the command
   */
  begin(inOurGroup: boolean, onKill: () => void = () => undefined): void {
    this.#onKill = onKill
    this.#inOurGroup = inOurGroup
    this.#phase = 'starting'
    // A signal from before there was a listener may have opened it only now.
    if (RULES === POSIX) endDebugger()
    this.#addon = loadAddon()
    for (const signal of RULES.handled) this.#isSent(signal)
    for (const number of REAL_TIME) this.#addon.takeSent(number)
    this.#catchJobSignals()
  }

  /** Sets the command that signals are forwarded to. */
  attach(command: RunHandle): void {
    this.#command = command
    this.#phase = 'running'
    this.#catchJobSignals()
    for (const signal of this.#early.splice(0)) {
      if (RULES.stop.includes(signal)) void this.#suspend(signal, true)
      else command.signal(signal)
    }
  }

  /** The command has ended. Signals are still received, but have no effect. */
  detach(): void {
    this.#command = undefined
    this.#phase = 'ended'
    process.off('SIGCONT', this.#continue)
    for (const signal of RULES.stop) process.off(signal, this.#stop)
  }

  /** The command has ended and will be started again, unless a signal has come that ends this process. */
  rest(): void {
    this.detach()
    this.#phase = 'waiting'
    const ending = ENDING.find((signal) => this.#received.has(signal))
    if (ending !== undefined) endBy(ending)
  }

  /** Makes this process die of the signal that the command died of, if this process has received it too. */
  async dieLike({ signal }: CommandExit): Promise<void> {
    if (signal === null) return
    // The command's end may be reported ahead of a signal that came before it: libuv looks at its signals last, and may see
    // this one only in the next turn.
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve))
    if (this.#received.has(signal)) dieAtExit(signal)
  }

  [Symbol.dispose](): void {
    this.detach()
    for (const signal of RULES.handled) process.off(signal, this.#forward)
  }

  #take(signal: NodeJS.Signals): void {
    const sent = this.#isSent(signal)
    if (signal === REAL_TIME_CARRIER) this.#takeRealTime()
    if (!sent && RULES.fromOthers.includes(signal)) return
    this.#received.add(signal)
    if (this.#phase === 'waiting' && ENDING.includes(signal)) endBy(signal)
    if (this.#phase === 'ended') return
    const now = performance.now()
    const [own, other] = sent ? [this.#sentAt, this.#typedAt] : [this.#typedAt, this.#sentAt]
    if (RULES.fromTerminal.includes(signal) && now - (other.get(signal) ?? -Infinity) < ECHO_MS) return
    const again = sent && signal === 'SIGINT' && now - (own.get(signal) ?? -Infinity) < KILL_WINDOW_MS
    own.set(signal, now)
    if (again && this.#command !== undefined) {
      this.#command.kill()
      return this.#onKill()
    }
    if (this.#command === undefined) this.#early.push(signal)
    else if (!this.#hasReceived(signal, sent)) this.#command.signal(signal)
  }

  #takeRealTime(): void {
    for (const number of REAL_TIME) {
      if (this.#addon?.takeSent(number) === true) this.#command?.signal(signalName(number))
    }
  }

  /** Whether the terminal has sent the signal to the command too. */
  #hasReceived(signal: NodeJS.Signals, sent: boolean): boolean {
    if (RULES.toWholeConsole.includes(signal)) return true
    return this.#inOurGroup && !sent && RULES.fromTerminal.includes(signal)
  }

  /** Whether a process has sent it. Where the system does not say, a signal is taken as typed if there is a terminal. */
  #isSent(signal: NodeJS.Signals): boolean {
    const sent = this.#addon?.takeSent(signalNumber(signal)!) ?? false
    return sent || (process.platform !== 'linux' && !this.#inOurGroup)
  }

  #catchJobSignals(): void {
    if (RULES !== POSIX || process.listeners('SIGCONT').includes(this.#continue)) return
    for (const signal of RULES.stop) this.#catchStop(signal)
    process.on('SIGCONT', this.#continue)
  }

  #catchStop(signal: NodeJS.Signals): void {
    process.on(signal, this.#stop)
    this.#isSent(signal)
  }

  async #suspend(signal: NodeJS.Signals, sent: boolean): Promise<void> {
    const command = this.#command
    if (command === undefined) return void this.#early.push(signal)
    if (!this.#hasReceived(signal, sent)) command.signal(signal)
    if (this.#suspending) return
    this.#suspending = true
    await suspend(command, () => {
      // Without the listener, the signal has its default action.
      process.off(signal, this.#stop)
      process.kill(process.pid, signal)
      if (this.#command !== undefined) this.#catchStop(signal)
    })
    this.#suspending = false
  }
}

function endBy(signal: NodeJS.Signals): never {
  dieAtExit(signal)
  process.exit(EXIT.signalBase + constants.signals[signal])
}
