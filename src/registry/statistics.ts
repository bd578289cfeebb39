/** Counts of a registry, kept up to date with every operation. */
import { Histogram } from '../base/histogram.js'
import type { OperationStatus } from '../base/operation-context.js'
import type { CancelationReason } from '../base/reason.js'

/** The statuses in which an operation can end. */
type EndStatus = Exclude<OperationStatus, 'pending' | 'running'>

/** The counts of a registry. */
export interface RegistryStatistics {
  /** How many operations are registered now. */
  readonly active: number
  /** The same by status. */
  readonly byStatus: Readonly<Record<'pending' | 'running' | 'canceled', number>>
  /** How many have ended, in total and by status. */
  readonly ended: Readonly<Record<'total' | EndStatus, number>>
  /** How many of those were canceled, by the kind of the reason. Some may have completed nevertheless. */
  readonly reasons: Readonly<Partial<Record<CancelationReason['kind'], number>>>
  /** How long those that had started have run, in milliseconds; NaN if there were none. Quantiles are off by at most 6 %. */
  readonly duration: Readonly<Record<'mean' | 'p50' | 'p90' | 'p99' | 'max', number>>
}

export class Statistics {
  readonly #ended: Record<EndStatus, number> = { completed: 0, failed: 0, canceled: 0, disposed: 0, abandoned: 0 }
  readonly #reasons: Partial<Record<CancelationReason['kind'], number>> = {}
  readonly #durations = new Histogram()
  #total = 0

  add(status: OperationStatus, reason: CancelationReason | null, elapsed: number | undefined): void {
    this.#ended[status as EndStatus]++
    if (reason !== null) this.#reasons[reason.kind] = (this.#reasons[reason.kind] ?? 0) + 1
    if (elapsed === undefined) return
    this.#total += elapsed
    this.#durations.add(elapsed)
  }

  report(stages: readonly [number, number, number]): RegistryStatistics {
    const [pending, running, canceled] = stages
    const durations = this.#durations
    const { count } = durations
    const total = Object.values(this.#ended).reduce((sum, each) => sum + each, 0)
    return {
      active: pending + running + canceled,
      byStatus: { pending, running, canceled },
      ended: { total, ...this.#ended },
      reasons: { ...this.#reasons },
      duration: {
        mean: count === 0 ? NaN : this.#total / count,
        p50: durations.quantile(0.5),
        p90: durations.quantile(0.9),
        p99: durations.quantile(0.99),
        max: count === 0 ? NaN : durations.max,
      },
    }
  }
}
