/** What the kernel's log says of processes that its out-of-memory killer has ended. Linux only. */
import { closeSync, constants, openSync, readSync, readlinkSync } from 'node:fs'

/** The file of the log. */
export const KERNEL_LOG = '/dev/kmsg'

/** A line about a killed process. */
export interface KernelKill {
  /** When, in seconds since boot, on the clock of the scheduler, which nothing adjusts. */
  readonly at: number
  /** Its id in the first namespace of process ids. */
  readonly pid: number
  /** The first 15 bytes of its name. */
  readonly name: string
  /** Its control group, as a path from the root of the hierarchy; undefined in the line of a process that was only killed along. */
  readonly group: string | undefined
}

/** The kernel's log, as far as it can be read and was not overwritten. */
export interface KernelLog {
  /** The time of the oldest record, in seconds since boot; Infinity if there is no record. */
  readonly since: number
  /** Whether records were lost while it was read. */
  readonly isTorn: boolean
  readonly kills: readonly KernelKill[]
}

/** The process id namespace in which the kernel's log counts: PROC_PID_INIT_INO. */
export const FIRST_NAMESPACE = 'pid:[4026531836]'

const MAX_RECORDS = 100_000
const MAX_LOST = 10

/** Whether process ids of this process are those of the kernel's log. */
export function isFirstNamespace(): boolean {
  try {
    return readlinkSync('/proc/self/ns/pid') === FIRST_NAMESPACE
  } catch {
    return false
  }
}

/** The log; undefined if it cannot be read here. */
export function readKernelLog(): KernelLog | undefined {
  let file: number
  try {
    file = openSync(KERNEL_LOG, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch {
    return undefined
  }
  try {
    return collect(file)
  } finally {
    closeSync(file)
  }
}

/** Each read of the log returns one record, and fails at its end, or where records were overwritten meanwhile. */
function collect(file: number): KernelLog | undefined {
  const buffer = Buffer.allocUnsafe(8192)
  const kills: KernelKill[] = []
  let since = Infinity
  let lost = 0
  for (let read = 0; read < MAX_RECORDS && lost < MAX_LOST; read++) {
    try {
      const size = readSync(file, buffer)
      if (size === 0) break
      const record = buffer.toString('latin1', 0, size)
      if (since === Infinity) since = timeOf(record) ?? since
      const kill = parseKill(record)
      if (kill !== undefined) kills.push(kill)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EAGAIN') break
      if (code !== 'EPIPE') return undefined
      lost++
    }
  }
  return { since, isTorn: lost > 0, kills }
}

// `priority,sequence,microseconds,flags;text`, and lines of properties. Only the kernel writes records with a facility of 0,
// which are those with a priority below 8.
const HEAD = /^([0-7]),\d+,(\d+),[^;]*;/

function timeOf(record: string): number | undefined {
  const micros = HEAD.exec(record)?.[2]
  return micros === undefined ? undefined : Number(micros) / 1e6
}

// A name may be anything, so both are read from their fixed parts.
const CHOSEN = /^oom-kill:.*?,task_memcg=(.*?),task=(.*),pid=(\d+),uid=\d+$/
const KILLED = /^(?:Memory cgroup out|Out) of memory(?: \([^)]*\))?: Killed process (\d+) \((.*)\) total-vm:\d+kB,/

/** Parses one record of the log; undefined if it is not about a killed process. */
export function parseKill(record: string): KernelKill | undefined {
  const at = timeOf(record)
  if (at === undefined) return undefined
  const text = record.split('\n', 1)[0]!.slice(record.indexOf(';') + 1)
  const [, group, task, id] = CHOSEN.exec(text) ?? []
  if (group !== undefined) return { at, pid: Number(id), name: task!, group }
  const [, pid, name] = KILLED.exec(text) ?? []
  return pid === undefined ? undefined : { at, pid: Number(pid), name: name!, group: undefined }
}
