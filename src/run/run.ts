/** Runs a command as an operation: limits, a timeout or any other source end its whole process tree. */
import { capture, capturedReject } from '../base/capture.js'
import { LONGEST_DELAY, realNow } from '../base/clock.js'
import { realTimers } from '../base/real-timers.js'
import { Cancelable } from '../cancelable/cancelable.js'
import { describeBreach, guard as makeGuard, type Guard } from '../monitor/guard.js'
import type { Limits } from '../monitor/limits.js'
import { resourceReason, rootCause, timeoutReason, type Breach, type CancelationReason } from '../base/reason.js'
import { ResourceSource } from '../sources/resource.js'
import { formatDuration, parseDuration } from '../base/units.js'
import { RunningCommand, type CommandExit, type TreeEnd } from './command.js'
import { bindToTree, checkLimits } from './limits.js'
import { readRunOptions, type RunOptions, type RunSettings } from './options.js'
import { PeakMeter, type Peaks } from './peaks.js'
import type { RunEvent, RunResult } from './result.js'
import { signalNumber, type SignalName } from './signals.js'
import { EXIT } from './status.js'

// A grace period that never runs out in practice: the operation ends with the last process, however long that takes.
const UNTIL_GONE = 2 ** 40

const NO_PEAKS: Peaks = { memory: undefined, rss: undefined, cpu: undefined, processes: undefined }

/**
 * Runs a command to its end. No process that it starts outlives the command or this process: daemons and orphans are
 * found and ended too. A cancelation from any source ends the tree first and then settles the promise.
 *
 * @example
 * const { status, reason, peaks } = await run('make', ['-j4'], {
 *   timeout: '10m',
 *   limits: { 'process.footprint': '2GB', temperature: { above: 80, for: '2s' } },
 *   parent: cancel,
 * })
 * @returns the result, even if the command failed or was ended for a reason
 * @throws TypeError, RangeError for bad options; CommandNotStartedError `ERR_TRIPLINE_NOT_STARTED` if the command cannot
 *   be run; MetricUnavailableError for a limit that this machine cannot watch, before anything is started;
 *   CancelationError if it was canceled before the start; NativeMissingError without the addon
 */
export async function run(command: string, args: readonly string[] = [], options: RunOptions = {}): Promise<RunResult> {
  return new Run(readRunOptions(command, args, options)).toEnd()
}

class Run {
  readonly #settings: RunSettings
  readonly #operation: Cancelable
  readonly #failed: Promise<never>
  readonly #fail: (error: unknown) => void
  readonly #wouldHaveEnded: CancelationReason[] = []
  #failure: { readonly error: unknown } | undefined
  #reason: CancelationReason | undefined
  #sent: SignalName | undefined
  #endedAt: number | undefined
  #meter: PeakMeter | undefined
  #pauses = 0
  #paused = 0
  #pausedAt: number | undefined

  constructor(settings: RunSettings) {
    this.#settings = settings
    this.#failed = new Promise<never>(capture)
    this.#fail = capturedReject
    this.#failed.catch(() => undefined)
    const { timeout, ...others } = settings.sources
    const { dryRun } = settings
    this.#operation = new Cancelable({
      name: settings.command,
      ...others,
      ...(!dryRun && { timeout }),
      grace: UNTIL_GONE,
    })
  }

  async toEnd(): Promise<RunResult> {
    const { limits } = this.#settings
    // Checked before the start, so that a missing metric does not end a command that is already running.
    if (limits !== undefined) checkLimits(limits)
    let result: RunResult | undefined
    try {
      await this.#operation.run(async (cancel) => {
        result = await this.#supervise(cancel)
      })
    } catch (error) {
      if (this.#failure !== undefined) throw this.#failure.error
      // After a cancelation, the tree has ended and the result says why.
      if (result === undefined) throw error
    }
    return result!
  }

  async #supervise(cancel: Cancelable): Promise<RunResult> {
    const settings = this.#settings
    const startedAt = realNow()
    const running = new RunningCommand({ ...settings, onIdle: () => this.#onIdle() })
    let guard: Guard | undefined
    let timer: NodeJS.Timeout | undefined
    try {
      this.#notify({ kind: 'started', command: running })
      if (settings.peaks) this.#meter = new PeakMeter(running.root, running.gone)
      if (settings.limits !== undefined) guard = this.#watch(settings.limits, running, cancel)
      timer = this.#watchTimeInDryRun()
      await cancel.race(Promise.race([running.exited, this.#failed])).catch((error: unknown) => {
        if (cancel.reason === undefined) throw error
        return this.#end(running, cancel.reason)
      })
      if (this.#failure !== undefined) throw this.#failure.error
    } catch (error) {
      // A failure here must leave nothing running.
      running.end('SIGKILL', 0)
      await running.gone
      throw error
    } finally {
      realTimers.clearTimeout(timer)
      guard?.close()
      this.#meter?.[Symbol.dispose]()
    }
    const exit = await running.exited
    // Leftovers are being ended. A cancelation now only sets a deadline for that.
    const end = await cancel.race(running.gone).catch(() => {
      running.end(settings.signal, settings.killAfter)
      return running.gone
    })
    return this.#result(running, exit, end, startedAt)
  }

  /** An exception from the caller's listener ends the command, whichever timer or guard has caused the event. */
  #notify(event: RunEvent): void {
    try {
      this.#settings.notify(event)
    } catch (error) {
      this.#failure ??= { error }
      this.#fail(error)
    }
  }

  async #end(running: RunningCommand, reason: CancelationReason): Promise<void> {
    if (this.#reason === undefined) {
      this.#reason = reason
      this.#endedAt = realNow()
      this.#stopCountingPause()
      this.#notify({ kind: 'ending', reason })
    }
    const cause = rootCause(reason)
    // The meter only samples and may have missed the value that crossed the limit.
    if (cause.kind === 'resource') this.#meter?.note(cause.breach.metric, cause.breach.value)
    const kill = this.#settings.onBreach === 'kill' && cause.kind === 'resource'
    this.#sent = kill ? 'SIGKILL' : this.#settings.signal
    running.end(this.#sent, kill ? 0 : this.#settings.killAfter)
    await running.gone
  }

  #watch(limits: Limits, running: RunningCommand, cancel: Cancelable): Guard {
    const reasonOf = (breach: Breach): CancelationReason => resourceReason(guard.name, breach, describeBreach(breach))
    const { command: name, dryRun } = this.#settings
    const guard = makeGuard(bindToTree(limits, running.root), { name, dryRun })
    if (dryRun) {
      guard.on('breach', (breach) => this.#reportWouldEnd(reasonOf(breach)))
    } else if (this.#settings.onBreach === 'pause') {
      guard.on('breach', (breach) => {
        if (this.#reason !== undefined || this.#pausedAt !== undefined) return
        this.#pauses++
        this.#pausedAt = realNow()
        running.pause()
        this.#notify({ kind: 'paused', reason: reasonOf(breach) })
      })
      guard.on('clear', () => {
        if (this.#pausedAt === undefined) return
        this.#stopCountingPause()
        running.resume()
        this.#notify({ kind: 'resumed' })
      })
    } else {
      cancel.addSource(new ResourceSource(guard))
    }
    return guard
  }

  #stopCountingPause(): void {
    if (this.#pausedAt !== undefined) this.#paused += realNow() - this.#pausedAt
    this.#pausedAt = undefined
  }

  #watchTimeInDryRun(): NodeJS.Timeout | undefined {
    const { timeout } = this.#settings.sources
    if (!this.#settings.dryRun || timeout === undefined) return undefined
    const ms = parseDuration(timeout, 'timeout', true)
    if (ms > LONGEST_DELAY) return undefined
    return realTimers.setTimeout(() => this.#reportWouldEnd(timeoutReason(ms, realNow())), ms)
  }

  #reportWouldEnd(reason: CancelationReason): void {
    this.#wouldHaveEnded.push(reason)
    this.#notify({ kind: 'would-end', reason })
  }

  #onIdle(): void {
    const { idle, dryRun } = this.#settings
    const at = realNow()
    const message = `No output for ${formatDuration(idle)}`
    const reason: CancelationReason = Object.freeze({ kind: 'timeout', message, at, timeout: idle, deadline: at })
    if (dryRun) this.#reportWouldEnd(reason)
    else this.#operation.cancel(reason)
  }

  #result(running: RunningCommand, exit: CommandExit, end: TreeEnd, startedAt: number): RunResult {
    const { command, args } = this.#settings
    const now = realNow()
    this.#stopCountingPause()
    const { ended, left, killed, lost, cpuTime } = end
    if (this.#reason !== undefined) this.#meter?.note('process.count', ended)
    return {
      command,
      args,
      pid: running.pid,
      ...exit,
      status: toStatus(exit, this.#reason, lost),
      reason: this.#reason,
      sent: this.#sent,
      duration: now - startedAt,
      endedIn: this.#endedAt === undefined ? 0 : now - this.#endedAt,
      cpuTime,
      ended,
      left,
      killed,
      lost,
      pauses: this.#pauses,
      paused: this.#paused,
      wouldHaveEnded: this.#wouldHaveEnded,
      group: running.group,
      peaks: this.#meter?.peaks ?? NO_PEAKS,
    }
  }
}

function toStatus(exit: CommandExit, reason: CancelationReason | undefined, lost: boolean): number {
  const cause = reason === undefined ? undefined : rootCause(reason)
  if (cause?.kind === 'timeout') return EXIT.timeout
  if (cause?.kind === 'resource') return EXIT.limit
  if (lost) return EXIT.failure
  return ownStatus(exit)
}

/** The command's own status: its exit code, or 128 plus the number of the signal that killed it. */
export function ownStatus({ code, signal }: CommandExit): number {
  return code ?? EXIT.signalBase + (signal === null ? 0 : (signalNumber(signal) ?? 0))
}
