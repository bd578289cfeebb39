/** The processes below another one, by name. */
import { readdirSync } from 'node:fs'
import { printable } from '../../base/printable.js'
import { readText } from '../../base/read-text.js'
import type { ProcessView } from './protocol.js'
import { short } from './text.js'

const MAX_PROCESSES = 100
const MAX_THREADS = 64
const LONGEST_LINE = 500

/** Empty if processes can be listed here. */
export const WHY_NO_PROCESSES: string = process.platform === 'linux' ? '' : 'processes are listed on Linux only'

/**
 * A process with all below it, each parent before its children. Processes may come and go meanwhile.
 *
 * @param top whether the process itself is listed
 * @param lines whether with their command lines, which may contain secrets
 */
export function processesOf(pid: number, top: boolean, lines: boolean): ProcessView[] {
  const list: ProcessView[] = []
  if (WHY_NO_PROCESSES !== '') return list
  const walk = (each: number, level: number): void => {
    if (list.length >= MAX_PROCESSES) return
    if (level > 0) {
      const name = readText(`/proc/${each}/comm`)
      if (name === undefined) return
      const line = lines ? readText(`/proc/${each}/cmdline`)?.replaceAll('\0', ' ').trim() : undefined
      list.push({
        pid: each,
        level,
        name: short(printable(name.trimEnd())),
        ...(line !== undefined && line !== '' && { line: short(printable(line), LONGEST_LINE) }),
      })
    }
    for (const child of childrenOf(each)) walk(child, level + 1)
  }
  walk(pid, top ? 1 : 0)
  return list
}

/** Each thread has the children that it has started. */
function childrenOf(pid: number): number[] {
  let threads: string[]
  try {
    threads = readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
  return threads.slice(0, MAX_THREADS).flatMap((thread) => {
    const text = readText(`/proc/${pid}/task/${thread}/children`) ?? ''
    return text
      .split(' ')
      .filter((word) => word.trim() !== '')
      .map(Number)
  })
}
