// Loads the built package in a vm context, as some test runners do: `await loadInContext(url)`.
import { readFile } from 'node:fs/promises'
import { SourceTextModule, SyntheticModule, createContext, runInContext } from 'node:vm'

export async function loadInContext(url) {
  const context = createContext()
  // The language is the context's own; what Node adds to it is Node's.
  const own = new Set(runInContext('Object.getOwnPropertyNames(globalThis)', context))
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    if (!own.has(name)) Object.defineProperty(context, name, Object.getOwnPropertyDescriptor(globalThis, name))
  }
  const source = await readFile(new URL(url), 'utf8')
  const initializeImportMeta = (meta) => Object.assign(meta, { url })
  const module = new SourceTextModule(source, { context, identifier: url, initializeImportMeta })
  await module.link(async (specifier) => {
    const exports = await import(specifier)
    const names = Object.keys(exports)
    const copy = (builtin) => names.forEach((name) => builtin.setExport(name, exports[name]))
    return new SyntheticModule(
      names,
      function () {
        copy(this)
      },
      { context },
    )
  })
  await module.evaluate()
  return module.namespace
}
