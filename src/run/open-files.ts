/** The limit on open files that a command gets: Node has raised its own, which programs that use select() cannot take. */
import { readFileSync } from 'node:fs'

interface Limit {
  readonly soft: number
  readonly hard: number
}

let before: number | undefined

/**
 * The soft limit on open files that this process was started with; 0 if it is unknown. No system keeps it, so it is that of
 * the parent, as long as both have the same hard limit.
 */
export function openFilesBefore(): number {
  return (before ??= raisedFrom(readLimit('self'), readLimit(process.ppid)))
}

/** The parent's limit if Node has raised ours from it; otherwise 0. */
export function raisedFrom(own: Limit | undefined, parent: Limit | undefined): number {
  const raised = own !== undefined && own.soft === own.hard && parent?.hard === own.hard && parent.soft < own.soft
  return raised ? parent.soft : 0
}

function readLimit(process: number | 'self'): Limit | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${process}/limits`, 'latin1')
  } catch {
    return undefined
  }
  const [, soft, hard] = /^Max open files +(\d+) +(\d+) /m.exec(text) ?? []
  return soft === undefined ? undefined : { soft: Number(soft), hard: Number(hard) }
}
