/** The tickers of this environment, to which the sampling thread delivers beats. */
import type { Addon } from './native.js'

/** Called with a ticker's beats. */
export interface Ticking {
  /**
   * @param beats how many have passed since the last delivery
   * @param index the index of the last of them
   * @param due when the last one was due, in milliseconds on the sampler's clock
   */
  beat(beats: number, index: number, due: number): void
}

const FIELDS = 4
const AT_ONCE = 64

const tickers = new Map<number, Ticking>()
// Buffers for all deliveries, so that a tick allocates nothing here.
const fetched = new Float64Array(FIELDS * AT_ONCE)
const released = new Float64Array(FIELDS)
let more: number[] | undefined

export function registerTicker(id: number, ticker: Ticking): void {
  tickers.set(id, ticker)
}

export function forgetTicker(id: number): void {
  tickers.delete(id)
}

/** Fetches all pending ticks; returns their number, for {@link deliverTicks}. */
export function fetchTicks(addon: Addon): number {
  if (tickers.size === 0) return 0
  const count = addon.takeTicks(fetched)
  if (count < AT_ONCE) return count
  const all = Array.from(fetched)
  for (let next = count; next === AT_ONCE;) {
    next = addon.takeTicks(fetched)
    for (let i = 0; i < next * FIELDS; i++) all.push(fetched[i]!)
  }
  more = all
  return all.length / FIELDS
}

/** Calls the tickers, except those that another one has closed meanwhile. */
export function deliverTicks(count: number): void {
  const ticks: ArrayLike<number> = more ?? fetched
  more = undefined
  for (let i = 0; i < count * FIELDS; i += FIELDS) {
    tickers.get(ticks[i]!)?.beat(ticks[i + 1]!, ticks[i + 2]!, ticks[i + 3]!)
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
