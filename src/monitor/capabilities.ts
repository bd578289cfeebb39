/** Which metrics this machine has, where each is read from, and why the others are missing. */
import { MetricUnavailableError } from '../base/errors.js'
import { printable } from '../base/printable.js'
import { engineProblem, isOfHeap } from '../addon/engine.js'
import { METRICS, type MetricInfo, type MetricName, type MetricUnit } from '../addon/metrics.js'
import { Series, connect } from '../addon/sampler.js'
import { watchStacks } from '../addon/stacks.js'
import { toSeriesKey } from './selectors.js'

/** Whether and how one metric is available on this machine. */
export interface Capability {
  /** The name of the metric. */
  readonly metric: MetricName
  /** The unit of its values. */
  readonly unit: MetricUnit
  /** The side on which its values are worse: the direction of a limit that is a bare value. */
  readonly worse: 'above' | 'below'
  /** Whether this machine has it. */
  readonly available: boolean
  /** The file or API that it is read from; empty if it is unavailable. */
  readonly origin: string
  /** Human-readable reason why it is unavailable; empty if it is available. */
  readonly why: string
  /** The shortest time after which another read can give a new value, in milliseconds. */
  readonly minPeriod: number
  /** Default averaging window in milliseconds; 0 for a level. */
  readonly window: number
  /** Whether the kernel reports a change on its own, so that a crossing is noticed before the next poll. */
  readonly push: boolean
  /** Human-readable reason why it does not; empty if it does. */
  readonly pushWhy: string
  /** Of `eventLoop.delay` alone: whether a limit on it can have the stack of the code that blocks the loop. */
  readonly stack?: boolean
  /** Of `eventLoop.delay` alone: human-readable reason why it cannot; empty if it can. */
  readonly stackWhy?: string
}

function stackSupport(): { stack: boolean; stackWhy: string } {
  const why = watchStacks()
  return { stack: why === '', stackWhy: printable(why) }
}

/** Lists all metrics, with their units and sources on this machine, or why they are unavailable. @throws NativeMissingError */
export function capabilities(): Capability[] {
  return METRICS.map(capabilityOf)
}

function capabilityOf(info: MetricInfo, number: number): Capability {
  const { name: metric, unit, worse, window } = info
  try {
    const series = Series.open(toSeriesKey(info, {}, undefined, metric), true)
    const { origin, minPeriod } = series.describe()
    series.release()
    const pushes = isOfHeap(metric) ? engineProblem() || true : connect().canPush(number)
    const push = pushes === true
    const pushWhy = push ? '' : printable(pushes)
    const stack = metric === 'eventLoop.delay' ? stackSupport() : undefined
    return { metric, unit, worse, available: true, origin, why: '', minPeriod, window, push, pushWhy, ...stack }
  } catch (error) {
    if (!(error instanceof MetricUnavailableError)) throw error
    const { why } = error
    const { minPeriod } = info
    return { metric, unit, worse, available: false, origin: '', why, minPeriod, window, push: false, pushWhy: why }
  }
}
