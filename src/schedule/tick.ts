/** The types that tickers, their bodies and their options share. */
import type { Cancelable } from '../cancelable/cancelable.js'

/** One beat, as its body gets it. All times are milliseconds on the clock of `performance.now()`. */
export interface Tick {
  /** The number of the beat, counted from 0, including missed beats. */
  readonly index: number
  /** When it was due: a whole number of periods after the first one, so that no lateness adds up. */
  readonly due: number
  /** How long after that time its body was called. */
  readonly late: number
  /** How many beats since the last body had no body of their own. */
  readonly missed: number
}

/**
 * The body of a ticker. `cancel` is the operation of the tick: canceled with the ticker, or when the tick's `timeout` runs
 * out. A promise that it returns is waited for.
 */
export type TickBody = (cancel: Cancelable, tick: Tick) => unknown

/** Whether a ticker beats: `slowed` and `paused` by its guard or its owner, `closed` for good. */
export type TickerState = 'running' | 'slowed' | 'paused' | 'closed'
