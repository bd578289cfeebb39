// The entry points of the package, and the files of dist that are written for each in addition to rolldown's bundle. The ES
// modules re-export the CommonJS one, so that `import` and `require` in one process share classes, guards and the sampler.
import { appendFileSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

/** The entries by the name of their files in dist, with the subpath in the package and the module in src, without `.ts`. */
export const ENTRIES = {
  index: { subpath: '.', module: 'index' },
  testing: { subpath: './testing', module: 'testing/index' },
}

/** Files of dist that are loaded when one of their exports is first called, with the modules in them. */
export const LAZY = {
  commands: /\.cache\/ts\/run\//,
  samples: /\.cache\/ts\/monitor\/(?:blocks|monitor|snapshot|stream)\.js$/,
  tickers: /\.cache\/ts\/schedule\//,
}

/** The fields that package.json must have for the entries. */
export function manifestFields() {
  const exports = {}
  const typesVersions = {}
  for (const [name, { subpath }] of Object.entries(ENTRIES)) {
    exports[subpath] = {
      // Bundlers set `module`, and Node does not. Bun's sets `bun`.
      import: {
        types: `./dist/${name}.d.ts`,
        bun: `./dist/${name}.bundler.js`,
        module: `./dist/${name}.bundler.js`,
        default: `./dist/${name}.js`,
      },
      require: { types: `./dist/${name}.d.cts`, default: `./dist/${name}.cjs` },
    }
    // TypeScript's `moduleResolution: node10` does not read `exports`.
    if (subpath !== '.') typesVersions[subpath.slice(2)] = [`./dist/${name}.d.cts`]
  }
  exports['./package.json'] = './package.json'
  const more = Object.keys(typesVersions).length > 0 ? { typesVersions: { '*': typesVersions } } : {}
  return { main: './dist/index.cjs', types: './dist/index.d.cts', exports, ...more }
}

/**
 * Includes the types of Node, also for projects that do not list them. If they are not installed, TypeScript reports one
 * error in this file; the errors that follow from it in the other declarations are turned off by the comment in TYPES_HEAD.
 * The tests type-check the declarations without that comment.
 */
const NODE_TYPES = `// These declarations need the types of Node: npm install --save-dev @types/node
/// <reference types="node" />
export {}
`
const TYPES_HEAD = `// @ts-nocheck
/// <reference path="./node.d.cts" />
`

/** Writes the ES modules of all entries, their declarations, and the hint for file tracers. */
export function finishEntries(dist) {
  // The types exist only once, too: the types of the ES modules are re-exports.
  for (const file of readdirSync(dist).filter((each) => each.endsWith('.d.ts'))) {
    const types = readFileSync(join(dist, file), 'utf8')
    writeFileSync(join(dist, file), TYPES_HEAD + types)
    renameSync(join(dist, file), join(dist, file.replace(/\.d\.ts$/, '.d.cts')))
  }
  writeFileSync(join(dist, 'node.d.cts'), NODE_TYPES)
  makeLazy(join(dist, 'index.cjs'))
  for (const name of Object.keys(ENTRIES)) writeEntry(dist, name)
  appendTrace(join(dist, 'library.cjs'))
}

/** Replaces what an entry takes from the lazy files by functions and classes of the same name that load them. */
function makeLazy(file) {
  const load = createRequire(file)
  let text = readFileSync(file, 'utf8')
  for (const name of Object.keys(LAZY)) {
    const names = [...text.matchAll(new RegExp(`^exports\\.(\\w+) = require_${name}\\.\\1;$`, 'gm'))].map(
      ([, each]) => each,
    )
    const exported = load(`./${name}.cjs`)
    const isClass = (each) => String(exported[each]).startsWith('class')
    const classes = names.filter(isClass)
    const stubs = names.map((each) =>
      isClass(each)
        ? `function ${each}(...args) {\n\treturn new (load_${name}().${each})(...args);\n}`
        : `function ${each}(...args) {\n\treturn load_${name}().${each}(...args);\n}`,
    )
    const adopted = classes.map((each) => `\t\tadopt(${each}, loaded_${name}.${each});\n`).join('')
    const loader = `let loaded_${name};
function load_${name}() {
\tif (loaded_${name} === void 0) {
\t\tloaded_${name} = require("./${name}.cjs");
${adopted}\t}
\treturn loaded_${name};
}`
    const instances = classes.map((each) => `ofReal(${each}, () => load_${name}().${each});`)
    text = text.replace(
      `const require_${name} = require("./${name}.cjs");`,
      [loader, ...stubs, ...instances].join('\n'),
    )
    for (const each of names)
      text = text.replace(`exports.${each} = require_${name}.${each};`, `exports.${each} = ${each};`)
  }
  if (/require_(?!library\b)/.test(text)) throw new Error(`${file}: something lazy is not replaced`)
  writeFileSync(file, text + STAND_INS)
}

/** A class that is loaded takes over the prototype of its stand-in, which until then answers `instanceof` by loading it. */
const STAND_INS = `
function ofReal(standIn, load) {
\tObject.defineProperty(standIn, Symbol.hasInstance, { configurable: true, value: (value) => value instanceof load() });
}
function adopt(standIn, real) {
\tObject.setPrototypeOf(standIn, real);
\tstandIn.prototype = real.prototype;
\tObject.defineProperty(real.prototype, "constructor", { configurable: true, writable: true, value: standIn });
}
`

/**
 * Writes the ES modules of an entry: one for runtimes, where `require` takes 3 ms less than an `import` of the same file, and
 * one for bundlers, which cannot follow that `require`. A file tracer that acts as a bundler (Nitro's) must also find the
 * former, which is what Node then loads; webpack, which would copy it for that, is stopped by the comment.
 */
function writeEntry(dist, name) {
  const names = Object.keys(createRequire(import.meta.url)(join(dist, `${name}.cjs`)))
  const list = names.map((each) => `  ${each},\n`).join('')
  const head = '// Re-exports the CommonJS build, so that import and require share one instance.\n'
  const load = `import { createRequire } from 'node:module'\n\nconst library = createRequire(import.meta.url)('./${name}.cjs')\n`
  // Not `export … from`: Node, when it gets to this file, would scan the text of the whole library for its names.
  const exported = `\nexport const {\n${list}} = library\n`
  writeFileSync(join(dist, `${name}.js`), head + load + exported)
  const trace = `\n// Never called: file tracers follow it.\nfunction traced() {\n  return new URL(/* webpackIgnore: true */ './${name}.js', import.meta.url)\n}\n`
  writeFileSync(join(dist, `${name}.bundler.js`), `${head}import library from './${name}.cjs'\n${exported}${trace}`)
  writeFileSync(join(dist, `${name}.d.ts`), `${head}export * from './${name}.cjs'\n`)
}

/** File tracers (@vercel/nft, which Next and Nitro use) evaluate exactly this call and then copy the binary. */
function appendTrace(file) {
  appendFileSync(
    file,
    `\n// Never called: file tracers follow it to the addon.\nfunction _traced() {\n\treturn require('node-gyp-build')(__dirname + '/..')\n}\n`,
  )
}
