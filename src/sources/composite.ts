/** Sources made of sources. */
import { thisContext } from '../base/async-context.js'
import { invalidValue } from '../base/errors.js'
import { allReason, type CancelationReason } from '../base/reason.js'
import { AbortSignalSource, isAbortSignal } from './abort.js'
import { Link } from '../engine/link.js'
import { BuiltInSource, checkSource, kLink, linkTo, type CancelationSource } from './source.js'
import { CancelationToken, TokenSource } from './token.js'
import type { Term } from '../engine/watching.js'
import { join, kMark, kNext, kNotify, kSpread, type Target } from '../engine/propagation.js'

/** A part of a composite: a source, or a token or signal in its place. */
export type SourceLike = CancelationSource | CancelationToken | AbortSignal

/**
 * Cancels as soon as one of the sources does, with its reason.
 *
 * @throws TypeError `ERR_INVALID_ARG_VALUE` without any source, `ERR_INVALID_ARG_TYPE` for a value that is not a source
 */
export function anyOf(...sources: SourceLike[]): CancelationSource {
  return new CompositeSource(sources, false)
}

/**
 * Cancels as soon as every one of the sources has reported, however long ago: a condition that held once counts. The
 * reason is of kind `'all'` and holds theirs in the order in which they came.
 *
 * @throws TypeError `ERR_INVALID_ARG_VALUE` without any source, `ERR_INVALID_ARG_TYPE` for a value that is not a source
 *
 * @example
 * // Only when the battery is low and the job has had its five minutes.
 * const sources = [allOf(new ResourceSource({ battery: 20 }), new TimeoutSource('5m'))]
 * await Cancelable.run(job, { sources })
 */
export function allOf(...sources: SourceLike[]): CancelationSource {
  return new CompositeSource(sources, true)
}

/** @throws TypeError `ERR_INVALID_ARG_TYPE` @internal */
export function toSource(given: SourceLike, name: string): CancelationSource {
  if (given instanceof CancelationToken) return new TokenSource(given)
  // By shape, as everywhere: a polyfill, or a signal of another realm.
  return isAbortSignal(given) ? new AbortSignalSource(given) : checkSource(given, name)
}

class CompositeSource extends BuiltInSource {
  readonly #sources: readonly CancelationSource[]
  readonly #all: boolean

  constructor(sources: readonly SourceLike[], all: boolean) {
    super()
    const name = all ? 'allOf' : 'anyOf'
    if (sources.length === 0) throw invalidValue(name, 'given at least one source', 'none')
    this.#sources = sources.map((each) => toSource(each, name))
    this.#all = all
  }

  get name(): string {
    return `${this.#all ? 'allOf' : 'anyOf'}(${this.#sources.map((each) => each.name ?? 'source').join(', ')})`
  }

  /** @internal */
  [kLink](target: Target): Link {
    return new CompositeLink(this.#sources, this.#all, target)
  }
}

class CompositeLink extends Link {
  readonly #sources: readonly CancelationSource[]
  readonly #all: boolean
  readonly #inContext = thisContext()
  #causes: CancelationReason[] = []
  #parts: readonly Part[] = []

  constructor(sources: readonly CancelationSource[], all: boolean, target: Target) {
    super(target)
    this.#sources = sources
    this.#all = all
  }

  connect(): CancelationReason | null {
    // A start that fails may be tried again.
    this.#causes = []
    this.#parts = this.#inContext(() => this.#sources.map((source) => new Part(source, this)))
    try {
      for (const part of this.#parts) {
        const reason = part.link.connect()
        // A composite whose parts came true while it was armed has marked its target, and reports the reason as well.
        if (reason !== null && !part.done) part.early(reason)
        const whole = this.whole()
        if (whole !== null) return whole
      }
    } catch (error) {
      this.disconnect()
      this.close()
      throw error
    }
    return null
  }

  disconnect(): void {
    for (const part of this.#parts) part.link.disconnect()
  }

  override close(): void {
    for (const part of this.#parts) part.link.close()
  }

  copy(target: Target): Link {
    return new CompositeLink(this.#sources, this.#all, target)
  }

  override get watch(): number {
    return this.#parts.reduce((bits, part) => bits | part.link.watch, 0)
  }

  override poll(): void {
    for (const part of this.#parts) part.link.poll()
  }

  /** A part that cannot be watched never comes true, as far as this is concerned. */
  override terms(): readonly Term[] {
    const open = this.#parts.flatMap((part) => (part.done ? [] : [part.link.terms()]))
    if (!this.#all) return open.flat()
    return open.reduce<readonly Term[]>(
      (all, terms) => all.flatMap((before) => terms.map((term) => [...before, ...term])),
      [[]],
    )
  }

  add(cause: CancelationReason): void {
    this.#causes.push(cause)
  }

  /** The composite's own reason, if enough of its parts have reported. */
  whole(): CancelationReason | null {
    if (!this.#all) return this.#causes[0] ?? null
    return this.#causes.length === this.#sources.length ? allReason(this.#causes) : null
  }
}

/** Takes the reason of one part and keeps it. */
class Part implements Target {
  [kNext]: Target | null = null
  readonly link: Link
  readonly #composite: CompositeLink
  #done = false

  constructor(source: CancelationSource, composite: CompositeLink) {
    this.#composite = composite
    this.link = linkTo(source, this)
  }

  get done(): boolean {
    return this.#done
  }

  early(reason: CancelationReason): void {
    this.#done = true
    this.#composite.add(reason)
  }

  [kMark](reason: CancelationReason): boolean {
    if (this.#done) return false
    this.#done = true
    this.link.disconnect()
    this.#composite.add(reason)
    join(this)
    return true
  }

  /** The composite is marked here, and not in `kMark`, so that a chain of composites does not recurse. */
  [kSpread](): void {
    const whole = this.#composite.whole()
    if (whole === null) return
    this.#composite.disconnect()
    this.#composite.target[kMark](whole)
  }

  [kNotify](): void {
    this.link.close()
  }
}
