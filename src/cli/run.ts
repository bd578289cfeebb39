/** `tripline run`: a command and all its processes under limits. */
import type { Reservation } from '../admit/reserve.js'
import { CommandNotStartedError, NotReservedError, ON_MISSING_ADVICE } from '../base/errors.js'
import { rootCause, type CancelationReason } from '../base/reason.js'
import { formatDuration } from '../base/units.js'
import type { RestartEvent, RunEvent, RunHandle, RunResult } from '../run/result.js'
import { ownStatus, run } from '../run/run.js'
import { lowerScore, restoreScore } from './oom-score.js'
import { isInFront } from './own-process.js'
import { readSettings, type Settings } from './run-settings.js'
import { statusOfRefusal } from './refusal.js'
import { SignalForwarder } from './terminal-signals.js'
import { EXIT, say } from './usage.js'
import type { CommandWatchdog } from './watchdog.js'

export async function main(words: readonly string[]): Promise<number> {
  using forwarder = new SignalForwarder()
  const settings = await readSettings(words)
  const report = settings.report === undefined ? undefined : await openReport(settings.report)
  try {
    return await runReported(settings, report, forwarder)
  } catch (error) {
    // Otherwise the report would stay empty.
    const text = error instanceof Error ? error.message : String(error)
    report?.write(notStarted(settings, EXIT.failure, text.replace(ON_MISSING_ADVICE, '')))
    throw error
  }
}

async function runReported(
  settings: Settings,
  report: Report | undefined,
  forwarder: SignalForwarder,
): Promise<number> {
  const deadline = performance.now() + settings.wait
  const watchdog = settings.watchdog ? await openWatchdog(settings) : undefined
  if (settings.startWhen !== undefined) {
    const { untilHolds } = await import('./start-when.js')
    if (!(await untilHolds(settings.startWhen, settings.wait)))
      return neverStarted(settings, 'the start condition did not hold in time', report)
  }
  let reservation: Reservation | undefined
  try {
    reservation = await reserveWithin(settings, deadline)
  } catch (error) {
    if (!(error instanceof NotReservedError) || error.kind !== 'wait') throw error
    return neverStarted(settings, error.message, report)
  }
  using _held = reservation
  const startedAt = new Date()
  let result: RunResult
  try {
    result = await supervise(settings, forwarder, reservation, watchdog)
  } catch (error) {
    if (!(error instanceof CommandNotStartedError)) throw error
    say(error.message)
    const status = statusOfRefusal(error)
    report?.write(notStarted(settings, status, error.message))
    return status
  }
  const status = statusOf(result, settings)
  if (report !== undefined) {
    const { toReport } = await import('./report.js')
    report.write(toReport(result, status, startedAt))
  }
  await reportEnd(result, settings)
  if (result.reason === undefined) await forwarder.dieLike(result)
  return status
}

/** @throws WatchdogError */
async function openWatchdog(settings: Settings): Promise<CommandWatchdog> {
  const { CommandWatchdog: Watchdog } = await import('./watchdog.js')
  const watchdog = new Watchdog()
  if (watchdog.why !== '' && !settings.quiet) say(`--watchdog: nothing to feed: ${watchdog.why}`)
  return watchdog
}

/** Waits until the deadline, but tries at least once. */
async function reserveWithin(settings: Settings, deadline: number): Promise<Reservation | undefined> {
  const { command, reserve, lane, quiet, startWhen } = settings
  if (reserve === undefined) return undefined
  const { waitToReserve } = await import('./reservation.js')
  const wait = startWhen === undefined ? settings.wait : Math.max(0, Math.ceil(deadline - performance.now()))
  return waitToReserve(command, reserve, { lane, wait }, quiet)
}

/** Ends where a wait was too long. */
function neverStarted(settings: Settings, message: string, report: Report | undefined): number {
  if (!settings.quiet) say(`never started ${settings.command}: ${message}`)
  const status = settings.exitCode ?? EXIT.notStarted
  report?.write(notStarted(settings, status, message))
  return status
}

/** The report for a command that was not started. */
function notStarted({ command, args }: Settings, status: number, message: string): object {
  return { command: [command, ...args], status, reason: { kind: 'not-started', message } }
}

interface Report {
  write(content: object): void
}

async function openReport(path: string): Promise<Report> {
  const { ReportFile } = await import('./report.js')
  return new ReportFile(path)
}

async function supervise(
  settings: Settings,
  forwarder: SignalForwarder,
  reservation: Reservation | undefined,
  watchdog: CommandWatchdog | undefined,
): Promise<RunResult> {
  const foreground = settings.foreground || isInFront()
  forwarder.begin(foreground, () => {
    if (!settings.quiet) say(`killed ${settings.command}: a second interrupt was sent`)
  })
  if (process.pid === 1) await reapOrphans()
  const onEvent = (event: RunEvent): void => {
    if (event.kind === 'started') {
      forwarder.attach(event.command)
      lowerScore(event.command)
      reservation?.follow(event.command.root)
    }
    if (event.kind === 'restarting') {
      forwarder.rest()
      restoreScore()
    }
    watchdog?.follow(event)
    if (!settings.quiet) void describeEvent(event, settings)
  }
  try {
    return await run(settings.command, settings.args, { ...settings.options, foreground, onEvent })
  } finally {
    forwarder.detach()
  }
}

/** Reaps orphans: process 1 adopts every one of its container, not only those of the command. */
async function reapOrphans(): Promise<void> {
  const { loadAddon } = await import('../addon/native.js')
  const addon = loadAddon()
  process.on('SIGCHLD', () => addon.reapAdopted())
  // For children that ended before the listener was registered.
  addon.reapAdopted()
}

async function describeEvent(event: RunEvent, settings: Settings): Promise<void> {
  switch (event.kind) {
    case 'started':
      if (settings.verbose) say(await describeStart(event.command, settings))
      return
    case 'paused':
      return say(`paused ${settings.command}: ${await textOf(event.reason)}`)
    case 'resumed':
      return say(`resumed ${settings.command}`)
    case 'restarting':
      return say(await describeRestart(event, settings))
    case 'would-end':
      return say(`would have ended ${settings.command}: ${await textOf(event.reason)}`)
    case 'ending':
      if (settings.verbose) say(`ending ${settings.command}: ${await textOf(event.reason)}`)
      return
  }
}

async function describeStart({ pid, group, enforced }: RunHandle, { command }: Settings): Promise<string> {
  const line = `started ${command} (pid ${pid}), held together by ${group === '' ? 'a supervisor process' : group}`
  if (enforced === undefined) return line
  const { enforcedText } = await import('./report.js')
  return `${line}; the kernel holds ${enforcedText(enforced)}`
}

/** `'ended make (...): time limit of 5s; sent TERM, gone in 0.1s; restart 2 of 3 in 2s'` */
async function describeRestart(event: RestartEvent, { options }: Settings): Promise<string> {
  const { endedLine } = await import('./report.js')
  const of = options.restart === Infinity ? '' : ` of ${String(options.restart)}`
  return `${endedLine(event.result)}; restart ${event.restart}${of} in ${formatDuration(event.wait)}`
}

async function textOf(reason: CancelationReason): Promise<string> {
  const { reasonText } = await import('./report.js')
  return reasonText(reason)
}

function statusOf(result: RunResult, { exitCode, preserveStatus, gnuStatus }: Settings): number {
  // The kernel's doing is not tripline's: the command has its own status.
  if (result.reason === undefined || rootCause(result.reason).kind === 'oom') return result.status
  if (exitCode !== undefined) return exitCode
  if (preserveStatus) return ownStatus(result)
  return gnuStatus && result.killed ? EXIT.killed : result.status
}

async function reportEnd(result: RunResult, { quiet, verbose }: Settings): Promise<void> {
  const { command, reason, ended, lost } = result
  if (lost) say(`the process that held ${command} together was killed; its processes that could be found were killed`)
  if (quiet || (reason === undefined && ended === 0 && !verbose)) return
  const { count, endedLine, summary } = await import('./report.js')
  if (reason !== undefined) say(endedLine(result))
  else if (ended > 0 && !lost) say(`${command} left ${count(ended)} behind; ended`)
  if (verbose) say(`${command} ${summary(result)}`)
}
