/** Time as a source, for composites; an operation keeps its own timeout itself. */
import { now } from '../base/clock.js'
import { timeoutReason, type CancelationReason } from '../base/reason.js'
import { parseDuration, type Duration } from '../base/units.js'
import { Link, WATCH_DEADLINE } from '../engine/link.js'
import { BuiltInSource, kLink } from './source.js'
import { isForeign, timeOf, Timer } from '../engine/timers.js'
import { kMark, type Target } from '../engine/propagation.js'
import { NO_TERMS, TEST_TIME, type Term } from '../engine/watching.js'

/** Cancels when the time, counted from the start of the operation, has run out. */
export class TimeoutSource extends BuiltInSource {
  /** In milliseconds; `Infinity` never runs out. */
  readonly timeout: number

  /**
   * Makes a source of a duration; 0 cancels at the start, and `Infinity` never.
   *
   * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`; RangeError `ERR_OUT_OF_RANGE`
   */
  constructor(timeout: Duration) {
    super()
    this.timeout = parseDuration(timeout, 'timeout', true)
  }

  /** For messages. */
  get name(): string {
    return 'timeout'
  }

  /** @internal */
  [kLink](target: Target): Link {
    return new TimeoutLink(this.timeout, target)
  }
}

class TimeoutLink extends Link {
  readonly #timeout: number
  readonly #timer: Timer
  #deadline = Infinity

  constructor(timeout: number, target: Target) {
    super(target)
    this.#timeout = timeout
    this.#timer = new Timer(() => this.#expired(), false)
  }

  connect(): CancelationReason | null {
    this.#deadline = now() + this.#timeout
    if (this.#timeout === 0) return timeoutReason(0, this.#deadline)
    this.#timer.start(this.#timeout)
    return null
  }

  disconnect(): void {
    this.#deadline = Infinity
    this.#timer.stop()
  }

  copy(target: Target): Link {
    return new TimeoutLink(this.#timeout, target)
  }

  override get watch(): number {
    return this.#timeout === Infinity ? 0 : WATCH_DEADLINE
  }

  override poll(): void {
    if (timeOf(this.#timer) >= this.#deadline) this.#expired()
  }

  override terms(): readonly Term[] {
    if (this.#deadline === Infinity || isForeign(this.#timer)) return NO_TERMS
    return [[{ kind: TEST_TIME, value: this.#deadline }]]
  }

  #expired(): void {
    const deadline = this.#deadline
    this.disconnect()
    this.target[kMark](timeoutReason(this.#timeout, deadline))
  }
}
