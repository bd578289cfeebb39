// A memory cgroup (version 1) of the bench's own, where the machine allows it.
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const TOP = '/sys/fs/cgroup/memory'

/** The path of a new group with that limit; undefined where none can be made. */
export function makeGroup(bytes) {
  try {
    const own = /^\d+:memory:(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))[1]
    const path = `${TOP}${own}/tripline-bench-${process.pid}`
    mkdirSync(path)
    writeFileSync(`${path}/memory.limit_in_bytes`, String(bytes))
    return path
  } catch {
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

/** Moves this process into a group. */
export function join(path) {
  writeFileSync(`${path}/cgroup.procs`, String(process.pid))
}
