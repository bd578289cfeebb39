/** Reports a run: as a line on stderr, and as a JSON file. */
import { closeSync, constants, openSync, writeFileSync } from 'node:fs'
import { CAREFULLY } from '../base/careful.js'
import { describeBreach } from '../monitor/breach.js'
import { oomText } from '../base/oom.js'
import { printableLines } from '../base/printable.js'
import { rootCause, type CancelationReason } from '../base/reason.js'
import type { Enforced } from '../run/thresholds.js'
import type { RunResult } from '../run/result.js'
import { formatDuration, formatSize } from '../base/units.js'
import { UsageError, say } from './usage.js'

const STDOUT = 1
/** Descriptors of this process, which are links in /dev: of a shell's `>(command)`, for example. */
const OWN_DESCRIPTOR = /^\/(?:dev\/(?:fd\/\d+|stdout|stderr)|proc\/self\/fd\/\d+)$/
// It is made for this user only, because arguments may be secrets; in a folder of several users, a link could lead it to a
// file that another user has chosen, and a pipe that nothing reads would block the start.
const PRIVATELY = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | CAREFULLY
const OWNER_ONLY = 0o600

/** The report file. It is opened before the command starts, so that a path that cannot be written is refused in time. */
export class ReportFile {
  readonly #file: number

  /** @throws UsageError */
  constructor(path: string) {
    try {
      this.#file = path === '-' ? STDOUT : openSync(path, OWN_DESCRIPTOR.test(path) ? 'w' : PRIVATELY, OWNER_ONLY)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const why = code === 'ELOOP' ? `${path} is a symbolic link, which is not followed` : message
      throw new UsageError(`--report cannot be written: ${why}`)
    }
  }

  write(content: object): void {
    try {
      writeFileSync(this.#file, printableLines(`${JSON.stringify(content, rounded, 2)}\n`))
      closeSync(this.#file)
    } catch (error) {
      say(`the report could not be written: ${(error as Error).message}`)
    }
  }
}

/** Rounds numbers to three decimals, which is enough for a report. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toFixed(3)) : value
}

/** The content of the report: times in milliseconds, sizes in bytes, the rest in the units of the metrics. */
export function toReport(result: RunResult, status: number, startedAt: Date): object {
  const { command, args, reason, wouldHaveEnded, status: _, ...rest } = result
  return {
    command: [command, ...args],
    startedAt: startedAt.toISOString(),
    status,
    ...rest,
    reason: reason === undefined ? null : describeReason(reason),
    wouldHaveEnded: wouldHaveEnded.map(describeReason),
  }
}

function describeReason(reason: CancelationReason): object {
  const cause = rootCause(reason)
  if (cause.kind === 'resource') {
    const { since, at, stack: _, error: __, ...proof } = cause.breach
    return { kind: 'limit', message: reasonText(cause), ...proof, lasted: at - since }
  }
  if (cause.kind === 'timeout') return { kind: 'timeout', message: reasonText(cause), limit: cause.timeout }
  if (cause.kind === 'idle') return { kind: 'idle', message: reasonText(cause), limit: cause.idle }
  if (cause.kind === 'oom') {
    const { certainty, proof, kills, whole, origin } = cause
    return { kind: 'oom', message: reasonText(cause), certainty, proof, kills, whole, origin }
  }
  return { kind: cause.kind, message: cause.message }
}

export function reasonText(reason: CancelationReason): string {
  const cause = rootCause(reason)
  if (cause.kind === 'resource') return describeBreach(cause.breach)
  if (cause.kind === 'timeout' && cause.message.startsWith('Timed out')) {
    return `time limit of ${formatDuration(cause.timeout)}`
  }
  return lowered(cause.message)
}

function lowered(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

/** `'ended make (pid 812, 14 processes): process.footprint 1.02GB > 1.00GB; sent TERM, gone in 0.4s'` */
export function endedLine(result: RunResult): string {
  const { command, pid, reason, sent, ended, killed, endedIn, left, oom, enforced } = result
  if (sent === undefined) {
    const rest = ended > 0 ? `; left ${count(ended)} behind, ended` : ''
    const by =
      rootCause(reason!).kind === 'resource'
        ? `; ended by the kernel's out-of-memory killer at memory.max ${formatSize(enforced?.memory ?? 0)}`
        : ''
    return `${command} (pid ${pid}): ${reasonText(reason!)}${by}${rest}`
  }
  const name = sent.slice(3)
  const signals = killed && name !== 'KILL' ? `${name}, then KILL` : name
  const kernel = oom === undefined ? '' : `; ${lowered(oomText(oom))}`
  const owned = left > 0 ? `; ${count(left)} could not be ended: owned by another user, or not visible` : ''
  const gone = `gone in ${(endedIn / 1000).toFixed(1)}s`
  return `ended ${command} (pid ${pid}, ${count(ended)}): ${reasonText(reason!)}; sent ${signals}, ${gone}${owned}${kernel}`
}

/** `'memory.max 144MB, pids.max 704, cpu.max 375%'` */
export function enforcedText({ memory, tasks, cpu }: Enforced): string {
  return [
    ...(memory === undefined ? [] : [`memory.max ${formatSize(memory)}`]),
    ...(tasks === undefined ? [] : [`pids.max ${tasks}`]),
    ...(cpu === undefined ? [] : [`cpu.max ${Number(cpu.toFixed(1))}%`]),
  ].join(', ')
}

export function summary(result: RunResult): string {
  const { peaks, duration, cpuTime, pauses, paused } = result
  const parts = [`took ${formatDuration(Math.round(duration))}`, `CPU time ${formatDuration(Math.round(cpuTime))}`]
  if (peaks.memory !== undefined) parts.push(`memory up to ${formatSize(peaks.memory)}`)
  if (peaks.cpu !== undefined) parts.push(`CPU up to ${peaks.cpu.toFixed(0)}%`)
  if (peaks.processes !== undefined) parts.push(count(peaks.processes))
  if (pauses > 0) parts.push(`paused ${pauses} times for ${formatDuration(Math.round(paused))}`)
  return parts.join(', ')
}

export function count(processes: number): string {
  return processes === 1 ? '1 process' : `${processes} processes`
}
