/** Loads modules of Node when they are first needed. */
import { createRequire } from 'node:module'

/** Loads a module of Node; some take longer to load than all of this package. */
export const loadBuiltin: typeof process.getBuiltinModule =
  // Missing before 20.16. The fallback needs the URL of this file, which is unknown in a bundle.
  (process as Partial<NodeJS.Process>).getBuiltinModule?.bind(process) ?? createRequire(import.meta.url)
