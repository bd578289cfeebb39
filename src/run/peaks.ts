/** Samples the peak usage of a process tree. */
import { realTimers } from '../base/real-timers.js'
import { checkMetric, toSeriesKey } from '../monitor/selectors.js'
import type { MetricName } from '../addon/metrics.js'
import { Series } from '../addon/sampler.js'

/** The largest values that were sampled; undefined if the command ended before the first sample. */
export interface Peaks {
  /** `process.footprint`: memory of the tree in bytes, with what was swapped out; shared pages count once. */
  readonly memory: number | undefined
  /** `process.rss`, in bytes; shared pages count once per process. */
  readonly rss: number | undefined
  /** `process.cpu`, in percent of one CPU. */
  readonly cpu: number | undefined
  /** `process.count`: the largest number of processes at the same time. */
  readonly processes: number | undefined
}

const METRICS: Readonly<Record<keyof Peaks, MetricName>> = {
  memory: 'process.footprint',
  rss: 'process.rss',
  cpu: 'process.cpu',
  processes: 'process.count',
}

const FIRST_DELAY_MS = 5
const LAST_DELAY_MS = 200

/** Samples often at first, because most commands are short, and later a few times per second. */
export class PeakMeter implements Disposable {
  readonly #series = new Map<keyof Peaks, Series>()
  readonly #peaks = new Map<keyof Peaks, number>()
  #delay = FIRST_DELAY_MS
  #timer: NodeJS.Timeout | undefined

  /** Leaves out metrics that this machine does not have. */
  constructor(root: number) {
    for (const [peak, metric] of Object.entries(METRICS) as [keyof Peaks, MetricName][]) {
      const key = toSeriesKey(checkMetric(metric), { pid: root, tree: true }, undefined, metric)
      const series = Series.open(key, false)
      series.addReader(LAST_DELAY_MS / 4)
      this.#series.set(peak, series)
    }
    this.#sample()
  }

  get peaks(): Peaks {
    const { memory, rss, cpu, processes } = Object.fromEntries(this.#peaks)
    return { memory, rss, cpu, processes }
  }

  /** Adds a value that was measured elsewhere. */
  note(metric: string, value: number): void {
    for (const [peak, each] of Object.entries(METRICS) as [keyof Peaks, MetricName][]) {
      if (each === metric) this.#add(peak, value)
    }
  }

  [Symbol.dispose](): void {
    // The thread may have read the tree once more.
    this.#take()
    realTimers.clearTimeout(this.#timer)
    for (const series of this.#series.values()) {
      series.removeReader(LAST_DELAY_MS / 4)
      series.release()
    }
    this.#series.clear()
  }

  #add(peak: keyof Peaks, value: number): void {
    this.#peaks.set(peak, Math.max(value, this.#peaks.get(peak) ?? 0))
  }

  #take(): void {
    // A tree that has ended reads as 0 everywhere, which is not a sample.
    const there = this.#series.get('processes')!.read()
    for (const [peak, series] of there.state === 'known' && there.value === 0 ? [] : this.#series) {
      const { state, value } = series.read()
      if (state === 'known') this.#add(peak, value)
    }
  }

  #sample(): void {
    this.#take()
    this.#timer = realTimers.setTimeout(() => this.#sample(), this.#delay).unref()
    this.#delay = Math.min(this.#delay * 2, LAST_DELAY_MS)
  }
}
