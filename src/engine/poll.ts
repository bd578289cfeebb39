/** Runs a user's check repeatedly, one at a time. */
import { inThisContext } from '../base/async-context.js'
import { now, realNow } from '../base/clock.js'
import { isThenable } from '../base/diagnostics.js'
import { Timer } from './timers.js'

/** A check, and when it is run. */
export interface PollSettings {
  /** Receives a signal only if `abortable`; it aborts at the timeout, and when polling ends. */
  readonly check: (signal: AbortSignal) => unknown
  readonly abortable: boolean
  /** From the end of one check to the start of the next, in milliseconds. */
  readonly interval: number
  /** The longest time that a check may take, in milliseconds; Infinity never ends the wait. */
  readonly timeout: number
}

/** The outcome of a check. */
export type Outcome = {
  /** How late the check began after it was due, in milliseconds. */
  readonly late: number
} & (
  | {
      readonly failed: false
      /** The value that it returned, or that its promise resolved to. */
      readonly value: unknown
    }
  | {
      readonly failed: true
      /** The error that it threw, or that its promise rejected with; a `TimeoutError` if it took too long. */
      readonly error: unknown
    }
)

/** If a timeout comes this much late, in milliseconds, the event loop was blocked, and the check may not hang. */
const LATE_MS = 50

interface Attempt {
  readonly late: number
  readonly controller: AbortController | undefined
  deadline: number
  timedOut: boolean
}

/**
 * Repeats a check, without keeping the process alive. A check that takes too long is reported as failed, and again after every
 * `interval` until its promise settles. The result is then not reported, and the next check begins `interval` later. All checks
 * run in the async context in which the poll was made.
 */
export class Poll {
  readonly #settings: PollSettings
  readonly #callCheck: (...args: AbortSignal[]) => unknown
  readonly #report: (outcome: Outcome) => void
  readonly #timer: Timer
  readonly #now: () => number
  #polling = false
  #dueAt = 0
  #attempt: Attempt | undefined

  /**
   * @param report called with each outcome; must not throw
   * @param isReal whether it stays on the real clock, even if a test has replaced the clock
   */
  constructor(settings: PollSettings, report: (outcome: Outcome) => void, isReal: boolean = false) {
    this.#settings = settings
    this.#callCheck = inThisContext(settings.check)
    this.#report = report
    this.#timer = new Timer(() => this.#expired(), false, isReal)
    this.#now = isReal ? realNow : now
  }

  /** Runs the first check now. If it is synchronous, its outcome is reported before this returns. */
  start(): void {
    this.#polling = true
    this.#dueAt = this.#now()
    this.#check()
  }

  /** Ends it. Nothing is reported from here on. */
  stop(): void {
    this.#polling = false
    this.#timer.stop()
    const attempt = this.#attempt
    this.#attempt = undefined
    attempt?.controller?.abort()
  }

  #check(): void {
    const { abortable, timeout } = this.#settings
    const at = this.#now()
    const controller = abortable ? new AbortController() : undefined
    const attempt: Attempt = { late: at - this.#dueAt, controller, deadline: at + timeout, timedOut: false }
    this.#attempt = attempt
    try {
      const result = controller === undefined ? this.#callCheck() : this.#callCheck(controller.signal)
      if (!isThenable(result)) return this.#settle(attempt, { failed: false, value: result, late: attempt.late })
      result.then(
        (value) => this.#settle(attempt, { failed: false, value, late: attempt.late }),
        (error: unknown) => this.#settle(attempt, { failed: true, error, late: attempt.late }),
      )
    } catch (error) {
      return this.#settle(attempt, { failed: true, error, late: attempt.late })
    }
    // The check may have ended the polling, and a thenable may settle at once.
    if (this.#attempt === attempt) this.#timer.start(timeout)
  }

  #settle(attempt: Attempt, outcome: Outcome): void {
    if (this.#attempt !== attempt) return
    this.#attempt = undefined
    if (!attempt.timedOut) this.#report(outcome)
    // The report may have ended the polling.
    if (!this.#polling) return
    const { interval } = this.#settings
    this.#dueAt = this.#now() + interval
    this.#timer.start(interval)
  }

  #expired(): void {
    const attempt = this.#attempt
    if (attempt === undefined) return this.#check()
    const { interval, timeout } = this.#settings
    const overdue = this.#now() - attempt.deadline
    if (!attempt.timedOut && overdue >= LATE_MS) {
      // The answer may be queued behind whatever blocked the loop, so wait for as long again as the loop was blocked.
      attempt.deadline += 2 * overdue
      this.#timer.start(overdue)
      return
    }
    const error = new DOMException(`The check has not answered for ${timeout} ms`, 'TimeoutError')
    const first = !attempt.timedOut
    attempt.timedOut = true
    this.#report({ failed: true, error, late: first ? attempt.late : 0 })
    if (this.#attempt !== attempt) return
    this.#timer.start(interval)
    if (first) attempt.controller?.abort(error)
  }
}
