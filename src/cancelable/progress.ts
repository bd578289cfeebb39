/** Progress as numbers: what is done of how much, how fast, and how long it will take; and reports that are thinned out. */
import { now } from '../base/clock.js'
import { invalidType, invalidValue } from '../base/errors.js'
import { readOptions } from '../base/options.js'
import type { Amount, Progress } from '../base/operation-context.js'
import { parseDuration, type Duration } from '../base/units.js'
import { Timer } from '../engine/timers.js'

/** Progress as numbers, for `reportProgress`. */
export interface ProgressReport {
  /** How much is done, in any unit; never negative. */
  done: number
  /** How much there is in all; leave it out if that is not known. @default none */
  total?: number | undefined
  /** One line for people. @default the numbers: `'3 of 10'` */
  message?: string | undefined
  /** Any further data. @default none */
  data?: unknown
}

/** The options of `onProgress`. */
export interface ProgressOptions {
  /** The shortest time between two calls; the latest report in between is kept for the next, or for the end. @default 0 */
  throttle?: Duration | undefined
}

// The rate follows changes within about this time, in milliseconds.
const SMOOTHING_MS = 5000

/** Measures how fast the numbers grow. */
export class ProgressMeter {
  #at: number | undefined
  #done = 0
  #rate: number | undefined

  /** The numbers of a report that was checked, with what follows from the earlier ones. */
  take({ done, total }: ProgressReport): Amount {
    this.#measure(done, now())
    const rate = this.#rate
    const left = total === undefined ? undefined : Math.max(0, total - done)
    const eta = left === 0 ? 0 : left !== undefined && rate !== undefined && rate > 0 ? (left / rate) * 1000 : undefined
    return { done, total, fraction: total === undefined ? undefined : fractionOf(done, total), rate, eta }
  }

  #measure(done: number, at: number): void {
    const elapsed = this.#at === undefined ? 0 : at - this.#at
    // Started again, as a retry does.
    if (done < this.#done) this.#rate = undefined
    else if (elapsed > 0) {
      const latest = ((done - this.#done) / elapsed) * 1000
      const weight = 1 - Math.exp(-elapsed / SMOOTHING_MS)
      this.#rate = this.#rate === undefined ? latest : this.#rate + (latest - this.#rate) * weight
    } else if (this.#at !== undefined) return
    this.#at = at
    this.#done = done
  }
}

/** Its line for people, unless it has one of its own. */
export function messageOfReport({ done, total, message }: ProgressReport): string {
  if (message !== undefined) return message
  return total === undefined ? String(done) : `${done} of ${total}`
}

function fractionOf(done: number, total: number): number {
  return total === 0 ? 1 : Math.min(1, done / total)
}

/** @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` */
export function checkReport(report: ProgressReport): ProgressReport {
  readOptions(report, 'progress option', ['done', 'total', 'message', 'data'])
  checkAmount(report.done, 'done')
  if (report.total !== undefined) checkAmount(report.total, 'total')
  if (report.message !== undefined && typeof report.message !== 'string') {
    throw invalidType('message', 'a string', report.message)
  }
  return report
}

function checkAmount(value: unknown, name: string): void {
  if (typeof value !== 'number') throw invalidType(name, 'a number', value)
  if (!(value >= 0 && value < Infinity)) throw invalidValue(name, 'a number from 0 on', value)
}

/** @throws TypeError, RangeError for bad options */
export function throttleOf(options: ProgressOptions | undefined): number {
  if (options === undefined) return 0
  readOptions(options, 'option', ['throttle'])
  return options.throttle === undefined ? 0 : parseDuration(options.throttle, 'throttle')
}

/** Calls a listener at most once per period. What comes in between replaces what waits. */
export class Throttle {
  readonly #listener: (progress: Progress) => unknown
  readonly #period: number
  readonly #timer: Timer
  #calledAt = -Infinity
  #waiting: Progress | undefined

  constructor(listener: (progress: Progress) => unknown, period: number) {
    this.#listener = listener
    this.#period = period
    this.#timer = new Timer(() => void this.flush(), false)
  }

  /** Returns what the listener returns, if it is called. */
  take(progress: Progress): unknown {
    const left = this.#calledAt + this.#period - now()
    const waits = this.#waiting !== undefined
    this.#waiting = progress
    if (left <= 0) return this.flush()
    if (!waits) this.#timer.start(left)
    return undefined
  }

  /** Passes on what waits, now. */
  flush(): unknown {
    const progress = this.#waiting
    if (progress === undefined) return undefined
    this.#timer.stop()
    this.#waiting = undefined
    this.#calledAt = now()
    return this.#listener(progress)
  }
}
