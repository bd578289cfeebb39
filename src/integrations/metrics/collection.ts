/** Everything that one export watches and counts, as families. */
import { MetricUnavailableError } from '../../base/errors.js'
import { Monitor } from '../../monitor/monitor.js'
import { guardFamilies, limiterFamilies } from './guards.js'
import { DELAY_NAMES, LoopDelays, type DelayName } from './loop-delays.js'
import { SECONDS } from './names.js'
import { Cancelations, operationFamilies } from './operations.js'
import type { MetricsSettings } from './options.js'
import { metricFamilies } from './readings.js'
import type { Family } from './families.js'

/** Keeps everything warm until it is disposed of. Does not keep the process alive. */
export class Collection implements Disposable {
  readonly families: readonly Family[]
  readonly #monitor: Monitor | undefined
  readonly #delays: LoopDelays | undefined
  readonly #cancelations: Cancelations
  #ready: Promise<void> | undefined
  #closed = false

  /** @throws as `monitor()` does for bad metrics; NativeMissingError */
  constructor({ metrics, interval, guards, limiters, registry, loopDelays }: MetricsSettings) {
    this.#monitor = metrics.length === 0 ? undefined : new Monitor(metrics, { interval, onMissing: 'ignore' })
    try {
      this.#delays = loopDelays ? tryDelays() : undefined
    } catch (error) {
      this.#monitor?.close()
      throw error
    }
    this.#cancelations = new Cancelations()
    const ofMetrics = this.#monitor === undefined ? [] : metricFamilies(this.#monitor, metrics)
    const ofDelays = this.#delays === undefined ? [] : delayFamilies(this.#delays)
    const ofOperations = operationFamilies(this.#cancelations, registry)
    this.families = [...ofMetrics, ...ofDelays, ...guardFamilies(guards), ...limiterFamilies(limiters), ...ofOperations]
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Resolves once each metric has a value or is known to have none. Keeps the process alive until then. */
  get ready(): Promise<void> {
    const monitor = this.#monitor
    if (monitor === undefined) return Promise.resolve()
    if (this.#ready === undefined) {
      this.#ready = monitor.ref().ready.finally(() => monitor.unref())
      // Once this is closed, the promise may have no handler any more.
      this.#ready.catch(() => undefined)
    }
    return this.#ready
  }

  [Symbol.dispose](): void {
    if (this.#closed) return
    this.#closed = true
    this.#monitor?.close()
    this.#delays?.[Symbol.dispose]()
    this.#cancelations[Symbol.dispose]()
  }
}

/** Without the metric there are no percentiles, as with every other metric. */
function tryDelays(): LoopDelays | undefined {
  try {
    return new LoopDelays()
  } catch (error) {
    if (error instanceof MetricUnavailableError) return undefined
    throw error
  }
}

const DELAY_HELP: Readonly<Record<DelayName, string>> = {
  p50: 'Median of the delay of the event loop over the last minute.',
  p90: '90th percentile of the delay of the event loop over the last minute.',
  p99: '99th percentile of the delay of the event loop over the last minute.',
  max: 'Largest delay of the event loop seen in the last minute.',
}

function delayFamilies(delays: LoopDelays): Family[] {
  return DELAY_NAMES.map((name) => ({
    id: `event_loop.delay.${name}`,
    type: 'gauge',
    unit: SECONDS,
    help: DELAY_HELP[name],
    labels: [],
    read: (emit) => {
      const delay = delays.get(name)
      if (delay !== undefined) emit({}, delay / SECONDS.divisor)
    },
  }))
}
