/** Finds out whether the kernel's out-of-memory killer has ended a command or a part of its tree. */
import { ancestry, readCount, type OwnGroup } from '../base/control-groups.js'
import { KERNEL_LOG, isFirstNamespace, readKernelLog, type KernelKill } from '../base/kernel-log.js'
import type { OomKill, OomProof } from '../base/oom.js'
import type { OuterGroup } from './enforce.js'

/** How the command ended, and what the kernel may call it. */
export interface OomSubject {
  readonly code: number | null
  readonly signal: string | null
  /** Those of the command and of its supervisor, with which it dies. */
  readonly pids: readonly number[]
  /** The paths of groups that held nothing but the command's processes. */
  readonly groups: readonly string[]
}

interface Counter {
  readonly file: string
  readonly proof: OomProof
  readonly before: number
}

const KILLED = 137
// The log has the clock of the scheduler, which nothing adjusts.
const CLOCK_DRIFT_S = 60

/** Counts kills from its construction on, in the nearest group that counts them, or on the machine. */
export class OomWatch {
  readonly #counter: Counter | undefined
  readonly #startedAt = uptime()

  /** @param groups the groups of this process */
  constructor(groups: readonly OwnGroup[]) {
    this.#counter = process.platform === 'linux' ? findCounter(groups) : undefined
  }

  /**
   * The verdict after the last process has ended; undefined if nothing speaks for the killer.
   *
   * @param outer a group that held nothing but the command's processes, if there was one
   */
  verdict(subject: OomSubject, outer: OuterGroup | undefined): OomKill | undefined {
    if (process.platform !== 'linux') return undefined
    const whole = subject.signal === 'SIGKILL' || subject.code === KILLED
    const own = outer?.events ?? ''
    const inOwn = outer && readCount(own, 'oom_kill')
    if (inOwn !== undefined) {
      return inOwn > 0 ? { certainty: 'proved', proof: 'group', kills: inOwn, whole, origin: own } : undefined
    }
    const kills = this.#grown()
    if (kills === 0 || (kills === undefined && !whole)) return undefined
    const logged = killsInLog(subject, this.#startedAt)
    if (logged > 0) return { certainty: 'proved', proof: 'log', kills: logged, whole, origin: KERNEL_LOG }
    if (kills === undefined || this.#counter === undefined) return undefined
    const { proof, file: origin } = this.#counter
    // On a whole machine, a kill alone says nothing about the command.
    return proof === 'machine' && !whole ? undefined : { certainty: 'likely', proof, kills, whole, origin }
  }

  /** Undefined if nothing counts kills here. */
  #grown(): number | undefined {
    if (this.#counter === undefined) return undefined
    const { file, before } = this.#counter
    const now = readCount(file, 'oom_kill')
    return now === undefined ? undefined : Math.max(0, now - before)
  }
}

function findCounter(groups: readonly OwnGroup[]): Counter | undefined {
  const files = groups.flatMap((group) =>
    group.version === 1 ? [`${group.path}/memory.oom_control`] : ancestry(group).map((path) => `${path}/memory.events`),
  )
  return counterOf(files, 'shared-group') ?? counterOf(['/proc/vmstat'], 'machine')
}

function counterOf(files: readonly string[], proof: OomProof): Counter | undefined {
  for (const file of files) {
    const before = readCount(file, 'oom_kill')
    if (before !== undefined) return { file, proof, before }
  }
  return undefined
}

/** How many kills the kernel's log has of the command, or in its groups; 0 if the log cannot be read. */
function killsInLog(subject: OomSubject, since: number): number {
  const kills = readKernelLog()?.kills ?? []
  return countKills(kills, subject, since - CLOCK_DRIFT_S, isFirstNamespace())
}

/**
 * Counts the kills of a command.
 *
 * @param since in seconds since boot
 * @param pids whether process ids in the log are those of this process's namespace
 */
export function countKills(kills: readonly KernelKill[], subject: OomSubject, since: number, pids: boolean): number {
  const names = subject.groups.map((path) => path.slice(path.lastIndexOf('/')))
  return kills.filter(({ at, pid, group }) => {
    // Each kill has a line with a group.
    if (at < since || group === undefined) return false
    if (pids && subject.pids.includes(pid)) return true
    return names.some((name) => group.endsWith(name) || group.includes(`${name}/`))
  }).length
}

/** Seconds since boot, without time asleep, as in the log. */
function uptime(): number {
  return Number(process.hrtime.bigint()) / 1e9
}
