/** Holds a command to a share of CPU time by pausing all its processes again and again, as cpulimit does. */
import { realNow } from '../base/clock.js'
import { realTimers } from '../base/real-timers.js'
import { Series } from '../addon/sampler.js'
import { checkMetric, toSeriesKey } from '../monitor/selectors.js'
import type { RunningCommand } from './command.js'

/** The time between two checks of a command that may run, in milliseconds. */
const SLICE_MS = 100
const READ_MS = SLICE_MS / 4
/** The longest pause, in milliseconds, after which its CPU time is read again. */
const LONGEST_PAUSE_MS = 1000

export class CpuShare implements Disposable {
  readonly #running: RunningCommand
  /** CPU time per time; 1 is one CPU. */
  readonly #share: number
  readonly #series: Series
  #timer: NodeJS.Timeout | undefined
  #paused = false
  /** CPU time that it may still use, in milliseconds: at most that of one slice, and negative if it has used too much. */
  #credit = 0
  #checkedAt = realNow()
  #used = 0

  /** @throws MetricUnavailableError if the CPU time of a tree is not known here */
  constructor(running: RunningCommand, percent: number) {
    this.#running = running
    this.#share = percent / 100
    const key = toSeriesKey(checkMetric('process.cpuTime'), { pid: running.root, tree: true }, undefined, 'cpuShare')
    this.#series = Series.open(key, true)
    this.#series.addReader(READ_MS)
    this.#wait(SLICE_MS)
  }

  [Symbol.dispose](): void {
    realTimers.clearTimeout(this.#timer)
    this.#series.removeReader(READ_MS)
    this.#series.release()
    if (this.#paused) this.#running.throttle(false)
  }

  #wait(ms: number): void {
    this.#timer = realTimers.setTimeout(() => this.#check(), ms)
  }

  #check(): void {
    const { state, value } = this.#series.read()
    const now = realNow()
    const used = state === 'known' ? Math.max(value, this.#used) : this.#used
    const earned = (now - this.#checkedAt) * this.#share
    this.#credit = Math.min(this.#share * SLICE_MS, this.#credit + earned - (used - this.#used))
    this.#checkedAt = now
    this.#used = used
    const pause = this.#credit < 0
    if (pause !== this.#paused) this.#running.throttle(pause)
    this.#paused = pause
    this.#wait(pause ? Math.min(LONGEST_PAUSE_MS, Math.max(1, -this.#credit / this.#share)) : SLICE_MS)
  }
}
