/** What tickers, their bodies and their options name alike. */
import type { Cancelable } from '../cancelable/cancelable.js'

/** One beat, as its body is told of it. Times are milliseconds on the clock of `performance.now()`. */
export interface Tick {
  /** Counted from 0, with the beats that were missed. */
  readonly index: number
  /** When it should have been: a whole number of periods after the first one, so that no lateness adds up. */
  readonly due: number
  /** By how much its body is late. */
  readonly late: number
  /** How many beats since the last body had none of their own. */
  readonly missed: number
}

/** `cancel` is the tick's operation: canceled with the ticker, or when the tick's `timeout` runs out. */
export type TickBody = (cancel: Cancelable, tick: Tick) => unknown

export type TickerState = 'running' | 'slowed' | 'paused' | 'closed'
