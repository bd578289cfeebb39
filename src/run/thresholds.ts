/** Which limits of a command the kernel can hold too, and how far behind them its own limits are. Pure. */
import { invalidValue } from '../base/errors.js'
import { INT32_MAX } from '../base/int32.js'
import type { Limits } from '../monitor/limits.js'
import { parseBound } from './limits.js'

/** The limits of tripline itself that the kernel can hold too, in the units of their metrics. */
export interface Thresholds {
  readonly memory: number | undefined
  readonly processes: number | undefined
  readonly threads: number | undefined
  readonly cpu: number | undefined
}

/** What the kernel holds for a command with `enforce`; undefined where no limit is about it. */
export interface Enforced {
  /** The control group that has these limits. */
  readonly group: string
  /** `memory.max`, in bytes: the limit and its slack. */
  readonly memory: number | undefined
  /** `pids.max`: a number of tasks, because the kernel counts each thread. */
  readonly tasks: number | undefined
  /** `cpu.max`, in percent of one CPU. */
  readonly cpu: number | undefined
}

/** The kernel's limits of a group. */
export type KernelLimits = Omit<Enforced, 'group'>

const METRICS = {
  memory: 'process.footprint',
  processes: 'process.count',
  threads: 'process.threads',
  cpu: 'process.cpu',
}

// memory.max also counts page cache and memory of the kernel, which process.footprint does not.
const MEMORY_SLACK = 0.25
const MIN_MEMORY_SLACK = 64 * 2 ** 20
const PAGE = 4096
// pids.max counts threads, of which a process may have many.
const THREADS_PER_PROCESS = 64
const THREADS_SLACK = 1.25
const SPARE_THREADS = 16
const CPU_SLACK = 1.25
/** The period of `cpu.max`, in microseconds. */
export const CPU_PERIOD_US = 100_000
// The kernel refuses less.
const MIN_QUOTA_US = 1000

// Stands for the command in the selectors of its limits.
const OF_COMMAND = INT32_MAX

/** The limits on the command that the kernel can hold; undefined if there are none. */
export function thresholdsOf(limits: Limits | undefined): Thresholds | undefined {
  const parsed = limits === undefined ? [] : parseBound(limits, OF_COMMAND).limits
  const lowest = (metric: string): number | undefined => {
    const found = parsed
      .filter(
        ({ info, direction, series }) => info.name === metric && direction === 'above' && series.pid === OF_COMMAND,
      )
      // The kernel's limits have no duration.
      .filter((each) => metric === METRICS.cpu || each.for === 0)
      .map(({ enter }) => enter)
    return found.length === 0 ? undefined : Math.min(...found)
  }
  const thresholds = {
    memory: lowest(METRICS.memory),
    processes: lowest(METRICS.processes),
    threads: lowest(METRICS.threads),
    cpu: lowest(METRICS.cpu),
  }
  return Object.values(thresholds).some((each) => each !== undefined) ? thresholds : undefined
}

/** @throws TypeError `ERR_INVALID_ARG_VALUE` if there are none */
export function requiredThresholds(limits: Limits | undefined): Thresholds {
  const thresholds = thresholdsOf(limits)
  if (thresholds !== undefined) return thresholds
  const names = Object.values(METRICS).join(', ')
  throw invalidValue('enforce', `false without a limit, and without 'for', on one of ${names}`, true)
}

/** The kernel's limits behind these thresholds. */
export function kernelLimits({ memory, processes, threads, cpu }: Thresholds): KernelLimits {
  const tasks = Math.min(
    processes === undefined ? Infinity : (Math.ceil(processes) + 1) * THREADS_PER_PROCESS,
    threads === undefined ? Infinity : Math.ceil(threads * THREADS_SLACK) + SPARE_THREADS,
  )
  const slack = memory === undefined ? 0 : Math.max(memory * MEMORY_SLACK, MIN_MEMORY_SLACK)
  return {
    memory: memory === undefined ? undefined : Math.ceil((memory + slack) / PAGE) * PAGE,
    tasks: tasks === Infinity ? undefined : tasks,
    cpu: cpu === undefined ? undefined : Math.max(cpu * CPU_SLACK, (100 * MIN_QUOTA_US) / CPU_PERIOD_US),
  }
}
