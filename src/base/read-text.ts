/** Reads small files of the system, such as those in /proc, which may be missing or not allowed to be read. */
import { readFileSync } from 'node:fs'

/** The text of a file; undefined if it cannot be read. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
