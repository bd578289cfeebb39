/** OS signals as a source: one listener per signal, shared; the removal of the last target restores the default action. */
import { loadBuiltin } from '../base/builtin.js'
import { invalidType, invalidValue, unknownName } from '../base/errors.js'
import { signalReason, type CancelationReason } from '../base/reason.js'
import { Hub, HubLink, hubOf, Link } from '../engine/link.js'
import { BuiltInSource, kLink } from './source.js'
import { deliver, kMark, type Target } from '../engine/propagation.js'
import { TEST_SIGNAL, type Term } from '../engine/watching.js'

/** Signals that no process can catch. */
const UNCATCHABLE = new Set<string>(['SIGKILL', 'SIGSTOP'])

class SignalHub extends Hub {
  readonly signal: NodeJS.Signals
  readonly #received: () => void

  constructor(signal: NodeJS.Signals) {
    super()
    this.signal = signal
    this.#received = () => {
      // Targets that are added from now on wait for the next delivery. If there are none, that delivery has its default
      // effect.
      this.markAll(signalReason(signal))
      deliver()
    }
  }

  current(): CancelationReason | null {
    return null
  }
  override terms(link: HubLink): readonly Term[] {
    const value = loadBuiltin('node:os').constants.signals[this.signal]
    // The event comes when the loop turns, for all targets that are left.
    return [[{ kind: TEST_SIGNAL, value, happened: () => link.target[kMark](signalReason(this.signal)) }]]
  }
  protected override open(): void {
    if (!isMainThread())
      throw invalidValue('signals', 'used on the main thread, the only one that receives any', this.signal)
    process.on(this.signal, this.#received)
  }
  protected override close(): void {
    process.removeListener(this.signal, this.#received)
  }
}

/** Loaded only when needed: `node:worker_threads` takes longer to load than all sources together. */
function isMainThread(): boolean {
  return loadBuiltin('node:worker_threads').isMainThread
}

const hubs = new Map<NodeJS.Signals, SignalHub>()

/** Cancels when the process receives one of the signals. While it is armed, their default action is off. */
export class SignalSource extends BuiltInSource {
  /** The names of the signals, each once. */
  readonly signals: readonly NodeJS.Signals[]

  /**
   * Makes a source of signals; an operation with it can be started on the main thread only.
   *
   * @throws TypeError `ERR_INVALID_ARG_VALUE` for an unknown signal, or one that cannot be caught
   */
  constructor(...signals: NodeJS.Signals[]) {
    super()
    this.signals = checkSignals(signals, 'signals')
  }

  /** The names of the signals. */
  get name(): string {
    return this.signals.join(', ')
  }

  /** @internal */
  [kLink](target: Target): Link {
    return this.signals.length === 1 ? signalLink(this.signals[0]!, target) : new SignalsLink(this.signals, target)
  }
}

/** Several signals for one target. */
class SignalsLink extends Link {
  readonly #signals: readonly NodeJS.Signals[]
  readonly #links: readonly HubLink[]

  constructor(signals: readonly NodeJS.Signals[], target: Target) {
    super(target)
    this.#signals = signals
    this.#links = signals.map((signal) => signalLink(signal, target))
  }

  connect(): null {
    for (const link of this.#links) link.connect()
    return null
  }
  disconnect(): void {
    for (const link of this.#links) link.disconnect()
  }
  copy(target: Target): Link {
    return new SignalsLink(this.#signals, target)
  }
  override terms(): readonly Term[] {
    return this.#links.flatMap((link) => link.terms())
  }
}

/** @internal */
export function signalLink(signal: NodeJS.Signals, target: Target): HubLink {
  return new HubLink(hubOf(hubs, signal, SignalHub), target)
}

/** @internal */
export function checkSignals(value: unknown, name: string): NodeJS.Signals[] {
  if (!Array.isArray(value)) throw invalidType(name, "an array of signal names like 'SIGINT'", value)
  if (value.length === 0) throw invalidValue(name, 'at least one signal', value)
  const { signals } = loadBuiltin('node:os').constants
  for (const signal of value) {
    if (typeof signal !== 'string') throw invalidType(name, "an array of signal names like 'SIGINT'", signal)
    if (!(signal in signals)) throw unknownName('signal', signal, Object.keys(signals))
    if (UNCATCHABLE.has(signal)) throw invalidValue(name, 'signals that a process can catch', signal)
  }
  return [...new Set(value as NodeJS.Signals[])]
}
