/** What the system still knows of a recorded process: its id, its control group, the kernel's log, the boot. */
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { uptime } from 'node:os'
import { basename, dirname } from 'node:path'
import { isHeld } from '../addon/lock.js'
import { isInHierarchy, membersOf, readCount } from '../base/control-groups.js'
import { readText } from '../base/read-text.js'
import { FIRST_NAMESPACE, readKernelLog, type KernelLog } from '../base/kernel-log.js'
import type { RecordedGroup } from './format.js'
import type { RecordedFile } from './reader.js'

/** The process that has the recorded id now: `hidden` where its ids cannot be compared with ours. */
export type ProcessNow = { readonly startTicks: number | undefined; readonly isDead: boolean } | 'none' | 'hidden'

/** The control group that has the recorded path now. */
export interface GroupNow {
  readonly inode: string
  readonly oomKills: number | undefined
  /** Its processes; undefined if they cannot be read. */
  readonly members: readonly number[] | undefined
  /** Whether the kills of other groups are counted with its own: those below it, or of a group above it. */
  readonly isWider: boolean
}

/** Everything that a verdict is based on beside the recording. */
export interface Evidence {
  /** Now, in milliseconds on the monotonic clock of the machine. */
  readonly at: number
  /** When the machine was booted, in milliseconds since 1970. */
  readonly booted: number
  readonly boot: string | undefined
  /** Whether a recorder still holds the file; undefined if that cannot be found out. */
  readonly isHeld: boolean | undefined
  readonly process: ProcessNow
  readonly group: GroupNow | undefined
  /** The kernel's log, if it can be read and has the same process ids as the recording. */
  readonly log: KernelLog | undefined
}

/** Collects what is known now. Nothing that the recording says is opened unless it is a file of the kernel's. */
export function collectEvidence({ file, info }: RecordedFile): Evidence {
  const isLinux = process.platform === 'linux'
  const log = isLinux && `pid:[${info.pidNamespace}]` === FIRST_NAMESPACE ? readKernelLog() : undefined
  return {
    at: Number(process.hrtime.bigint()) / 1e6,
    booted: Date.now() - uptime() * 1000,
    boot: isLinux ? readText('/proc/sys/kernel/random/boot_id')?.trim() : undefined,
    isHeld: tryLock(file),
    process: isLinux ? findProcess(info.pid, info.pidNamespace) : signalProcess(info.pid),
    group: isLinux && info.group !== undefined ? findGroup(info.group) : undefined,
    log,
  }
}

function tryLock(file: string): boolean | undefined {
  try {
    return isHeld(file)
  } catch {
    // Without the addon.
    return undefined
  }
}

function findProcess(pid: number, namespace: string | undefined): ProcessNow {
  try {
    if (namespace !== String(statSync('/proc/self/ns/pid').ino)) return 'hidden'
  } catch {
    return 'hidden'
  }
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' || code === 'ESRCH' ? 'none' : 'hidden'
  }
  // The name in brackets may be anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { startTicks: Number(fields[19]), isDead: /^[ZXx]$/.test(fields[0] ?? '') }
}

/** On other systems, whether there is such a process is all that is known. */
function signalProcess(pid: number): ProcessNow {
  try {
    process.kill(pid, 0)
    return { startTicks: undefined, isDead: false }
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH' ? 'none' : { startTicks: undefined, isDead: false }
  }
}

const COUNTERS = ['memory.events', 'memory.oom_control']

function findGroup({ path, events }: RecordedGroup): GroupNow | undefined {
  if (events === undefined || !COUNTERS.includes(basename(events)) || !isInHierarchy(events)) return undefined
  const folder = dirname(events)
  if (!isInHierarchy(path) || !`${path}/`.startsWith(`${folder}/`)) return undefined
  try {
    return {
      inode: String(statSync(path, { bigint: true }).ino),
      oomKills: readCount(events, 'oom_kill'),
      members: membersOf(path)?.filter((pid) => pid !== process.pid),
      isWider: folder !== path || readdirSync(path, { withFileTypes: true }).some((each) => each.isDirectory()),
    }
  } catch {
    return undefined
  }
}
