/** A name for any source, which the reasons carry as their `source`. */
import { invalidType } from '../base/errors.js'
import { fromOrigin, type CancelationReason } from '../base/reason.js'
import { Link } from '../engine/link.js'
import type { Term } from '../engine/watching.js'
import { kMark, kNext, kNotify, kSpread, type Target } from '../engine/propagation.js'
import { toSource, type SourceLike } from './composite.js'
import { BuiltInSource, kLink, linkTo, type CancelationSource } from './source.js'

/**
 * The same source with a name: its reasons have it as their `source`, unless they name one already.
 *
 * @example
 * const sources = [named('deploy', new SignalSource('SIGTERM')), named('battery', new ResourceSource({ battery: 20 }))]
 * @throws TypeError `ERR_INVALID_ARG_TYPE`
 */
export function named(name: string, source: SourceLike): CancelationSource {
  if (typeof name !== 'string') throw invalidType('name argument', 'a string', name)
  return new NamedSource(name, toSource(source, 'source'))
}

class NamedSource extends BuiltInSource {
  readonly #name: string
  readonly #source: CancelationSource

  constructor(name: string, source: CancelationSource) {
    super()
    this.#name = name
    this.#source = source
  }

  get name(): string {
    return this.#name
  }

  /** @internal */
  [kLink](target: Target): Link {
    return new NamedLink(this.#name, linkTo(this.#source, new NamedTarget(this.#name, target)), target)
  }
}

class NamedLink extends Link {
  readonly #name: string
  readonly #inner: Link

  constructor(name: string, inner: Link, target: Target) {
    super(target)
    this.#name = name
    this.#inner = inner
  }

  connect(): CancelationReason | null {
    const reason = this.#inner.connect()
    return reason === null ? null : fromOrigin(reason, { source: this.#name })
  }
  disconnect(): void {
    this.#inner.disconnect()
  }
  override close(): void {
    this.#inner.close()
  }
  copy(target: Target): Link | null {
    const inner = this.#inner.copy(new NamedTarget(this.#name, target))
    return inner === null ? null : new NamedLink(this.#name, inner, target)
  }
  override get watch(): number {
    return this.#inner.watch
  }
  override poll(): void {
    this.#inner.poll()
  }
  override terms(): readonly Term[] {
    return this.#inner.terms()
  }
}

/** Stands in for a target. It is never part of a propagation itself. */
class NamedTarget implements Target {
  [kNext]: Target | null = null
  readonly #name: string
  readonly #target: Target

  constructor(name: string, target: Target) {
    this.#name = name
    this.#target = target
  }

  [kMark](reason: CancelationReason): boolean {
    return this.#target[kMark](fromOrigin(reason, { source: this.#name }))
  }
  [kSpread](): void {}
  [kNotify](): void {}
}
