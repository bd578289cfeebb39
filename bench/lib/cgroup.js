// A version 1 memory cgroup for a benchmark, if the machine allows one.
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const TOP = '/sys/fs/cgroup/memory'

/** Makes a group with this limit and returns its path; undefined if that is not possible. */
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
