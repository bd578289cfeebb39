/** Decides how a recorded process ended: a pure function of the recording and of what the system still knows. */
import type { MetricName } from '../addon/metrics.js'
import type { Certainty } from '../base/oom.js'
import { formatDate, formatDuration } from '../base/units.js'
import type { Evidence } from './evidence.js'
import type { RecordedGroup } from './format.js'
import type { RecordedNote, RecordedFile } from './reader.js'

/**
 * How a recorded process ended.
 *
 * - `clean`: by itself, with the exit code 0
 * - `exit`: with another exit code
 * - `error`: by an error that nothing caught
 * - `signal`: by a signal, as it or its supervisor has seen
 * - `oom`: by the kernel, for lack of memory
 * - `reboot`: with the machine, which lost its power or was booted again
 * - `closed`: not known, because the program closed the recording before
 * - `running`: not yet
 * - `unknown`: without a mark, and nothing shows why
 */
export type RunEnd = 'clean' | 'exit' | 'error' | 'signal' | 'oom' | 'reboot' | 'closed' | 'running' | 'unknown'

/** How a run ended, and what shows it. */
export interface RunVerdict {
  /** How it ended. */
  readonly end: RunEnd
  /** `undefined` if the end is not known, or has not come. */
  readonly certainty: Certainty | undefined
  /** What shows it, and what was looked for and not found. */
  readonly proofs: readonly string[]
  /** The exit code, if it was recorded. */
  readonly exitCode: number | undefined
  /** The signal that ended it, if that is known: `'SIGKILL'`. */
  readonly signal: string | undefined
  /** The name and code of the error that nothing caught. */
  readonly error: string | undefined
}

type Found = Partial<RunVerdict> & Pick<RunVerdict, 'end' | 'proofs'>

/** The verdict on a recording. */
export function judge(recording: RecordedFile, evidence: Evidence): RunVerdict {
  const found = seenByItself(recording) ?? seenFromOutside(recording, evidence)
  return { certainty: undefined, exitCode: undefined, signal: undefined, error: undefined, ...found }
}

const ENDS = ['exit', 'ended', 'killed', 'signal']

/** What the process or its supervisor has written about the end. */
function seenByItself(recording: RecordedFile): Found | undefined {
  const begun = recording.states.findLastIndex(({ kind }) => kind === 'running')
  const states = recording.states.slice(begun + 1)
  const last = (...kinds: readonly string[]): RecordedNote | undefined =>
    states.findLast(({ kind }) => kinds.includes(kind))
  const uncaught = last('uncaught')
  const end = states.findLast(
    (each) => ENDS.includes(each.kind) && !(each.kind === 'signal' && goesOn(recording, each)),
  )
  const certainty = 'proved'
  if (end?.kind === 'killed' || end?.kind === 'signal') {
    const seen = `Its supervisor saw it die of ${end.text}${end.a === 1 ? ', which tripline had sent' : ''}.`
    const proofs = [end.kind === 'killed' ? seen : `It recorded that it received ${end.text}.`]
    // The last state of a killed command may say more than the one before it.
    if (end.kind === 'killed' && end.b !== undefined && end.b >= 1) {
      const oom = 'Its supervisor found that the kernel had killed it for lack of memory.'
      return { end: 'oom', certainty: end.b === 2 ? 'proved' : 'likely', signal: end.text, proofs: [oom, ...proofs] }
    }
    return { end: 'signal', certainty, signal: end.text, proofs }
  }
  if (uncaught !== undefined && !goesOn(recording, uncaught)) {
    // With a listener for such errors, it is the listener that decides; an exit before the error has not its code.
    const after = end !== undefined && states.indexOf(end) > states.indexOf(uncaught) ? end : undefined
    const isListened = uncaught.a === 1
    if (!isListened || (after !== undefined && after.number !== 0)) {
      const exit = after === undefined ? [] : [`It then exited with ${after.number}.`]
      const listener = isListened
        ? ['A listener of the program was called for it, which could have prevented the end.']
        : []
      const proofs = [`It recorded an error that nothing caught: ${uncaught.text}.`, ...listener, ...exit]
      const { number: exitCode } = after ?? {}
      return { end: 'error', certainty: isListened ? 'likely' : 'proved', error: uncaught.text, exitCode, proofs }
    }
  }
  if (end !== undefined) return exited(end)
  if (last('closed') === undefined) return undefined
  return { end: 'closed', proofs: ['It closed the recording, and may have run on without it.'] }
}

function exited({ kind, number: exitCode, a }: RecordedNote): Found {
  const end = exitCode === 0 ? 'clean' : 'exit'
  if (kind === 'ended') {
    const proofs = [`Its supervisor saw it exit with ${exitCode}.`, ...shellSignal(exitCode)]
    return { end, certainty: 'proved', exitCode, proofs }
  }
  const proof = `It recorded that it exits with ${exitCode}.`
  if (a !== 1) return { end, certainty: 'proved', exitCode, proofs: [proof] }
  const later = "Listeners of the event 'exit' ran after that, which can change the code."
  return { end, certainty: 'likely', exitCode, proofs: [proof, later] }
}

/** What a command that is a shell may mean by its exit code. */
function shellSignal(code: number): string[] {
  if (code <= 128 || code > 128 + 64) return []
  return [`A shell exits with ${code} where the signal ${code - 128} ended the last command that it ran.`]
}

/** Whether the process lived on after an error or a signal that nothing handled: a listener can prevent the end. */
function goesOn(recording: RecordedFile, { at }: RecordedNote): boolean {
  return recording.end.at - at > 5 * recording.info.interval + 10_000
}

function seenFromOutside(recording: RecordedFile, evidence: Evidence): Found {
  const { info, end } = recording
  const failed = recording.states.findLast(({ kind }) => kind === 'failed')
  const remarks = ['The recording has no mark of an end.']
  if (failed !== undefined) remarks.push(`The recorder stopped before the end: ${failed.text}.`)
  if (info.boot !== undefined && evidence.boot !== undefined && info.boot !== evidence.boot) {
    return bootedSince(recording, evidence, remarks)
  }
  const running = stillThere(recording, evidence)
  if (running !== undefined) return running
  if (evidence.process === 'none') remarks.push(`No process has its id ${info.pid} now.`)
  else if (evidence.process !== 'hidden')
    remarks.push(`Its id ${info.pid} now belongs to a process that started later.`)
  const oom = killedForMemory(recording, evidence)
  if (oom.certainty === undefined) {
    const last = `Its last sign of life is from ${formatDate(end.wall)}.`
    return { end: 'unknown', proofs: [...remarks, ...oom.proofs, last] }
  }
  return { end: 'oom', certainty: oom.certainty, signal: 'SIGKILL', proofs: [...oom.proofs, ...remarks] }
}

/** How far two readings of the wall clock may be apart although they mean the same, in milliseconds. */
const WALL_SLACK_MS = 60_000

function bootedSince({ info, end }: RecordedFile, evidence: Evidence, remarks: readonly string[]): Found {
  const { booted } = evidence
  const boots = `The machine's boot id was ${info.boot}, and is ${evidence.boot} now.`
  if (end.wall > booted + WALL_SLACK_MS) {
    const elsewhere =
      'This machine was already running before the recording ended: the recording is of another machine, or of another time ' +
      'by its clock.'
    return { end: 'unknown', proofs: [...remarks, boots, elsewhere] }
  }
  const before = `Its last sign of life is from ${formatDate(end.wall)}, and this boot from ${formatDate(booted)}.`
  return { end: 'reboot', certainty: 'likely', proofs: [boots, ...remarks, before] }
}

function stillThere({ info, end }: RecordedFile, evidence: Evidence): Found | undefined {
  const silent = evidence.at - end.at
  const isRecent = silent >= 0 && silent < 3 * info.interval + 2000
  const { process: now } = evidence
  if (now === 'none') return undefined
  if (now === 'hidden') {
    if (evidence.isHeld === true) return { end: 'running', proofs: ['Its recorder holds the file.'] }
    if (evidence.isHeld === false || !isRecent) return undefined
    return { end: 'running', proofs: [`Its last sign of life is ${formatDuration(Math.round(silent))} old.`] }
  }
  if (now.isDead) return undefined
  const isSame =
    info.startTicks === undefined || now.startTicks === undefined ? isRecent : info.startTicks === now.startTicks
  if (!isSame) return undefined
  const proofs = [`The process ${info.pid} is there, and started when the recorded one did.`]
  if (!isRecent)
    proofs.push(`It has recorded nothing for ${formatDuration(Math.round(silent))}: it may be stopped or frozen.`)
  if (info.thread === 0) return { end: 'running', proofs }
  // A thread may end before its process.
  const isThere = evidence.isHeld ?? isRecent
  return { end: isThere ? 'running' : 'unknown', proofs: [...proofs, `The recording is of its thread ${info.thread}.`] }
}

interface Memory {
  readonly certainty: Certainty | undefined
  readonly proofs: readonly string[]
}

function killedForMemory(recording: RecordedFile, evidence: Evidence): Memory {
  const log = judgeLog(recording, evidence)
  // The log names every process that is killed: if it goes back far enough, it decides.
  if (log.certainty !== undefined || log.isDecisive) return log
  const { group } = recording.info
  if (group === undefined) return log
  const counted = judgeGroup(recording, group, evidence)
  return { certainty: counted.certainty, proofs: [...counted.proofs, ...log.proofs] }
}

function nothing(...proofs: readonly string[]): Memory {
  return { certainty: undefined, proofs }
}

interface Logged extends Memory {
  /** Whether the log would name a kill. */
  readonly isDecisive: boolean
}

function undecided(...proofs: readonly string[]): Logged {
  return { certainty: undefined, proofs, isDecisive: false }
}

/** How long after the last row a process may die of memory: where memory is short, the recorder is slow too. In seconds. */
const SURE_WITHIN_S = 30
const LIKELY_WITHIN_S = 600

/** The log has another clock, which drifts from the monotonic one. In seconds, from seconds since boot. */
const driftOf = (seconds: number): number => Math.min(60, 2 + seconds * 1e-3)

function judgeLog({ info, end, states }: RecordedFile, { log }: Evidence): Logged {
  if (log === undefined) return undecided("The kernel's log cannot be read here, or has other process ids.")
  const last = end.at / 1000
  const drift = driftOf(last)
  const pids = [info.pid, ...states.flatMap(({ kind, number }) => (kind === 'running' ? [number] : []))]
  const kill = log.kills.find(({ pid, at }) => pids.includes(pid) && at > last - drift)
  const after = (kill?.at ?? Infinity) - last
  const distance = formatDuration(Math.abs(Math.round(after * 1000)))
  if (kill !== undefined && after < drift + LIKELY_WITHIN_S) {
    const when = `${distance} ${after < 0 ? 'before' : 'after'} its last sign of life by the clock of the log`
    const isSure = kill.at >= info.at / 1000 && after < drift + SURE_WITHIN_S
    const named = `The kernel's log says that the process ${kill.pid} was killed for lack of memory, ${when}.`
    const doubt = isSure ? [] : ['Another process may have had that id.']
    return { certainty: isSure ? 'proved' : 'likely', proofs: [named, ...doubt], isDecisive: true }
  }
  const reused =
    kill === undefined
      ? []
      : [`The kernel's log names a kill of a process ${kill.pid}, but ${distance} later: ids are used again.`]
  if (log.isTorn || log.since > last - drift) {
    return undecided("The kernel's log does not go back to the last sign of life.", ...reused)
  }
  const none = "The kernel's log goes back to before the end, and names no kill of the process for lack of memory then."
  return { ...undecided(none, ...reused), isDecisive: true }
}

/** For how long nothing else is likely to have run in a group that is empty again, in milliseconds. */
const GROUP_PROVES_MS = 60_000

function judgeGroup(recording: RecordedFile, group: RecordedGroup, { group: now, at }: Evidence): Memory {
  const { events, inode, oomKills } = group
  if (events === undefined || oomKills === undefined) return nothing()
  if (now === undefined) return nothing('Its control group is gone, and with it the count of kills.')
  if (inode === undefined || now.inode !== inode) {
    return nothing('Its control group was made anew since, so that its count of kills proves nothing.')
  }
  if (now.oomKills === undefined) return nothing(`The count of kills in ${events} cannot be read.`)
  // The kills that the process has seen itself were not its own.
  const before = oomKills + (lastValue(recording, 'memory.oomKills') ?? 0)
  const grown = now.oomKills - before
  if (grown <= 0) return nothing(`${events} counts no kill for lack of memory since the last row.`)
  const kills = grown === 1 ? 'one kill' : `${grown} kills`
  const counted = `${events} counts ${kills} for lack of memory since the last row.`
  if (group.oomGroup === true) {
    return { certainty: 'likely', proofs: [counted, 'The kernel kills all processes of this group together.'] }
  }
  const members = lastValue(recording, 'memory.processes')
  const isAlone = group.alone === true && members === 1 && now.members?.length === 0 && !now.isWider
  if (isAlone && grown === 1 && wasLargest(recording) && at - recording.end.at > GROUP_PROVES_MS) {
    const late =
      'Since its last sign of life was long ago, another process may have been killed in the group after its end.'
    return { certainty: 'likely', proofs: [counted, late] }
  }
  if (isAlone && grown === 1 && wasLargest(recording)) {
    const alone = 'The group held nothing but the process in its last row, and is empty now.'
    const largest =
      'The process used more than half of its memory then, so that the kernel would have chosen it before any other.'
    return { certainty: 'proved', proofs: [counted, alone, largest] }
  }
  const others =
    members !== undefined && members > 1
      ? `The group held ${members} processes in its last row: another one may have been killed.`
      : 'It is not known that the group held nothing else then: another process may have been killed.'
  return { certainty: 'likely', proofs: [counted, others] }
}

/**
 * Whether the process used more than half of the memory that there is for it. The kernel kills the largest process, so that one
 * which joins the group after the last row is not killed instead.
 */
function wasLargest(recording: RecordedFile): boolean {
  const rss = lastValue(recording, 'process.rss')
  const share = lastValue(recording, 'memory')
  const available = lastValue(recording, 'memory.available')
  if (rss === undefined || share === undefined || available === undefined) return false
  // At 100 %, no more than that is left is known.
  const whole = share < 100 ? available / (1 - share / 100) : Infinity
  return rss > whole / 2
}

/** Of this process itself. */
function lastValue({ info, rows }: RecordedFile, wanted: MetricName): number | undefined {
  const value = rows.at(-1)?.values[info.columns.findIndex(({ metric, pid }) => metric === wanted && pid === undefined)]
  return value === undefined || Number.isNaN(value) ? undefined : value
}
