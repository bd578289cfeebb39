// A control group whose memory becomes so tight that the code of its processes is evicted and read again and again: it thrashes.
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmdirSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const VERSION_1 = '/sys/fs/cgroup/memory'
const VERSION_2 = '/sys/fs/cgroup'
const MEGABYTE = 2 ** 20
const NO_LIMIT = { 1: '-1', 2: 'max' }

/** With version 1, this is the limit itself, at which only pages can be reclaimed that are clean; there is no memory.high. */
export class TightGroup {
  #folder
  #version = existsSync(path.join(VERSION_1, 'memory.limit_in_bytes')) ? 1 : 2
  #file
  #timer

  /** @throws a system error where such groups cannot be made */
  constructor() {
    this.#folder = path.join(this.#version === 1 ? VERSION_1 : VERSION_2, `tripline-load-${process.pid}`)
    mkdirSync(this.#folder)
    this.#file = path.join(this.#folder, this.#version === 1 ? 'memory.limit_in_bytes' : 'memory.high')
    try {
      writeFileSync(this.#file, NO_LIMIT[this.#version])
      // Nothing is killed: if there is nothing to reclaim, processes wait until there is more room.
      if (this.#version === 1) writeFileSync(path.join(this.#folder, 'memory.oom_control'), '1')
    } catch (error) {
      rmdirSync(this.#folder)
      throw error
    }
  }

  /** A command with its first words, which makes it run in the group. */
  command(program) {
    return ['sh', '-c', `echo $$ > ${this.#folder}/cgroup.procs && exec "$0" "$@"`, program]
  }

  #read(name, pattern) {
    return Number(pattern.exec(readFileSync(path.join(this.#folder, name), 'utf8'))?.[1])
  }

  get #used() {
    return this.#read(this.#version === 1 ? 'memory.usage_in_bytes' : 'memory.current', /(\d+)/)
  }

  /** Makes the group smaller as long as `isEnough()` is false, and larger when its processes cannot go on at all. */
  tighten(isEnough) {
    let limit = this.#used
    this.#timer = setInterval(() => {
      const isStuck = this.#version === 1 && this.#read('memory.oom_control', /under_oom (\d)/) === 1
      if (isStuck) limit += 8 * MEGABYTE
      else if (isEnough()) return
      else limit -= 2 * MEGABYTE
      try {
        writeFileSync(this.#file, String(limit))
      } catch {
        // Version 1 refuses a limit below what cannot be reclaimed.
        limit += 4 * MEGABYTE
      }
    }, 100)
  }

  relax() {
    clearInterval(this.#timer)
    writeFileSync(this.#file, NO_LIMIT[this.#version])
  }

  /** Removes the group. @returns whether its last process was gone */
  tryRemove() {
    try {
      rmdirSync(this.#folder)
      return true
    } catch {
      return false
    }
  }
}

/** A process of the group that reads a file over and over, from `start()` to `end()`. */
export class Neighbor {
  #child

  constructor(group, file) {
    const [program, ...words] = group.command('sh')
    const reads = `read -r line; while :; do cat ${file} >/dev/null; done`
    // What it says is that it has no memory left.
    this.#child = spawn(program, [...words, '-c', reads], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  }

  start() {
    this.#child.stdin.write('\n')
  }

  end() {
    const { pid, exitCode, signalCode } = this.#child
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL')
  }
}

/** A copy of this program whose pages are not in memory yet, so that they belong to the group that reads them. */
export function uncachedProgram(folder) {
  const copy = path.join(folder, 'node')
  execFileSync('dd', [`if=${process.execPath}`, `of=${copy}`, 'bs=1M', 'oflag=direct', 'status=none'])
  execFileSync('chmod', ['+x', copy])
  return copy
}

/** A file that a neighbor in the group can read over and over; it takes no room on the disk. */
export function largeFile(folder) {
  const file = path.join(folder, 'large')
  writeFileSync(file, '')
  truncateSync(file, 256 * MEGABYTE)
  return file
}

/** How often a process had to wait until a page of it was read from the disk. */
export function majorFaults(pid) {
  return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')[9])
}
