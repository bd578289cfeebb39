/** Where the code of this copy of the library is, noted for other copies. Imports no other file, because it runs first. */
import { fileURLToPath } from 'node:url'

const kCopies: unique symbol = Symbol.for('tripline.copies') as never

/** The files of all copies in this thread: two versions in one tree, or one in a bundle beside another. */
export const loadedCopies: Set<string> = (globalThis as { [kCopies]?: Set<string> })[kCopies] ?? new Set()
// Without an error where the global object is frozen: then the copies do not know each other.
Reflect.defineProperty(globalThis, kCopies, { value: loadedCopies })
loadedCopies.add(codeFile() ?? 'a bundle')

/** The path of the file in which this code is; undefined in a bundle that has neither a URL nor a file name. */
export function codeFile(): string | undefined {
  try {
    const url = (import.meta as { url?: string }).url
    return url === undefined ? undefined : fileURLToPath(url)
  } catch {
    // A CommonJS build inside an ES module bundle has no __filename.
    return undefined
  }
}
