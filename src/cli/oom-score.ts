/** Keeps the kernel's out-of-memory killer from taking tripline before a command of many small processes. */
import { readFileSync, writeFileSync } from 'node:fs'
import type { RunHandle } from '../run/result.js'

/** Lower than that of any usual process; -1000 would exempt us entirely, even if we were the cause. */
const SCORE = -999

let original: string | undefined

/**
 * Lowers our own `oom_score_adj` and that of the supervisor, where that is allowed (`CAP_SYS_RESOURCE`). Called once the
 * command runs, which keeps the value that we were started with.
 */
export function lowerScore({ root }: RunHandle): void {
  if (process.platform !== 'linux') return
  try {
    original ??= readFileSync('/proc/self/oom_score_adj', 'latin1')
    if (Number(original) <= SCORE) return
    for (const pid of ['self', root]) writeFileSync(`/proc/${pid}/oom_score_adj`, String(SCORE))
  } catch {
    // Not allowed, or the command has ended already.
  }
}

/** Restores our value before another command starts, because that inherits it. Raising it is always allowed. */
export function restoreScore(): void {
  try {
    if (original !== undefined) writeFileSync('/proc/self/oom_score_adj', original)
  } catch {
    // As above.
  }
}
