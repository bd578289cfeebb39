// Loads the built package in a vm context, as Jest does: `loadInContext(path)`.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { compileFunction, createContext, runInContext } from 'node:vm'

export function loadInContext(file) {
  const context = createContext()
  // The context has its own built-ins of the language and shares those of Node.
  const own = new Set(runInContext('Object.getOwnPropertyNames(globalThis)', context))
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    if (!own.has(name)) Object.defineProperty(context, name, Object.getOwnPropertyDescriptor(globalThis, name))
  }
  const parameters = ['exports', 'require', 'module', '__filename', '__dirname']
  const run = compileFunction(readFileSync(file, 'utf8'), parameters, { filename: file, parsingContext: context })
  const module = { exports: {} }
  run(module.exports, createRequire(file), module, file, dirname(file))
  return module.exports
}
