/** A cancelation token that remembers what was done with it. */
import { now } from '../base/clock.js'
import { toReason, type CancelationReason } from '../base/reason.js'
import { CancelationToken, kHub } from '../sources/token.js'

/** One call of `cancel()`. */
export interface CancelAttempt {
  /** The whole reason that was made of the argument. */
  readonly reason: CancelationReason
  /** Whether it was the first, and so counted. */
  readonly first: boolean
  /** When, in milliseconds on the clock in force: that of `performance.now()`, or a test's. */
  readonly at: number
}

/** One call of `onCancel()`. */
export interface RecordedListener {
  /** The listener. */
  readonly listener: (reason: CancelationReason) => unknown
  /** When it was attached, in milliseconds on the clock in force. */
  readonly at: number
  /** How often it has been called: 0 or 1. */
  readonly calls: number
  /** Whether it was removed. */
  readonly removed: boolean
}

/** A token that works as any other, and remembers. Made by {@link recordingToken}. */
export class RecordingToken extends CancelationToken {
  readonly #attempts: CancelAttempt[] = []
  readonly #listeners: RecordedListener[] = []
  #checks = 0

  /** Every call of `cancel()` with a reason that is valid, in order, also those that came too late. */
  get attempts(): readonly CancelAttempt[] {
    return [...this.#attempts]
  }

  /** Every call of `onCancel()`, in order. */
  get listeners(): readonly RecordedListener[] {
    return [...this.#listeners]
  }

  /** How often `isCanceled`, `reason` or `throwIfCanceled()` was asked. */
  get checks(): number {
    return this.#checks
  }

  /** How many operations, linked tokens and listeners are attached now; 0 once it is canceled, or all have ended. */
  get attached(): number {
    let count = 0
    for (let link = this[kHub].head; link !== null; link = link.next) count++
    return count
  }

  /** Forgets what was done so far; what is attached stays. */
  clear(): void {
    this.#attempts.length = 0
    this.#listeners.length = 0
    this.#checks = 0
  }

  /** As of any token; the attempt is remembered first. @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` */
  override cancel(reason?: string | Error | CancelationReason): boolean {
    const checked = toReason(reason)
    const attempt = { reason: checked, first: this[kHub].current() === null, at: now() }
    // Before its listeners, whose own attempts come after it.
    this.#attempts.push(attempt)
    return super.cancel(checked)
  }

  /** As of any token; counted as a check. */
  override get isCanceled(): boolean {
    this.#checks++
    return super.isCanceled
  }

  /** As of any token; counted as a check. */
  override get reason(): CancelationReason | undefined {
    this.#checks++
    return super.reason
  }

  /** As of any token; counted as a check. @throws CancelationError if it is canceled */
  override throwIfCanceled(): void {
    this.#checks++
    super.throwIfCanceled()
  }

  /** As of any token; the listener is remembered. @throws TypeError `ERR_INVALID_ARG_TYPE` */
  override onCancel(listener: (reason: CancelationReason) => unknown): Disposable {
    const recorded = { listener, at: now(), calls: 0, removed: false }
    const called = (reason: CancelationReason): unknown => {
      recorded.calls++
      return listener(reason)
    }
    // What is no function is refused as by any other token.
    const subscription = super.onCancel(typeof listener === 'function' ? called : listener)
    this.#listeners.push(recorded)
    return {
      [Symbol.dispose]: () => {
        recorded.removed = true
        subscription[Symbol.dispose]()
      },
    }
  }
}

/**
 * A token that remembers all attempts to cancel it, the listeners that were attached, and how often it was checked.
 *
 * @example
 * const token = recordingToken()
 * await startServer({ token }).close()
 * assert.deepEqual(token.attempts.map(({ reason }) => reason.message), ['shutting down'])
 * assert.equal(token.attached, 0)
 */
export function recordingToken(): RecordingToken {
  return new RecordingToken()
}
