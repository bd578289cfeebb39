/** Where this process stands: on which terminal, in front or not, and below which shell. */
import { closeSync, openSync, readFileSync } from 'node:fs'
import { loadBuiltin } from '../base/builtin.js'
import { isTerminal } from './terminal.js'

interface ProcessStat {
  /** `T` for a stopped process, `Z` for a dead one. */
  readonly state: string
  readonly parent: number
  readonly group: number
  readonly session: number
  /** The number of its controlling terminal; 0 without one. */
  readonly terminal: number
  /** The group in front on that terminal. */
  readonly front: number
}

/** Reads `/proc/PID/stat`; undefined where there is none. */
function readStat(pid: number | 'self'): ProcessStat | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined
  }
  // The name in brackets may contain anything, brackets included.
  const [state = '', ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [parent = 0, group = 0, session = 0, terminal = 0, front = 0] = rest.slice(0, 5).map(Number)
  return { state, parent, group, session, terminal, front }
}

/** Whether this process's group is in front on its terminal, whatever its stdin is. On Windows: whether stdin is a console. */
export function isInFront(): boolean {
  if (process.platform === 'win32') return isTerminal(0)
  const own = readStat('self')
  if (own !== undefined) return own.terminal !== 0 && own.front === own.group
  return hasTerminal() && isInFrontByPs()
}

function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}

/** For systems without `/proc`: macOS. */
function isInFrontByPs(): boolean {
  const { spawnSync } = loadBuiltin('node:child_process')
  const { stdout } = spawnSync('ps', ['-o', 'pgid=,tpgid=', '-p', String(process.pid)], { encoding: 'utf8' })
  const [group, front] = (stdout ?? '').trim().split(/\s+/)
  return group === undefined || front === undefined ? isTerminal(0) : group === front
}

/** Whether a process is stopped; undefined if this system does not say. */
export function isStopped(pid: number): boolean | undefined {
  if (readStat('self') === undefined) return undefined
  return readStat(pid)?.state === 'T'
}

/**
 * Whether a shell with job control, or another process outside of this group, is there to continue this process when it has
 * stopped. Otherwise the kernel does not let typed keys stop a group, and neither may we.
 */
export function hasJobControl(): boolean {
  const own = readStat('self')
  if (own === undefined) return true
  let stat: ProcessStat | undefined = own
  while (stat !== undefined && stat.group === own.group && stat.parent > 0) stat = readStat(stat.parent)
  return stat !== undefined && stat.group !== own.group && stat.session === own.session
}
