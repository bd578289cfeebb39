/**
 * A foreign `AbortSignal` as a source: one shared listener per signal, because each further listener slows down all of
 * them.
 */
import { reportError } from '../base/diagnostics.js'
import { isMarked } from '../base/copies.js'
import { invalidType } from '../base/errors.js'
import { abortReason, type CancelationReason } from '../base/reason.js'
import { Hub, HubLink, hubOf, type Link } from '../engine/link.js'
import { BuiltInSource, kLink } from './source.js'
import { deliver, type Target } from '../engine/propagation.js'

class AbortHub extends Hub {
  readonly #signal: AbortSignal
  #reason: CancelationReason | null = null
  readonly #aborted = (): void => {
    // Some polyfills call their listeners before they set `aborted`.
    this.#reason ??= abortReason(this.#signal.reason)
    this.markAll(this.#reason)
    deliver()
  }

  constructor(signal: AbortSignal) {
    super()
    this.#signal = signal
  }

  current(): CancelationReason | null {
    if (this.#reason === null && this.#signal.aborted) this.#reason = abortReason(this.#signal.reason)
    return this.#reason
  }
  protected override open(): void {
    this.#signal.addEventListener('abort', this.#aborted)
  }
  protected override close(): void {
    try {
      this.#signal.removeEventListener('abort', this.#aborted)
    } catch (error) {
      // Reached while targets are being marked, which must not be interrupted.
      reportError(error, 'abort signal')
    }
  }
}

const hubs = new WeakMap<AbortSignal, AbortHub>()

/** Cancels when a foreign `AbortSignal` aborts; the signal's own reason is the `cause`. */
export class AbortSignalSource extends BuiltInSource {
  /** The signal. */
  readonly signal: AbortSignal

  /**
   * Makes a source of a signal; a signal of another realm or a polyfill does as well.
   *
   * @throws TypeError `ERR_INVALID_ARG_TYPE`
   */
  constructor(signal: AbortSignal) {
    super()
    this.signal = checkAbortSignal(signal, 'signal')
  }

  /** For messages. */
  get name(): string {
    return 'AbortSignal'
  }

  /** @internal */
  [kLink](target: Target): Link {
    return abortLink(this.signal, target)
  }
}

/** @internal */
export function abortLink(signal: AbortSignal, target: Target): HubLink {
  return new HubLink(hubOf(hubs, signal, AbortHub), target)
}

/** By shape: polyfills and signals of other realms do as well. @internal */
export function isAbortSignal(value: unknown): value is AbortSignal {
  const signal = value as Partial<AbortSignal> | null | undefined
  return (
    typeof signal === 'object' &&
    signal !== null &&
    typeof signal.aborted === 'boolean' &&
    typeof signal.addEventListener === 'function' &&
    typeof signal.removeEventListener === 'function'
  )
}

/** @internal */
export function checkAbortSignal(value: unknown, name: string): AbortSignal {
  if (isAbortSignal(value)) return value
  throw invalidType(name, isMarked(value) ? 'an AbortSignal, which it has as its `signal`' : 'an AbortSignal', value)
}
