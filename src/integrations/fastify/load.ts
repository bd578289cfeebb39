/** The load of the process, sampled and judged as `@fastify/under-pressure` does. */
import { monitorEventLoopDelay, performance, type EventLoopUtilization, type IntervalHistogram } from 'node:perf_hooks'
import { realTimers } from '../../base/real-timers.js'
import { Guard } from '../../monitor/guard.js'
import { parseLimits } from '../../monitor/limits.js'
import type { PressureType, UnderPressureSettings } from './under-pressure-options.js'

/** What `fastify.memoryUsage()` returns: the latest samples. */
export interface MemoryUsage {
  /** Heap that is used, in bytes. */
  heapUsed: number
  /** Resident memory, in bytes. */
  rssBytes: number
  /** Mean delay of the event loop, in milliseconds. */
  eventLoopDelay: number
  /** Utilization of the event loop, from 0 to 1. */
  eventLoopUtilized: number
}

/** Why the process is under pressure. */
export interface Pressure {
  readonly type: PressureType
  readonly value: number | undefined
}

/** The delay that the histogram counts even when the loop is idle, in milliseconds. */
const RESOLUTION_MS = 10

/**
 * Samples the event loop on a timer. Heap and resident memory are also watched by the sampling thread, within 100 ms and while
 * the loop is blocked.
 */
export class Load {
  /** Whether the service is healthy, as far as its own check says. */
  healthy: boolean
  readonly #settings: UnderPressureSettings
  readonly #histogram: IntervalHistogram
  readonly #timer: NodeJS.Timeout
  readonly #heap: Guard | undefined
  readonly #rss: Guard | undefined
  #utilization: EventLoopUtilization = performance.eventLoopUtilization()
  #usage: MemoryUsage = { heapUsed: 0, rssBytes: 0, eventLoopDelay: 0, eventLoopUtilized: 0 }

  constructor(settings: UnderPressureSettings) {
    const { maxHeapUsedBytes, maxRssBytes, sampleInterval, healthCheck } = settings
    this.#settings = settings
    this.healthy = healthCheck === undefined
    this.#heap = watch('heap.used', maxHeapUsedBytes)
    this.#rss = watch('process.rss', maxRssBytes)
    this.#histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
    this.#histogram.enable()
    this.#timer = realTimers.setTimeout(() => {
      this.#sample()
      this.#timer.refresh()
    }, sampleInterval)
    this.#timer.unref()
  }

  get usage(): MemoryUsage {
    return { ...this.#usage }
  }

  /** Whether anything is limited at all. */
  get limits(): boolean {
    const { maxEventLoopDelay, maxEventLoopUtilization, healthCheck } = this.#settings
    return [maxEventLoopDelay, maxEventLoopUtilization, this.#heap, this.#rss, healthCheck].some(Boolean)
  }

  /** The first limit that is crossed, in the order of `@fastify/under-pressure`. */
  get pressure(): Pressure | undefined {
    const { maxEventLoopDelay, maxEventLoopUtilization } = this.#settings
    const { eventLoopDelay, eventLoopUtilized } = this.#usage
    if (maxEventLoopDelay > 0 && eventLoopDelay > maxEventLoopDelay) {
      return { type: 'eventLoopDelay', value: eventLoopDelay }
    }
    if (this.#heap?.isBreached === true) return { type: 'heapUsedBytes', value: valueOf(this.#heap) }
    if (this.#rss?.isBreached === true) return { type: 'rssBytes', value: valueOf(this.#rss) }
    if (!this.healthy) return { type: 'healthCheck', value: undefined }
    if (maxEventLoopUtilization > 0 && eventLoopUtilized > maxEventLoopUtilization) {
      return { type: 'eventLoopUtilization', value: eventLoopUtilized }
    }
    return undefined
  }

  close(): void {
    realTimers.clearTimeout(this.#timer)
    this.#histogram.disable()
    this.#heap?.close()
    this.#rss?.close()
  }

  #sample(): void {
    const { heapUsed, rss } = process.memoryUsage()
    const { mean } = this.#histogram
    this.#histogram.reset()
    const since = performance.eventLoopUtilization(this.#utilization)
    if (!this.#settings.isCumulative) this.#utilization = performance.eventLoopUtilization()
    this.#usage = {
      heapUsed,
      rssBytes: rss,
      // Without any sample, the loop was blocked all the time.
      eventLoopDelay: Number.isNaN(mean) ? Infinity : Math.max(0, mean / 1e6 - RESOLUTION_MS),
      eventLoopUtilized: since.utilization,
    }
  }
}

/** Without hysteresis, which `@fastify/under-pressure` does not have: a heap that is not collected would never recover. */
function watch(metric: 'heap.used' | 'process.rss', limit: number): Guard | undefined {
  return limit === 0 || limit === Infinity
    ? undefined
    : new Guard(parseLimits({ [metric]: { above: limit, clear: limit } }), {})
}

function valueOf(guard: Guard): number | undefined {
  return guard.latestBreaches[0]?.value
}
