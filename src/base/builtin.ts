import { createRequire } from 'node:module'

/** A module of Node's own, loaded when it is first needed: some take longer than all of this package. */
export const loadBuiltin: typeof process.getBuiltinModule =
  // Missing before 20.16. The other way needs to know which file this is, and in a bundle nobody does.
  (process as Partial<NodeJS.Process>).getBuiltinModule?.bind(process) ?? createRequire(import.meta.url)
