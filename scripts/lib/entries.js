// The entry points of the package, and the files of dist that are written for each in addition to rolldown's bundle. The ES
// modules re-export the CommonJS one, so that `import` and `require` in one process share classes, guards and the sampler.
import { readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

/** The entries by the name of their files in dist, with the subpath in the package and the module in src, without `.ts`. */
export const ENTRIES = {
  index: { subpath: '.', module: 'index' },
  registry: { subpath: './registry', module: 'registry/index' },
  testing: { subpath: './testing', module: 'testing/index' },
  context: { subpath: './context', module: 'context/index' },
  http: { subpath: './http', module: 'integrations/http/index' },
  prometheus: { subpath: './prometheus', module: 'integrations/prometheus/index' },
  opentelemetry: { subpath: './opentelemetry', module: 'integrations/opentelemetry/index' },
  express: { subpath: './express', module: 'integrations/express/index' },
  fastify: { subpath: './fastify', module: 'integrations/fastify/index' },
  bullmq: { subpath: './bullmq', module: 'integrations/bullmq/index' },
  dashboard: { subpath: './dashboard', module: 'integrations/dashboard/index' },
}

/** Files of dist that several integrations share, with the modules in them. Their own entry is not one of the modules. */
export const SHARED = {
  web: /\.cache\/ts\/integrations\/http\/(?!index\.js$)/,
  metrics: /\.cache\/ts\/integrations\/metrics\//,
  operations: /\.cache\/ts\/registry\/(?!index\.js$)/,
  peers: /\.cache\/ts\/integrations\/peer\.js$/,
}

/**
 * Files of dist that are loaded when one of their exports is first used, with the modules in them. The rest of the library
 * may only use functions of these files.
 */
export const LAZY = {
  reservations: /\.cache\/ts\/admit\//,
  limiters: /\.cache\/ts\/limiter\//,
  commands: /\.cache\/ts\/run\//,
  guards:
    /\.cache\/ts\/(?:addon\/|base\/package\.js$|monitor\/(?:breach|clear-waits|conditions|engine-needs|expression|guard|guard-options|limits|metric-text|native-limits|queries|selectors|shared-guards|text-reader)\.js$|sources\/resource\.js$)/,
  sources: /\.cache\/ts\/(?:sources\/(?:composite|shared-reason|shared-token)|cancelable\/shared-operation)\.js$/,
  regions: /\.cache\/ts\/cancelable\/region\.js$/,
  samples: /\.cache\/ts\/monitor\/(?:blocks|capabilities|monitor|snapshot|stream)\.js$/,
  recordings: /\.cache\/ts\/(?:monitor\/rehearsal\.js$|record\/)/,
  tickers: /\.cache\/ts\/schedule\//,
  workers: /\.cache\/ts\/workers\/(?!thread\.js$)/,
  watchdogs: /\.cache\/ts\/watchdog\//,
  evidence: /\.cache\/ts\/evidence\/(?!thread\.js$)/,
}

/** The same for `dist/cli`: what `tripline run` does not need for a command without limits. The rest is in `core.js`. */
export const COMMAND_LAZY = {
  verbs:
    /\.cache\/ts\/(?:base\/histogram|cli\/(?:check|columns|completion|demo|doctor|fit-columns|help|history|live|profile|screen|sparkline|start-when|table|tried|watch|watched)|monitor\/(?:blocks|capabilities|monitor|snapshot|stream))\.js$|\.cache\/ts\/schedule\//,
  web: /\.cache\/ts\/(?:cli\/watch-web\.js$|integrations\/|limiter\/)/,
  recordings:
    /\.cache\/ts\/(?:base\/kernel-log\.js$|cli\/(?:explain|guard-code)|monitor\/rehearsal\.js$|record\/|run\/(?:line-splitter|recording)\.)/,
  reservations:
    /\.cache\/ts\/(?:addon\/lock\.|base\/private-folder|admit\/(?!request\.)|cli\/reserv|run\/reservation\.)/,
  guards:
    /\.cache\/ts\/(?:addon\/(?:board|metrics|mounts|sampler|ticks)|monitor\/(?:breach|clear-waits|conditions|engine-needs|expression|guard|guard-options|limits|metric-text|native-limits|queries|selectors|shared-guards|text-reader)|run\/(?:cpu-share|limits|peaks)|sources\/resource)\.js$/,
  sources: LAZY.sources,
  evidence: LAZY.evidence,
  watchdogs: /\.cache\/ts\/(?:cli\/watchdog\.js$|watchdog\/)/,
  operations:
    /\.cache\/ts\/(?:cancelable\/(?:chunks|combine|context|idle|iterate|listeners|mimic-function|partial|progress|scope|shield|stream|wrap)|engine\/(?:idle-watch|poll)|run\/(?:capture|lines)|sources\/(?:condition|named|token))\.js$/,
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
  for (const name of ['library', ...Object.keys(LAZY), ...sharedFiles(dist)]) edit(dist, name, plainExports)
  makeLazy(dist)
  splitCommand(dist)
  for (const name of Object.keys(ENTRIES)) writeEntry(dist, name)
  edit(dist, 'guards', (text) => text + TRACE)
  edit(dist, 'workers', (text) => text + TRACE_THREAD)
  edit(dist, 'dashboard', (text) => text + tracePage(readdirSync(join(dist, 'dashboard'))))
}

/** Those of the shared files that the build has written: one that no entry uses is not. */
function sharedFiles(dist) {
  const written = readdirSync(dist)
  return Object.keys(SHARED).filter((name) => written.includes(`${name}.cjs`))
}

/** Makes the files of the command load each other with the first use of their exports. */
function splitCommand(dist) {
  const names = Object.keys(COMMAND_LAZY)
  const members = names.map((name) => `\tget ${name}() {\n\t\treturn require("./${name}.js");\n\t}`).join(',\n')
  for (const name of [...names, 'main']) {
    edit(dist, `cli/${name}`, (text) => toLazy(plainExports(text), names, `const lazy = {\n${members}\n};\n`), 'js')
  }
}

function toLazy(text, names, lazy) {
  const [head] = /^#!.*\n/.exec(text) ?? ['']
  return head + lazy + reroute(text.slice(head.length), names, (name) => `lazy.${name}.`)
}

function edit(dist, name, change, extension = 'cjs') {
  const file = join(dist, `${name}.${extension}`)
  writeFileSync(file, change(readFileSync(file, 'utf8')))
}

const GETTER =
  /^Object\.defineProperty\(exports, "(\w+)", \{\n\tenumerable: true,\n\tget: function\(\) \{\n\t\treturn (\w+);\n\t\}\n\}\);$/gm

/** Makes values of exports with getters, which take longer to load and to use, except for variables. */
function plainExports(text) {
  return text.replace(GETTER, (getter, name, local) =>
    new RegExp(`^let ${local}\\b`, 'm').test(text) ? getter : `exports.${name} = ${local};`,
  )
}

/** Replaces the uses of the lazy files in the library and the main entry by code that loads them. */
function makeLazy(dist) {
  const names = Object.keys(LAZY)
  const entry = readFileSync(join(dist, 'index.cjs'), 'utf8')
  const members = names.flatMap((name) => takeLazy(dist, name, entry)).join('')
  const lazy = `${names.map(loader).join('')}\nconst stand_ins = {};\nexports.lazy = {\n${members}};\n${STAND_INS}`
  edit(dist, 'library', (text) => reroute(text, names, (name) => `load_${name}().`) + lazy)
  edit(dist, 'index', (text) => reroute(text, names, () => 'require_library.lazy.'))
}

/** Replaces a file's uses of the lazy files by other expressions. */
function reroute(text, names, to) {
  for (const name of names) {
    text = text
      .replace(new RegExp(`^const require_${name} = require\\("\\./${name}\\.c?js"\\);\n`, 'm'), '')
      .replaceAll(`require_${name}.`, to(name))
  }
  if (/require_(?!library\b|rolldown_|cli_main\b)/.test(text)) throw new Error('a use of a lazy file was not replaced')
  return text
}

const loader = (name) => `
let loaded_${name};
function load_${name}() {
	return loaded_${name} ??= require("./${name}.cjs");
}
`

/** The members of `lazy` for a lazy file's exports in the main entry: functions that load it, and stand-ins for classes. */
function takeLazy(dist, name, entry) {
  const pattern = new RegExp(`^exports\\.(\\w+) = require_${name}\\.\\1;$`, 'gm')
  const names = [...entry.matchAll(pattern)].map(([, each]) => each)
  const text = readFileSync(join(dist, `${name}.cjs`), 'utf8')
  const classes = names.filter((each) => new RegExp(`^(?:var ${each} = class|class ${each})\\b`, 'm').test(text))
  const adopted = classes.map((each) => `require_library.adopt("${each}", exports.${each});\n`)
  edit(dist, name, (before) => before + adopted.join(''))
  return names.map((each) =>
    classes.includes(each)
      ? `\t${each}: standIn("${each}", load_${name}),\n`
      : `\t${each}(...args) {\n\t\treturn load_${name}().${each}(...args);\n\t},\n`,
  )
}

/**
 * A stand-in is a class for every use: `instanceof`, `extends`, static members. Its first use loads the real one, which it
 * then inherits from, sharing its prototype.
 */
const STAND_INS = `
function standIn(name, load) {
	const target = { [name]: function() {
		"use strict";
	} }[name];
	const real = () => {
		load();
		return Object.getPrototypeOf(target);
	};
	const handler = {
		apply: (_, self, args) => Reflect.apply(real(), self, args),
		construct: (_, args, made) => Reflect.construct(real(), args, made === proxy ? real() : made)
	};
	const proxy = new Proxy(target, handler);
	for (const trap of ["defineProperty", "deleteProperty", "get", "getOwnPropertyDescriptor", "getPrototypeOf", "has", "ownKeys", "set", "setPrototypeOf"]) handler[trap] = (...args) => {
		load();
		return Reflect[trap](...args);
	};
	stand_ins[name] = (loaded) => {
		for (const trap of Object.keys(handler)) if (trap !== "apply" && trap !== "construct") delete handler[trap];
		Object.setPrototypeOf(target, loaded);
		target.prototype = loaded.prototype;
		Object.defineProperty(loaded.prototype, "constructor", { configurable: true, writable: true, value: proxy });
	};
	return proxy;
}
exports.adopt = (name, loaded) => stand_ins[name](loaded);
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

/** The same for the main module of worker threads, which is named by its path only. */
const TRACE_THREAD = `
// Never called: file tracers follow it.
function _traced() {
	return require('node:path').join(__dirname, 'worker.cjs')
}
`

/** The same for the files of a page. */
function tracePage(files) {
  const paths = files.map((file) => `\t\trequire('node:path').join(__dirname, 'dashboard/${file}'),\n`).join('')
  return `\n// Never called: file tracers follow it.\nfunction _traced() {\n\treturn [\n${paths}\t]\n}\n`
}

/** File tracers (@vercel/nft, which Next and Nitro use) evaluate exactly this call and then copy the binary. */
const TRACE = `
// Never called: file tracers follow it to the addon.
function _traced() {
	return require('node-gyp-build')(__dirname + '/..')
}
`
