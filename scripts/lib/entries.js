// Writes the entry points of dist: the ES module re-exports the CommonJS bundle, so that `import` and `require` in one
// process share classes, guards and the sampler.
import { appendFileSync, copyFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

/**
 * `dist/NAME.js` for `import` and `dist/NAME.cjs` below it, for the bundle `dist/BUNDLE.cjs`. The way by two files is the
 * fast one: Node scans the text of a CommonJS module that an ES module imports for its export names, and would scan the
 * whole bundle if it could see the re-export.
 */
export function writeEntry(dist, name, bundle) {
  const names = Object.keys(createRequire(import.meta.url)(join(dist, `${bundle}.cjs`)))
  const list = names.map((each) => `  ${each},\n`).join('')
  const shared = 'so that import and require share one instance'
  writeFileSync(
    join(dist, `${name}.cjs`),
    `// Hides the names of the bundle from Node, which would scan all of it for them.\nconst library = require('./${bundle}.cjs')\nmodule.exports = library\n`,
  )
  writeFileSync(
    join(dist, `${name}.js`),
    `// Re-exports the CommonJS bundle, ${shared}.\nimport library from './${name}.cjs'\n\nexport const {\n${list}} = library\n`,
  )
  copyFileSync(join(dist, `${name}.d.ts`), join(dist, `${name}.d.cts`))
}

/** File tracers (@vercel/nft, and with it Next and Nitro) evaluate this very call and then copy the binary. */
export function appendTrace(file) {
  appendFileSync(
    file,
    `\n// Never called: file tracers follow it to the addon.\nfunction _traced() {\n\treturn require('node-gyp-build')(__dirname + '/..')\n}\n`,
  )
}
