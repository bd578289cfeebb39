/** Which runtime this is. */

/** Whether this is Node, or built on it (Electron). Bun and Deno imitate its version and its other properties. */
export const isNode: boolean = !('bun' in process.versions) && !('deno' in process.versions)
