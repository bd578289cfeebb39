/** The interface of a source of cancelation, for this library and for its users. */
import { thisContext } from '../base/async-context.js'
import { markInstances, ofThisCopy } from '../base/copies.js'
import { invalidType } from '../base/errors.js'
import { callIsolated, reportError } from '../base/diagnostics.js'
import { fromOrigin, toReason, type CancelationReason, type CancelSink } from '../base/reason.js'
import { Link } from '../engine/link.js'
import { deliver, join, kMark, kNext, kNotify, kSpread, type Target } from '../engine/propagation.js'

/**
 * Anything that can cancel an operation. Many operations may arm one source at once, so keep the state of each in the
 * object that `arm` returns.
 *
 * @example
 * const source: CancelationSource = {
 *   name: 'drain',
 *   arm(sink) {
 *     const listener = () => sink.cancel({ kind: 'manual', message: 'draining', at: performance.now() })
 *     server.once('drain', listener)
 *     return { [Symbol.dispose]: () => server.off('drain', listener) }
 *   },
 * }
 */
export interface CancelationSource {
  /** For messages. */
  readonly name?: string
  /**
   * Starts watching, and reports to the sink, now or later; only the first report counts. An error that it throws fails the
   * start of the operation. The result is disposed when the operation no longer needs the source.
   */
  arm(sink: CancelSink): Disposable
}

export const kLink: unique symbol = Symbol('tripline.link')

/** A source of this library: it marks everything that it cancels before any listener is called. */
export abstract class BuiltInSource implements CancelationSource {
  static {
    markInstances(this)
  }

  /** A link for the target, not connected yet. @internal */
  abstract [kLink](target: Target): Link

  /** Starts watching for a given sink; disposing of the result stops it. */
  arm(sink: CancelSink): Disposable {
    const link = this[kLink](new SinkTarget(sink))
    const reason = link.connect()
    if (reason !== null) sink.cancel(reason)
    return new Cut(link)
  }
}

/** Cuts a link when it is disposed. */
class Cut implements Disposable {
  readonly #link: Link

  constructor(link: Link) {
    this.#link = link
  }

  [Symbol.dispose](): void {
    this.#link.disconnect()
    this.#link.close()
  }
}

/** Passes a reason on to a foreign sink. */
class SinkTarget implements Target {
  [kNext]: Target | null = null
  readonly #sink: CancelSink
  readonly #inContext = thisContext()
  #reason: CancelationReason | undefined

  constructor(sink: CancelSink) {
    this.#sink = sink
  }

  [kMark](reason: CancelationReason): boolean {
    if (this.#reason !== undefined) return false
    this.#reason = reason
    join(this)
    return true
  }
  [kSpread](): void {}
  [kNotify](): void {
    try {
      this.#inContext(() => this.#sink.cancel(this.#reason!))
    } catch (error) {
      reportError(error, 'sink')
    }
  }
}

/** A foreign source, armed for one target. It is the sink that the source reports to. */
class SourceLink extends Link implements CancelSink {
  readonly #source: CancelationSource
  readonly #inContext = thisContext()
  #armed: Disposable | undefined
  #early: CancelationReason | null = null
  #stage: 'idle' | 'arming' | 'armed' = 'idle'

  constructor(source: CancelationSource, target: Target) {
    super(target)
    this.#source = source
  }

  connect(): CancelationReason | null {
    this.#stage = 'arming'
    // A start that fails may be tried again.
    this.#early = null
    try {
      const armed: unknown = this.#inContext(() => this.#source.arm(this))
      if (isDisposable(armed)) this.#armed = armed
      else throw invalidType('arm() of a source', 'a function that returns a Disposable', armed)
    } catch (error) {
      this.#stage = 'idle'
      throw error
    }
    this.#stage = 'armed'
    return this.#early
  }

  /** Called by the source. */
  cancel(given: CancelationReason): boolean {
    const reason = fromOrigin(toReason(given), { source: nameOf(this.#source) || undefined })
    if (this.#stage === 'arming') {
      if (this.#early !== null) return false
      this.#early = reason
      return true
    }
    if (this.#stage === 'idle' || !this.target[kMark](reason)) return false
    deliver()
    return true
  }

  disconnect(): void {
    this.#stage = 'idle'
  }

  override close(): void {
    const armed = this.#armed
    if (armed === undefined) return
    this.#armed = undefined
    callIsolated('source', nameOf(this.#source), () => this.#inContext(() => armed[Symbol.dispose]()))
  }

  copy(target: Target): Link {
    return new SourceLink(this.#source, target)
  }
}

/** The name of a foreign source may be of any type, and reading it may throw. */
function nameOf(source: CancelationSource): string {
  try {
    return typeof source.name === 'string' ? source.name : ''
  } catch {
    return ''
  }
}

function isDisposable(value: unknown): value is Disposable {
  return (
    typeof value === 'object' && value !== null && typeof (value as Partial<Disposable>)[Symbol.dispose] === 'function'
  )
}

/**
 * @throws TypeError `ERR_INVALID_ARG_TYPE` for a value that is not a source
 * @internal
 */
export function checkSource(value: unknown, name: string): CancelationSource {
  if (typeof value === 'object' && value !== null && typeof (value as Partial<CancelationSource>).arm === 'function') {
    return value as CancelationSource
  }
  const foreign = ofThisCopy(value)
  const allowed = foreign === '' ? ': an object with a method arm(sink)' : foreign
  throw invalidType(name, `a source of cancelation${allowed}`, value)
}

/** The link from any source to a target. @internal */
export function linkTo(source: CancelationSource, target: Target): Link {
  return source instanceof BuiltInSource ? source[kLink](target) : new SourceLink(source, target)
}
