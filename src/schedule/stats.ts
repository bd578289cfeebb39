/** The statistics of a ticker. */
import { realNow } from '../base/clock.js'
import { samplerStats } from '../addon/sampler.js'
import { Histogram } from '../base/histogram.js'

/** What a ticker has done so far. All times are in milliseconds. */
export interface TickerStats {
  /** Bodies started. */
  readonly ticks: number
  /** Bodies started per second of the time in which it was not paused. */
  readonly rate: number
  /** From when a beat was due to the start of its body; NaN before the first. */
  readonly late: {
    /** Half of all were at most this late, to within 6 %. */
    readonly p50: number
    /** 99 % of all were at most this late, to within 6 %. */
    readonly p99: number
    /** The latest of all, exactly. */
    readonly max: number
  }
  /** Beats that had no body of their own. */
  readonly missed: number
  /** Bodies that took longer than the period. */
  readonly overruns: number
  /** Ticks that were canceled because their `timeout` ran out. */
  readonly timeouts: number
  /** Bodies that run now. */
  readonly running: number
  /** How long it was paused, by `pause()` or by its guard. */
  readonly paused: number
  /** How long it was slowed down by its guard. */
  readonly slowed: number
  /** How the system schedules the sampling thread. 0 and false if the system does not report it. */
  readonly scheduling: {
    /** By how much the kernel may delay its wake-ups to merge them with others, in milliseconds. */
    readonly timerSlack: number
    /** Its time slice, in milliseconds: the shorter, the sooner it runs among others. */
    readonly slice: number
    /** Whether it has real-time scheduling (SCHED_FIFO). */
    readonly realTime: boolean
  }
}

/** Counts for {@link TickerStats}. */
export class TickerCounts {
  ticks = 0
  missed = 0
  overruns = 0
  timeouts = 0
  readonly late: Histogram = new Histogram()
  readonly #begun = realNow()
  #ended: number | undefined
  readonly paused: Stopwatch = new Stopwatch()
  readonly slowed: Stopwatch = new Stopwatch()

  /** Stops all clocks. */
  end(): void {
    this.#ended = realNow()
    this.paused.run(false)
    this.slowed.run(false)
  }

  toStats(running: number): TickerStats {
    const { ticks, missed, overruns, timeouts, late } = this
    const paused = this.paused.elapsed
    const active = (this.#ended ?? realNow()) - this.#begun - paused
    const { timerSlack = 0, slice = 0, realTime = false } = samplerStats() ?? {}
    return {
      ticks,
      rate: active > 0 ? (ticks / active) * 1000 : 0,
      late: { p50: late.quantile(0.5), p99: late.quantile(0.99), max: late.count === 0 ? NaN : late.max },
      missed,
      overruns,
      timeouts,
      running,
      paused,
      slowed: this.slowed.elapsed,
      scheduling: { timerSlack, slice, realTime },
    }
  }
}

class Stopwatch {
  #sum = 0
  #since: number | undefined

  run(on: boolean): void {
    if (on) {
      this.#since ??= realNow()
    } else if (this.#since !== undefined) {
      this.#sum += realNow() - this.#since
      this.#since = undefined
    }
  }

  get elapsed(): number {
    return this.#sum + (this.#since === undefined ? 0 : realNow() - this.#since)
  }
}
