/**
 * Where a reservation counts: the machine, and each control group up from this process's own that has a limit. A level is one
 * pool: all claims that name it share what it has.
 */
import { statSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { ancestry, countIn, ownGroups, type Controller } from '../base/control-groups.js'
import { readText } from '../base/read-text.js'

/** One pool of memory or of CPUs. */
export interface Level {
  /** The same in every process that shares it, also in other containers. */
  readonly id: string
  readonly what: 'memory' | 'cpu'
  /** For messages: `'this machine'` or the path of a control group. */
  readonly place: string
  /** Bytes or CPUs in all. */
  readonly capacity: number
  /** The bytes that are free now, if this file knows; otherwise the sampler knows, or nothing is measured (CPUs). */
  readonly free?: number
  /** The folder of the control group. */
  readonly folder?: string
}

/** The level of memory that every process of the machine shares. */
export const MACHINE = 'memory'

/** The levels of this process, as they are now. Limits change, and processes are moved. */
export function levelsHere(root = ''): Level[] {
  const total = totalmem()
  const all = cpus().length || availableParallelism()
  return [
    { id: MACHINE, what: 'memory', place: 'this machine', capacity: total },
    { id: 'cpu', what: 'cpu', place: 'this machine', capacity: all },
    ...(process.platform === 'linux' ? groupLevels(root, total, all) : []),
  ]
}

function groupLevels(root: string, total: number, all: number): Level[] {
  const memory = groupsOf(root, 'memory').flatMap((group): Level[] => {
    const capacity = memoryLimit(group)
    // A limit above the machine's memory does not limit anything.
    if (capacity === undefined || capacity > total) return []
    const { id, folder } = group
    return [{ id, what: 'memory', place: folder, capacity, free: capacity - unreclaimable(group), folder }]
  })
  const quotas = groupsOf(root, 'cpu').flatMap((group): Level[] => {
    const capacity = cpuQuota(group)
    if (capacity === undefined || capacity >= all) return []
    return [{ id: group.id, what: 'cpu', place: group.folder, capacity, folder: group.folder }]
  })
  return [...memory, ...quotas, ...affinity(root, all)]
}

/** The CPUs that this process may run on, as a level if they are not all. */
function affinity(root: string, all: number): Level[] {
  const list = /^Cpus_allowed_list:\s*([\d,-]+)$/m.exec(readText(`${root}/proc/self/status`) ?? '')?.[1]
  if (list === undefined || list.length > 100) return []
  let capacity = 0
  for (const range of list.split(',')) {
    const [first, last = first] = range.split('-').map(Number)
    capacity += last! - first! + 1
  }
  return capacity < all ? [{ id: `cpus:${list}`, what: 'cpu', place: `CPUs ${list}`, capacity }] : []
}

interface Group {
  readonly id: string
  readonly folder: string
  readonly version: 1 | 2
}

/** The control groups of this process from its own up to the mount point, innermost first. */
function groupsOf(root: string, controller: Controller): Group[] {
  const own = ownGroups(`${root}/proc/self`, controller, root)
  // Where version 1 has the controller, version 2 does not have it.
  const group = own.find(({ version }) => version === 1) ?? own[0]
  if (group === undefined) return []
  const { version } = group
  return ancestry(group).flatMap((folder): Group[] => {
    try {
      // The inode is that of the group in every mount and namespace, and the device is not.
      return [{ id: `${controller}:${statSync(folder, { bigint: true }).ino}`, folder, version }]
    } catch {
      // The group is gone, or hidden.
      return []
    }
  })
}

function memoryLimit({ folder, version }: Group): number | undefined {
  const text = readText(join(folder, version === 2 ? 'memory.max' : 'memory.limit_in_bytes'))?.trim() ?? ''
  return /^\d+$/.test(text) ? Number(text) : undefined
}

/** What a group uses without the caches that the kernel drops when it needs memory. */
function unreclaimable({ folder, version }: Group): number {
  const used = Number(readText(join(folder, version === 2 ? 'memory.current' : 'memory.usage_in_bytes')) ?? 0)
  const stat = readText(join(folder, 'memory.stat')) ?? ''
  const names =
    version === 2
      ? ['inactive_file', 'active_file', 'slab_reclaimable']
      : ['total_inactive_file', 'total_active_file', 'total_slab_reclaimable']
  const caches = names.reduce((sum, name) => sum + (countIn(stat, name) ?? 0), 0)
  return Math.max(0, used - caches)
}

/** CPU time per period, as a number of CPUs. */
function cpuQuota({ folder, version }: Group): number | undefined {
  const [quota, period] =
    version === 2
      ? (readText(join(folder, 'cpu.max')) ?? '').trim().split(' ').map(Number)
      : ['cpu.cfs_quota_us', 'cpu.cfs_period_us'].map((name) => Number(readText(join(folder, name)) || NaN))
  return quota! > 0 && period! > 0 ? quota! / period! : undefined
}
