/** A cancelation token that records how it is used. */
import { now } from '../base/clock.js'
import { toReason, type CancelationReason } from '../base/reason.js'
import { CancelationToken, kHub } from '../sources/token.js'

/** One call of `cancel()`. */
export interface CancelAttempt {
  /** The reason that was made from the argument. */
  readonly reason: CancelationReason
  /** Whether it was the first, and therefore canceled the token. */
  readonly first: boolean
  /** When it happened, in milliseconds on the clock in force: that of `performance.now()`, or a test clock. */
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

/** A token that works like any other and records how it is used. Made by {@link recordingToken}. */
export class RecordingToken extends CancelationToken {
  readonly #attempts: CancelAttempt[] = []
  readonly #listeners: RecordedListener[] = []
  #checks = 0

  /** Every call of `cancel()` with a valid reason, in order, including those that came too late. */
  get attempts(): readonly CancelAttempt[] {
    return [...this.#attempts]
  }

  /** Every call of `onCancel()`, in order. */
  get listeners(): readonly RecordedListener[] {
    return [...this.#listeners]
  }

  /** How often `isCanceled` or `reason` was read or `throwIfCanceled()` was called. */
  get checks(): number {
    return this.#checks
  }

  /** How many operations, linked tokens and listeners are attached now; 0 after it is canceled, or when all have ended. */
  get attached(): number {
    let count = 0
    for (let link = this[kHub].head; link !== null; link = link.next) count++
    return count
  }

  /** Clears the records; everything that is attached stays. */
  clear(): void {
    this.#attempts.length = 0
    this.#listeners.length = 0
    this.#checks = 0
  }

  /** Records the attempt, then cancels as any token does. @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` */
  override cancel(reason?: string | Error | CancelationReason): boolean {
    const checked = toReason(reason)
    const attempt = { reason: checked, first: this[kHub].current() === null, at: now() }
    // Recorded before the listeners run, because their own attempts come after it.
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

  /** Throws as any token does; counts as a check. @throws CancelationError if it is canceled */
  override throwIfCanceled(): void {
    this.#checks++
    super.throwIfCanceled()
  }

  /** Calls the listener as any token does, and records it. @throws TypeError `ERR_INVALID_ARG_TYPE` */
  override onCancel(listener: (reason: CancelationReason) => unknown): Disposable {
    const recorded = { listener, at: now(), calls: 0, removed: false }
    const called = (reason: CancelationReason): unknown => {
      recorded.calls++
      return listener(reason)
    }
    // The base class refuses a value that is not a function.
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
 * Makes a token that records all attempts to cancel it, the attached listeners, and how often it was checked.
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
