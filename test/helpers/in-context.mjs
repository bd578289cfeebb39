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
  const modules = new Map()
  function load(path) {
    if (modules.has(path)) return modules.get(path).exports
    const module = { exports: {} }
    modules.set(path, module)
    const run = compileFunction(readFileSync(path, 'utf8'), parameters, { filename: path, parsingContext: context })
    const outer = createRequire(path)
    const require = (id) => (id.startsWith('./') ? load(outer.resolve(id)) : outer(id))
    run(module.exports, Object.assign(require, outer), module, path, dirname(path))
    return module.exports
  }
  return load(file)
}
