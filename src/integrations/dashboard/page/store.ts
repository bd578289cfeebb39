/** The data of the page: the parts as last received, and the metrics with their history. */
import type { About, Column, Missing, Parts, StateMessage, UpdateMessage } from '../protocol.js'

const NO_PARTS: Parts = {
  lines: [],
  why: {},
  guards: [],
  breaches: [],
  operations: null,
  commands: [],
  limiters: [],
  tickers: [],
  recording: null,
  cost: null,
}

/** After so many intervals without a sample, the line has a gap: the program or the machine stood still. */
const GAP_INTERVALS = 3

export class Store {
  about: About | undefined
  parts: Parts = NO_PARTS
  columns: readonly Column[] = []
  missing: readonly Missing[] = []
  /** In seconds, as the charts take them. */
  times: number[] = []
  values: (number | null)[][] = []
  /** Grows whenever the columns change. */
  version = 0
  /** The wall clock of the server, minus that of the browser. */
  #ahead = 0
  #lostAt: number | undefined

  /** The server's wall clock, in milliseconds; it stands still while there is no connection, as the values do. */
  get now(): number {
    return (this.#lostAt ?? Date.now()) + this.#ahead
  }

  set isLive(isLive: boolean) {
    this.#lostAt = isLive ? undefined : (this.#lostAt ?? Date.now())
  }

  replace(message: StateMessage): void {
    const { about, more, times, columns, missing, now, ...parts } = message
    this.#setClock(now)
    this.about = about
    this.missing = missing
    this.parts = parts
    const before = JSON.stringify(this.columns.map(({ text }) => text))
    const same = before === JSON.stringify(columns.map(({ text }) => text))
    this.columns = columns
    if (!more || !same) {
      this.times = []
      this.values = columns.map(() => [])
      if (!same) this.version++
    }
    for (const [index, time] of times.entries()) this.#add(time, (place) => columns[place]!.values[index]!)
  }

  update(message: UpdateMessage): void {
    const { now, time, values, ...parts } = message
    this.#setClock(now)
    this.parts = { ...this.parts, ...parts }
    if (time !== undefined && values !== undefined) this.#add(time, (place) => values[place] ?? null)
  }

  /** The newest value of a column; null if it is not known. */
  newest(place: number): number | null {
    return this.values[place]?.at(-1) ?? null
  }

  #setClock(now: number): void {
    this.#ahead = now - Date.now()
  }

  #add(time: number, valueOf: (place: number) => number | null): void {
    const { interval, samples } = this.about!
    const at = time / 1000
    const last = this.times.at(-1)
    // After a clock that was set back, what was before has no place on the axis.
    if (last !== undefined && at <= last) this.#dropFrom(at)
    if (last !== undefined && (at - last) * 1000 > GAP_INTERVALS * interval) this.#push(last + 0.001, () => null)
    this.#push(at, valueOf)
    if (this.times.length <= samples) return
    const most = this.times.length - samples
    this.times.splice(0, most)
    for (const each of this.values) each.splice(0, most)
  }

  #dropFrom(at: number): void {
    const from = this.times.findIndex((each) => each >= at)
    if (from < 0) return
    this.times.splice(from)
    for (const each of this.values) each.splice(from)
  }

  #push(at: number, valueOf: (place: number) => number | null): void {
    this.times.push(at)
    for (const [place, each] of this.values.entries()) each.push(valueOf(place))
  }
}
