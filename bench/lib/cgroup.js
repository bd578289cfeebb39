// A memory cgroup for a benchmark, of version 1 or 2, if the machine allows one.
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const V1 = '/sys/fs/cgroup/memory'
const V2 = '/sys/fs/cgroup'

/** Makes a group with this limit and returns its path; undefined if that is not possible. */
export function makeGroup(bytes, name = '') {
  const folder = `tripline-bench-${process.pid}${name}`
  return makeV1(folder, bytes) ?? makeV2(folder, bytes)
}

function makeV1(folder, bytes) {
  try {
    const own = /^\d+:memory:(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))[1]
    const path = `${V1}${own}/${folder}`
    mkdirSync(path)
    return limit(path, 'memory.limit_in_bytes', bytes)
  } catch {
    return undefined
  }
}

function makeV2(folder, bytes) {
  try {
    if (!existsSync(`${V2}/cgroup.subtree_control`)) return undefined
    writeFileSync(`${V2}/cgroup.subtree_control`, '+memory')
    const path = `${V2}/${folder}`
    mkdirSync(path)
    try {
      writeFileSync(`${path}/memory.swap.max`, '0')
    } catch {
      // Without swap there is no such file.
    }
    return limit(path, 'memory.max', bytes)
  } catch {
    return undefined
  }
}

/** A group that cannot have its limit is of no use, and is removed. */
function limit(path, file, bytes) {
  try {
    writeFileSync(`${path}/${file}`, String(bytes))
    return path
  } catch {
    rmdirSync(path)
    return undefined
  }
}

export async function removeGroup(path) {
  for (let attempt = 0; attempt < 50; attempt++) {
    try {
      return rmdirSync(path)
    } catch {
      await sleep(100)
    }
  }
}

/** Moves this process into a group. What it has allocated before stays where it was: start it by {@link within} for that. */
export function join(path) {
  writeFileSync(`${path}/cgroup.procs`, String(process.pid))
}

/** The words of a command line that runs `command` in a group from its start. */
export function within(path, command) {
  return ['/bin/sh', '-c', 'echo $$ >"$0/cgroup.procs" && exec "$@"', path, ...command]
}

/** The most memory that the group has used so far, in bytes. */
export function peakOf(path) {
  return read(path, 'memory.max_usage_in_bytes') ?? read(path, 'memory.peak')
}

/** The memory that the processes of the group have allocated, without page cache, in bytes. */
export function allocatedIn(path) {
  const stat = readFileSync(`${path}/memory.stat`, 'utf8')
  return Number(/^(?:total_rss|anon) (\d+)$/m.exec(stat)[1])
}

function read(path, file) {
  try {
    return Number(readFileSync(`${path}/${file}`, 'utf8'))
  } catch {
    return undefined
  }
}
