/**
 * A machine for tickers whose time the test sets: its clock, its timers, and beats as the sampling thread keeps them. The native
 * tests compare the real thread with the same rules.
 */
import type { Addon } from '../../src/addon/native.js'

type TickerCalls = Pick<
  Addon,
  | 'addTicker'
  | 'removeTicker'
  | 'setTickerPeriod'
  | 'pauseTicker'
  | 'resumeTicker'
  | 'holdTicker'
  | 'releaseTicker'
  | 'takeTicks'
  | 'now'
>

interface ScriptedTimer {
  readonly due: number
  readonly callback: () => void
  ref(): void
  unref(): void
}

interface ScriptedTicker {
  readonly delay: boolean
  period: number
  next: number
  index: number
  paused: boolean
  held: boolean
  notified: boolean
}

class ScriptedMachine {
  time = 1000
  readonly timers: ScriptedTimer[] = []
  readonly tickers = new Map<number, ScriptedTicker>()
  /** Whether the event loop takes beats now: what else makes it look must not. */
  isDelivering = false
  #last = 0

  /** A new program begins, at a whole second. The library's own timer stays armed. */
  begin(): void {
    this.time = 1000 * Math.ceil(this.time / 1000)
    this.tickers.clear()
    this.isDelivering = false
  }

  setTimeout(callback: () => void, delay: number): ScriptedTimer {
    const timer = { due: this.time + Math.max(1, delay), callback, ref: () => undefined, unref: () => undefined }
    const place = this.timers.findIndex(({ due }) => due > timer.due)
    this.timers.splice(place < 0 ? this.timers.length : place, 0, timer)
    return timer
  }

  clearTimeout(timer: unknown): void {
    const place = this.timers.indexOf(timer as ScriptedTimer)
    if (place >= 0) this.timers.splice(place, 1)
  }

  /** When the event loop has something to do next. */
  get next(): number {
    const beats = [...this.tickers.values()].flatMap(({ paused, held, notified, next }) =>
      paused || held ? [] : [notified ? this.time : next],
    )
    return Math.min(this.timers[0]?.due ?? Infinity, ...beats)
  }

  /** The thread: notifies of each beat that has passed. */
  notify(): boolean {
    let any = false
    for (const each of this.tickers.values()) {
      each.notified ||= !each.paused && !each.held && each.next <= this.time
      any ||= each.notified
    }
    return any
  }

  #take(ticker: ScriptedTicker): number[] {
    if (ticker.paused || ticker.next > this.time) return []
    let count = 0
    let due = 0
    for (; ticker.next <= this.time; ticker.next += ticker.period) {
      due = ticker.next
      count++
    }
    ticker.index += count
    const isLate = count > 1 || this.time - due >= ticker.period / 2
    if (ticker.delay && isLate) ticker.next = this.time + ticker.period
    return [count, ticker.index - 1, due]
  }

  readonly calls: TickerCalls = {
    now: () => this.time,
    addTicker: (period, delay) => {
      const ticker = { delay, period, next: this.time + period, index: 0, paused: false, held: false, notified: false }
      this.tickers.set(++this.#last, ticker)
      return this.#last
    },
    removeTicker: (id) => void this.tickers.delete(id),
    setTickerPeriod: (id, period) => {
      const ticker = this.tickers.get(id)
      // As in the addon, one that was removed is not there.
      if (ticker === undefined) return
      if (ticker.next > this.time) ticker.next = Math.max(this.time, ticker.next - ticker.period + period)
      ticker.period = period
    },
    pauseTicker: (id) => void (this.tickers.get(id)!.paused = true),
    resumeTicker: (id, delay) => {
      const ticker = this.tickers.get(id)!
      ticker.paused = false
      ticker.next = Math.max(ticker.next, this.time + delay)
    },
    holdTicker: (id) => void (this.tickers.get(id)!.held = true),
    releaseTicker: (id, into) => {
      const ticker = this.tickers.get(id)!
      ticker.held = false
      const taken = this.#take(ticker)
      into.set([id, ...taken])
      return taken.length === 0 ? 0 : 1
    },
    takeTicks: (into) => {
      let count = 0
      if (!this.isDelivering) return 0
      for (const [id, ticker] of this.tickers) {
        if (!ticker.notified) continue
        ticker.notified = false
        const taken = this.#take(ticker)
        if (taken.length > 0) into.set([id, ...taken], 4 * count++)
      }
      return count
    },
  }
}

export const machine = new ScriptedMachine()
