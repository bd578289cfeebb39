/** The tickers of this environment, to which the sampling thread delivers beats. */
import type { Addon } from './native.js'

/** Called with a ticker's beats. */
export interface Ticking {
  /** The time between its beats now, in milliseconds. */
  readonly period: number
  /**
   * @param beats how many have passed since the last delivery
   * @param index the index of the last of them
   * @param due when the last one was due, in milliseconds on the sampler's clock
   * @param period the time between them
   */
  beat(beats: number, index: number, due: number, period: number): void
}

/** The shortest period of a ticker or a recorder: 4000 Hz, as the sampling thread allows. */
export const SHORTEST_PERIOD_MS = 0.25

/** Numbers per ticker in a delivery. */
const FIELDS = 4
/** Tickers per call. */
const AT_ONCE = 64

const tickers = new Map<number, Ticking>()
// Buffers for all deliveries, so that a tick allocates nothing here.
const fetched = new Float64Array(FIELDS * AT_ONCE)
const released = new Float64Array(FIELDS)
let more: number[] | undefined
// The periods when the ticks were fetched: until they are delivered, a listener or another ticker may change them.
const periods: number[] = []

export function registerTicker(id: number, ticker: Ticking): void {
  tickers.set(id, ticker)
}

export function forgetTicker(id: number): void {
  tickers.delete(id)
}

/** Fetches all pending ticks; returns their number, for {@link deliverTicks}. */
export function fetchTicks(addon: Addon): number {
  if (tickers.size === 0) return 0
  let count = addon.takeTicks(fetched)
  if (count === AT_ONCE) {
    const all = Array.from(fetched)
    for (let next = count; next === AT_ONCE;) {
      next = addon.takeTicks(fetched)
      for (let i = 0; i < next * FIELDS; i++) all.push(fetched[i]!)
    }
    more = all
    count = all.length / FIELDS
  }
  const ticks: ArrayLike<number> = more ?? fetched
  for (let i = 0; i < count; i++) periods[i] = tickers.get(ticks[i * FIELDS]!)?.period ?? 0
  return count
}

/** Calls the tickers, except those that another one has closed meanwhile. */
export function deliverTicks(count: number): void {
  const ticks: ArrayLike<number> = more ?? fetched
  more = undefined
  for (let i = 0, at = 0; i < count; i++, at += FIELDS) {
    tickers.get(ticks[at]!)?.beat(ticks[at + 1]!, ticks[at + 2]!, ticks[at + 3]!, periods[i]!)
  }
}

/** The beats that passed while a ticker was held. */
export interface ReleasedBeats {
  readonly beats: number
  readonly index: number
  readonly due: number
}

/** Ends the hold of a ticker. */
export function takeReleased(addon: Addon, id: number): ReleasedBeats | undefined {
  if (addon.releaseTicker(id, released) === 0) return undefined
  return { beats: released[1]!, index: released[2]!, due: released[3]! }
}
