/** The latest values of one metric, for the table and its sparkline. */
import type { MetricInfo } from '../addon/metrics.js'
import { metricText, type SelectedMetric } from '../monitor/metric-text.js'
import type { Selector } from '../base/selector.js'
import { sparkline } from './sparkline.js'

const LENGTH = 60

/** One row of the table. */
export class History {
  readonly info: MetricInfo
  readonly selector: Selector
  readonly #values: number[] = []
  /** Why the metric is unavailable; empty while it is available. */
  why = ''

  constructor({ info, selector }: SelectedMetric) {
    this.info = info
    this.selector = selector
  }

  /** The metric with its selector: `'disk(/data)'`. */
  get label(): string {
    return metricText(this)
  }

  add(value: number): void {
    this.#values.push(value)
    if (this.#values.length > LENGTH) this.#values.shift()
  }

  get now(): number | undefined {
    return this.#values.at(-1)
  }
  get least(): number | undefined {
    return this.#values.length === 0 ? undefined : Math.min(...this.#values)
  }
  get most(): number | undefined {
    return this.#values.length === 0 ? undefined : Math.max(...this.#values)
  }
  get mean(): number | undefined {
    const { length } = this.#values
    return length === 0 ? undefined : this.#values.reduce((sum, each) => sum + each, 0) / length
  }

  /** Draws the latest values as bars, from 0 to the end of the scale or, without one, to the largest value seen. */
  sparkline(width: number): string {
    const shown = this.#values.slice(-width)
    const top = Number.isFinite(this.info.max) ? this.info.max : Math.max(...this.#values, Number.MIN_VALUE)
    return sparkline(shown, 0, top).padStart(width)
  }
}
