/** A process and all that descends from it, as far as this system shows it. */
import { readFileSync, readdirSync } from 'node:fs'

/** Parents by process id. Empty where there is no /proc. */
function readParents(): Map<number, number> {
  const parents = new Map<number, number>()
  if (process.platform !== 'linux') return parents
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry)
    if (!Number.isInteger(pid)) continue
    try {
      // The name may hold spaces and parentheses: what follows its last one is "state ppid ...".
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      if (state !== 'Z') parents.set(pid, Number(parent))
    } catch {
      // Gone in the meantime.
    }
  }
  return parents
}

/** The processes of the tree that live now, ancestors first; without zombies. */
export function listTree(root: number): number[] {
  const parents = readParents()
  if (parents.size === 0) return [root]
  const children = new Map<number, number[]>()
  for (const [pid, parent] of parents) {
    const siblings = children.get(parent)
    if (siblings === undefined) children.set(parent, [pid])
    else siblings.push(pid)
  }
  const tree = [root]
  // Grows while it is walked: each process brings its children.
  for (const pid of tree) tree.push(...(children.get(pid) ?? []))
  if (!parents.has(root)) tree.shift()
  return tree
}

/** Sends `signal` to each; those that have gone in the meantime are no error. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal)
    } catch {
      // Gone, or not ours to signal.
    }
  }
}
