/** Runs a command as an operation: limits, a timeout or any other source end its whole process tree. */
import { capture, capturedReject, capturedResolve } from '../base/capture.js'
import { isClockReal, LONGEST_DELAY, now, realNow } from '../base/clock.js'
import { CommandNotStartedError, MetricUnavailableError } from '../base/errors.js'
import type { OomKill } from '../base/oom.js'
import { listCommand } from '../base/open-commands.js'
import { realTimers } from '../base/real-timers.js'
import { Cancelable } from '../cancelable/cancelable.js'
import { describeBreach } from '../monitor/breach.js'
import { Guard, kLatestReason } from '../monitor/guard.js'
import type { Limits } from '../monitor/limits.js'
import {
  errorReason,
  idleReason,
  oomReason,
  resourceReason,
  rootCause,
  timeoutReason,
  type Breach,
  type CancelationReason,
} from '../base/reason.js'
import { WITHIN } from '../admit/owner.js'
import type { Reservation } from '../admit/reserve.js'
import { ResourceSource } from '../sources/resource.js'
import { parseDuration } from '../base/units.js'
import { RunningCommand, type Act, type CommandExit, type TreeEnd } from './command.js'
import { ownGroups, type OwnGroup } from '../base/control-groups.js'
import { OuterGroup } from './enforce.js'
import { CpuShare } from './cpu-share.js'
import { checkLimits, parseBound } from './limits.js'
import { OomWatch } from './oom-watch.js'
import { CommandRecording, streamTo, type RunRecordingPlan } from './recording.js'
import { readRunOptions, type RunOptions, type RunSettings } from './options.js'
import { PeakMeter, type Peaks } from './peaks.js'
import { withRestarts } from './restart.js'
import type { RunEvent, RunResult, Running } from './result.js'
import { withStreams } from './running.js'
import { signalNumber, type SignalName } from './signals.js'
import { reserveFor } from './reservation.js'
import { EXIT } from './status.js'
import type { CapturedText } from './stdio.js'
import { Streams } from './streams.js'
import { requiredThresholds, type Thresholds } from './thresholds.js'

// A grace period that never runs out in practice: the operation ends with the last process, however long that takes.
const UNTIL_GONE = 2 ** 40

// The addon's words for it.
const NO_THREAD = 'thread could not be started'

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
 *   NotReservedError if what it reserves was not free in time; CancelationError if it was canceled before the start; NativeMissingError without the addon
 */
export function run<
  const Capture extends RunOptions['capture'] = undefined,
  const Stdio extends RunOptions['stdio'] = undefined,
>(
  command: string,
  args: readonly string[] = [],
  options: RunOptions & { readonly capture?: Capture; readonly stdio?: Stdio } = {},
): Running<CapturedText<Capture, Stdio, 1>, CapturedText<Capture, Stdio, 2>> {
  const holder: { streams?: Streams } = {}
  const start = async (): Promise<RunResult> => {
    const settings = readRunOptions(command, args, options)
    const first = new Run(settings)
    holder.streams = first.streams
    // Only the first has streams of the caller: options that make some exclude restarts.
    return withRestarts(settings, (restarts) => (restarts === 0 ? first : new Run(settings)).toEnd())
  }
  return withStreams(start(), holder.streams) as Running<
    CapturedText<Capture, Stdio, 1>,
    CapturedText<Capture, Stdio, 2>
  >
}

class Run {
  readonly streams: Streams
  readonly #settings: RunSettings
  readonly #operation: Cancelable
  #startedAt = realNow()
  /** The timeout that native code holds, in milliseconds. */
  readonly #timeout: number
  /** Why native code has ended the command. */
  readonly #acted: Promise<CancelationReason>
  readonly #resolveActed: (reason: CancelationReason) => void
  readonly #failed: Promise<never>
  readonly #fail: (error: unknown) => void
  readonly #wouldHaveEnded: CancelationReason[] = []
  readonly #thresholds: Thresholds | undefined
  #kills: OomWatch | undefined
  #failure: { readonly error: unknown } | undefined
  #reason: CancelationReason | undefined
  #overflow: CancelationReason | undefined
  #sent: SignalName | undefined
  #endedAt: number | undefined
  #guard: Guard | undefined
  #meter: PeakMeter | undefined
  #pauses = 0
  #paused = 0
  #pausedAt: number | undefined
  #recording: CommandRecording | undefined

  constructor(settings: RunSettings) {
    this.#settings = settings
    this.#thresholds = settings.enforce ? requiredThresholds(settings.limits) : undefined
    this.#failed = new Promise<never>(capture)
    this.#fail = capturedReject
    this.#failed.catch(() => undefined)
    this.#acted = new Promise<CancelationReason>(capture)
    this.#resolveActed = capturedResolve
    const { timeout = Infinity, ...others } = settings.sources
    const ms = parseDuration(timeout, 'timeout', true)
    now()
    // On a test's clock, or if the time is up already, the operation holds the timeout.
    const isNative = isClockReal() && ms > 0
    this.#timeout = isNative && !settings.dryRun ? ms : Infinity
    this.#operation = new Cancelable({
      name: settings.command,
      ...others,
      ...(!isNative && !settings.dryRun && { timeout }),
      grace: UNTIL_GONE,
    })
    this.streams = new Streams(settings.command, settings.streams, {
      onOverflow: (error) => this.#operation.cancel((this.#overflow = errorReason(error))),
      onInputError: (error) => this.#stopWith(error),
    })
  }

  async toEnd(): Promise<RunResult> {
    const { limits } = this.#settings
    // Checked before the start, so that a missing metric does not end a command that is already running.
    let result: RunResult | undefined
    try {
      this.#throwFailure()
      if (limits !== undefined) this.#orRefuse(() => checkLimits(limits))
      const { command, reserve, sources } = this.#settings
      using reservation = reserve && (await reserveFor(command, reserve, sources))
      if (reservation !== undefined) this.#startedAt = realNow()
      await this.#operation.run(async (cancel) => {
        const groups = process.platform === 'linux' ? ownGroups() : []
        const outer = this.#makeOuter(groups)
        this.#kills = new OomWatch(groups)
        try {
          result = await this.#supervise(cancel, outer, reservation)
        } finally {
          this.#recording?.[Symbol.dispose]()
          await outer?.close(this.#settings.keep)
        }
      })
    } catch (error) {
      if (result === undefined) this.streams.discard()
      if (this.#failure !== undefined) throw this.#failure.error
      // After a cancelation, the tree has ended and the result says why.
      if (result === undefined) throw error
    }
    return result!
  }

  #makeOuter(groups: readonly OwnGroup[]): OuterGroup | undefined {
    const { command } = this.#settings
    return this.#thresholds === undefined
      ? OuterGroup.count(groups)
      : OuterGroup.enforce(command, this.#thresholds, groups)
  }

  async #supervise(
    cancel: Cancelable,
    outer: OuterGroup | undefined,
    reservation: Reservation | undefined,
  ): Promise<RunResult> {
    const settings = this.#settings
    const env = reservation === undefined ? settings.env : { ...settings.env, [WITHIN]: reservation.key }
    const { path: place = '', enforced } = outer ?? {}
    const running = new RunningCommand({
      ...settings,
      env,
      streams: this.streams,
      place,
      enforced,
      onAct: (act, at) => this.#onAct(act, at),
    })
    reservation?.follow(running.root)
    let timer: NodeJS.Timeout | undefined
    let share: CpuShare | undefined
    let listed: Disposable | undefined
    try {
      this.#orRefuse(() => {
        if (settings.peaks) this.#meter = new PeakMeter(running.root)
        if (settings.limits !== undefined) this.#guard = this.#watch(settings.limits, running, cancel)
        if (settings.cpuShare !== undefined && !settings.dryRun) share = new CpuShare(running, settings.cpuShare)
        if (settings.record !== undefined) this.#record(settings.record, running.root)
      })
      running.go(Math.max(0, this.#timeout - (realNow() - this.#startedAt)))
      await running.started
      if (enforced !== undefined && !running.group.startsWith(place)) {
        throw new CommandNotStartedError(settings.command, 'unenforceable', `it cannot be moved into ${place}`)
      }
      listed = this.#list(running)
      this.streams.started()
      this.#recording?.started(running.pid)
      this.#notify({ kind: 'started', command: running })
      timer = this.#watchTimeInDryRun()
      await cancel.race(Promise.race([running.exited, this.#failed])).catch((error: unknown) => {
        if (cancel.reason === undefined) throw error
        return this.#end(running, cancel.reason)
      })
      this.#throwFailure()
    } catch (error) {
      // A failure here must leave nothing running.
      running.end('SIGKILL', 0)
      await running.gone
      throw error
    } finally {
      realTimers.clearTimeout(timer)
      listed?.[Symbol.dispose]()
      this.#guard?.close()
      share?.[Symbol.dispose]()
      this.#meter?.[Symbol.dispose]()
    }
    const exit = await running.exited
    this.#recording?.exited(exit, this.#sent !== undefined)
    // Leftovers are being ended. A cancelation now only sets a deadline for that.
    const end = await cancel.race(running.gone).catch(() => {
      running.end(settings.signal, settings.killAfter)
      return running.gone
    })
    await this.streams.finish()
    this.#throwFailure()
    // The last output may be read only after the command has ended by itself.
    this.#reason ??= this.#overflow
    return this.#result(running, exit, end, outer)
  }

  #list({ pid, root }: RunningCommand): Disposable {
    const { command, args } = this.#settings
    const startedAt = this.#startedAt
    const isPaused = (): boolean => this.#pausedAt !== undefined
    return listCommand({
      command,
      args,
      pid,
      root,
      startedAt,
      get paused() {
        return isPaused()
      },
    })
  }

  /** @throws NotRecordedError */
  #record(plan: RunRecordingPlan, root: number): void {
    this.#recording = new CommandRecording(plan, this.#settings.command, root)
    const [stderr, fd] = this.streams.passed ?? []
    if (stderr !== undefined) this.#recording.follow(stderr, streamTo(fd!))
  }

  /** Where no thread can be started, no metric is missing: nothing can be run. */
  #orRefuse(watch: () => void): void {
    try {
      watch()
    } catch (error) {
      if (!(error instanceof MetricUnavailableError) || !error.why.includes(NO_THREAD)) throw error
      throw new CommandNotStartedError(this.#settings.command, 'other', error.why)
    }
  }

  /** An exception from the caller's listener ends the command, whichever timer or guard has caused the event. */
  #notify(event: RunEvent): void {
    try {
      this.#settings.notify(event)
    } catch (error) {
      this.#stopWith(error)
    }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #stopWith(error: unknown): void {
    this.#failure ??= { error }
    this.#fail(error)
  }

  async #end(running: RunningCommand, wanted: CancelationReason): Promise<void> {
    const { signal, killAfter, onBreach } = this.#settings
    const kills = (reason: CancelationReason): boolean => onBreach === 'kill' && rootCause(reason).kind === 'resource'
    const kill = kills(wanted)
    const acted = running.end(kill ? 'SIGKILL' : signal, kill ? 0 : killAfter)
    // A limit or the clock was first, and its event is on the way.
    const reason = acted ? await this.#acted : wanted
    this.#reason = reason
    this.#sent = kills(reason) ? 'SIGKILL' : signal
    this.#endedAt ??= realNow()
    this.#stopCountingPause(this.#endedAt)
    const cause = rootCause(reason)
    // The meter only samples and may have missed the value that crossed the limit.
    if (cause.kind === 'resource') this.#meter?.note(cause.breach.metric, cause.breach.value)
    this.#notify({ kind: 'ending', reason })
    await running.gone
  }

  /** Makes the guard, on whose breaches the sampling thread acts by itself. */
  #watch(limits: Limits, running: RunningCommand, cancel: Cancelable): Guard {
    const { command: name, dryRun, onBreach } = this.#settings
    const guard = new Guard(parseBound(limits, running.root), { name, dryRun }, running.handle)
    if (dryRun) {
      guard.on('breach', () => {
        const reason = guard[kLatestReason]()
        void running.started.then(
          () => this.#reportWouldEnd(reason),
          () => undefined,
        )
      })
    } else if (onBreach !== 'pause') {
      cancel.addSource(new ResourceSource(guard))
    }
    return guard
  }

  /** Native code has ended, paused or resumed the command. */
  #onAct(act: Act, at: number): void {
    if (act === 'paused') {
      this.#pauses++
      this.#pausedAt = at
      this.#notify({ kind: 'paused', reason: this.#guard![kLatestReason]() })
    } else if (act === 'resumed') {
      this.#stopCountingPause(at)
      this.#notify({ kind: 'resumed' })
    } else {
      const reason = this.#reasonOf(act, at)
      if (this.#settings.dryRun) return this.#reportWouldEnd(reason)
      this.#endedAt = at
      this.#resolveActed(reason)
      this.#operation.cancel(reason)
    }
  }

  #reasonOf(act: 'timeout' | 'idle' | 'limit', at: number): CancelationReason {
    if (act === 'limit') return Object.freeze({ ...this.#guard![kLatestReason](), at })
    if (act === 'timeout') {
      return Object.freeze({ ...timeoutReason(this.#timeout, this.#startedAt + this.#timeout), at })
    }
    const { idle } = this.#settings
    return Object.freeze({ ...idleReason(idle, 'output'), at })
  }

  #stopCountingPause(at: number): void {
    if (this.#pausedAt !== undefined) this.#paused += at - this.#pausedAt
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

  /** The reason if the kernel ended the command, or a part of it. */
  #kernelReason(oom: OomKill | undefined, outer: OuterGroup | undefined): CancelationReason | undefined {
    if (oom === undefined) return undefined
    const { memory: limit } = this.#thresholds ?? {}
    if (outer?.isExceeded !== true || limit === undefined) return oomReason(oom)
    const value = outer.peak ?? outer.enforced!.memory!
    const at = realNow()
    const breach: Breach = Object.freeze({
      metric: 'process.footprint',
      value,
      limit,
      direction: 'above',
      unit: 'bytes',
      since: at,
      at,
      origin: outer.events,
      recent: Object.freeze([value]),
    })
    return resourceReason(this.#settings.command, breach, describeBreach(breach))
  }

  #result(running: RunningCommand, exit: CommandExit, end: TreeEnd, outer: OuterGroup | undefined): RunResult {
    const { command, args } = this.#settings
    const { ended, left, killed, lost, cpuTime, at } = end
    this.#stopCountingPause(at)
    if (this.#reason !== undefined) this.#meter?.note('process.count', ended)
    // A command that the kernel kept out of the group is not counted there.
    const around = outer !== undefined && running.group.startsWith(outer.path) ? outer : undefined
    const oom = this.#kills?.verdict(
      { ...exit, pids: [running.pid, running.root], groups: running.group ? [running.group] : [] },
      around,
    )
    if (oom !== undefined) this.#recording?.killedForMemory(exit, oom)
    this.#reason ??= this.#kernelReason(oom, around)
    return {
      command,
      args,
      pid: running.pid,
      ...exit,
      status: toStatus(exit, this.#reason, lost),
      reason: this.#reason,
      oom,
      enforced: running.enforced,
      sent: this.#sent,
      duration: at - this.#startedAt,
      endedIn: this.#endedAt === undefined ? 0 : at - this.#endedAt,
      cpuTime,
      ended,
      left,
      killed,
      lost,
      restarts: 0,
      pauses: this.#pauses,
      paused: this.#paused,
      wouldHaveEnded: this.#wouldHaveEnded,
      group: running.group,
      stdout: this.streams.textOf('stdout'),
      stderr: this.streams.textOf('stderr'),
      truncated: this.streams.truncated,
      peaks: this.#meter?.peaks ?? NO_PEAKS,
    }
  }
}

function toStatus(exit: CommandExit, reason: CancelationReason | undefined, lost: boolean): number {
  const cause = reason === undefined ? undefined : rootCause(reason)
  if (cause?.kind === 'timeout' || cause?.kind === 'idle') return EXIT.timeout
  if (cause?.kind === 'resource') return EXIT.limit
  if (lost) return EXIT.failure
  return ownStatus(exit)
}

/** The command's own status: its exit code, or 128 plus the number of the signal that killed it. */
export function ownStatus({ code, signal }: CommandExit): number {
  return code ?? EXIT.signalBase + (signal === null ? 0 : (signalNumber(signal) ?? 0))
}
