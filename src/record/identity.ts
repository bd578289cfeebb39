/** What a recording says about its process: where it runs, and what proves later that it was this one. */
import { readlinkSync, realpathSync, statSync } from 'node:fs'
import { threadId } from 'node:worker_threads'
import { ancestry, membersOf, ownGroups, readCount, type OwnGroup } from '../base/control-groups.js'
import { readText } from '../base/read-text.js'
import { loadBuiltin } from '../base/builtin.js'
import type { RecordedGroup, RecordedInfo } from './format.js'

type Identity = Omit<RecordedInfo, 'at' | 'wall' | 'interval' | 'columns' | 'metadata' | 'tripline' | 'of' | 'program'>

const EVALUATED = /^(?:-p?e|-p|--eval|--print)(?:=|$)/

/** The path of this program: its main module, or the runtime itself where there is none, as with `node -e`. */
export function programHere(): string {
  const main = process.argv[1]
  // With `-e` and `-p`, the first argument of the program is there instead, which may be a secret.
  if (main === undefined || process.execArgv.some((each) => EVALUATED.test(each))) return process.execPath
  try {
    return realpathSync(main)
  } catch {
    return main
  }
}

/** What is known about this process; what cannot be read is left out. */
export function identityHere(): Identity {
  const { heap_size_limit: heapLimit } = loadBuiltin('node:v8').getHeapStatistics()
  return {
    pid: process.pid,
    thread: threadId,
    runtime: runtimeHere(),
    platform: `${process.platform}-${process.arch}`,
    heapLimit,
    ...(process.platform === 'linux' ? linuxIdentity() : {}),
  }
}

function runtimeHere(): string {
  const { bun, deno, node } = process.versions as Partial<Record<'bun' | 'deno' | 'node', string>>
  return bun !== undefined ? `bun ${bun}` : deno !== undefined ? `deno ${deno}` : `node ${node}`
}

function linuxIdentity(): Partial<Identity> {
  const boot = readText('/proc/sys/kernel/random/boot_id')?.trim()
  const startTicks = startOf('self')
  const pidNamespace = namespaceInode()
  const group = groupHere()
  return {
    ...(boot === undefined ? {} : { boot }),
    ...(startTicks === undefined ? {} : { startTicks }),
    ...(pidNamespace === undefined ? {} : { pidNamespace }),
    ...(group === undefined ? {} : { group }),
  }
}

/** When a process started, in clock ticks since the boot; undefined if there is no such process. */
export function startOf(pid: number | 'self'): number | undefined {
  const stat = readText(`/proc/${pid}/stat`)
  // The name, in parentheses, may contain anything.
  const field = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  return field === undefined ? undefined : Number(field)
}

function namespaceInode(): string | undefined {
  try {
    return /\[(\d+)\]/.exec(readlinkSync('/proc/self/ns/pid'))?.[1]
  } catch {
    return undefined
  }
}

function groupHere(): RecordedGroup | undefined {
  const groups = ownGroups()
  for (const group of groups) {
    const events = eventsOf(group)
    if (events !== undefined || group === groups.at(-1)) return describeGroup(group, events)
  }
  return undefined
}

/** The nearest file that counts the kills of a group. */
function eventsOf(group: OwnGroup): string | undefined {
  const files =
    group.version === 1 ? [`${group.path}/memory.oom_control`] : ancestry(group).map((path) => `${path}/memory.events`)
  return files.find((file) => readCount(file, 'oom_kill') !== undefined)
}

function describeGroup(group: OwnGroup, events: string | undefined): RecordedGroup {
  const { version, path } = group
  const oomKills = events === undefined ? undefined : readCount(events, 'oom_kill')
  const oomGroup = readText(`${path}/memory.oom.group`)?.trim()
  const members = membersOf(path)
  const inode = inodeOf(path)
  return {
    version,
    path,
    ...(inode === undefined ? {} : { inode }),
    ...(events === undefined || oomKills === undefined ? {} : { events, oomKills }),
    ...(oomGroup === undefined ? {} : { oomGroup: oomGroup === '1' }),
    ...(members === undefined ? {} : { alone: members.every(isOurs) }),
  }
}

function inodeOf(path: string): string | undefined {
  try {
    return String(statSync(path, { bigint: true }).ino)
  } catch {
    return undefined
  }
}

/** Whether a process is this one or one of its children; 0 is a process of another namespace. */
function isOurs(pid: number): boolean {
  if (pid === process.pid) return true
  const stat = readText(`/proc/${pid}/stat`)
  return stat !== undefined && Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === process.pid
}
