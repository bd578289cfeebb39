// Joins what tsc has compiled into .cache/ts and .cache/types: a CommonJS file for the library, because sixty small modules
// take four times as long to load and `import` and `require` must share one instance; files for what loads with its first
// call; a file for each entry point with what only that needs; one for the command; and the types of each
// entry. Nothing is minified, so that it can be stepped through.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, resolve } from 'node:path'
import { dts } from 'rolldown-plugin-dts'
import { COMMAND_LAZY, ENTRIES, LAZY, SHARED } from './scripts/lib/entries.js'
import { asAscii, lazyBuiltins } from './scripts/lib/slim.js'

// The sentence that heads a file is not a comment on the declaration that comes to stand first.
const withoutHeads = {
  name: 'without-heads',
  transform: {
    order: 'pre',
    filter: { id: /\.d\.ts$/ },
    handler: (code) => code.replace(/^\/\*\*(?:(?!\*\/)[^])*\*\/\n(?=import |export (?:type )?\{|\/\*\*)/, ''),
  },
}

const common = {
  platform: 'node',
  external: [/^node:/, 'node-gyp-build'],
  treeshake: false,
}

const names = Object.keys(ENTRIES)

/** Makes the files of the command CommonJS although they are named `.js`. */
const asCommonJs = {
  name: 'as-commonjs',
  generateBundle() {
    this.emitFile({ type: 'asset', fileName: 'cli/package.json', source: '{ "type": "commonjs" }\n' })
  },
}

/** Where the command has its clock from. */
const CLOCK = [resolve('.cache/ts/cli/clock.js'), 'performance']

/** The entry whose folder in the source a file of another entry is in: itself if none. */
const homes = names.map((name) => [name, `${resolve('.cache/types', dirname(ENTRIES[name].module))}/`])
const homeOf = (file) => homes.find(([name, folder]) => name !== 'index' && file.startsWith(folder))?.[0] ?? 'index'

/** The types that an entry shares come from the entry in whose folder they are, or else from the main one, which exports all that is public. */
const sharedTypes = (name) => ({
  name: 'shared-types',
  resolveId: (id, importer) => {
    if (importer === undefined || !id.startsWith('.')) return undefined
    const home = homeOf(resolve(importer, '..', id))
    return home === name ? undefined : { id: `./${home}.cjs`, external: true }
  },
})

/** Frameworks, whose types are those that the user has installed. */
const PEERS = Object.keys(createRequire(import.meta.url)('./package.json').peerDependencies)
const isPeer = (id) => PEERS.some((each) => id === each || id.startsWith(`${each}/`))

const types = (name) => {
  const { module } = ENTRIES[name]
  const shared = name === 'index' ? [] : [sharedTypes(name)]
  return {
    input: { [name]: `./.cache/types/${module}.d.ts` },
    external: (id) => id.startsWith('node:') || isPeer(id),
    plugins: [withoutHeads, ...shared, dts({ dtsOnly: true, generator: 'oxc' })],
    output: { dir: 'dist' },
  }
}

/** Files of the page of `tripline/dashboard` that are copied as they are, by where they come from. */
const PAGE_FILES = {
  'src/integrations/dashboard/page': ['index.html', 'page.css', 'icon.svg'],
  'node_modules/uplot/dist': ['uPlot.iife.min.js', 'uPlot.min.css'],
}

const pageFiles = {
  name: 'page-files',
  generateBundle() {
    const emit = (fileName, file) => this.emitFile({ type: 'asset', fileName, source: readFileSync(resolve(file)) })
    for (const [folder, files] of Object.entries(PAGE_FILES)) for (const each of files) emit(each, `${folder}/${each}`)
    emit('uPlot.LICENSE', 'node_modules/uplot/LICENSE')
  },
}

/** The code of the page, for browsers. */
const page = {
  input: { page: './src/integrations/dashboard/page/main.ts' },
  platform: 'browser',
  external: ['uplot'],
  tsconfig: './src/integrations/dashboard/page/tsconfig.json',
  plugins: [pageFiles, asAscii],
  output: { dir: 'dist/dashboard', format: 'iife', globals: { uplot: 'uPlot' }, minify: true },
}

export default [
  {
    ...common,
    input: {
      ...Object.fromEntries(names.map((name) => [name, `./.cache/ts/${ENTRIES[name].module}.js`])),
      worker: './.cache/ts/workers/thread.js',
      'evidence-thread': './.cache/ts/evidence/thread.js',
    },
    plugins: [asAscii],
    preserveEntrySignatures: 'allow-extension',
    output: {
      dir: 'dist',
      format: 'cjs',
      // As the source is, which consists of modules; a detached method must not get the global object as `this`.
      strict: true,
      entryFileNames: '[name].cjs',
      chunkFileNames: '[name].cjs',
      // What entries share is in files of its own, so that no class exists twice.
      codeSplitting: {
        includeDependenciesRecursively: false,
        groups: [
          ...Object.entries({ ...LAZY, ...SHARED }).map(([name, test]) => ({ name, test, priority: 2 })),
          {
            name: 'library',
            test: /\.cache\/ts\/(?:addon|base|cancelable|engine|monitor|sources)\/|rolldown\/runtime/,
            priority: 1,
          },
        ],
      },
    },
  },
  {
    ...common,
    // CommonJS in few files: the loader of ES modules starts four threads and takes two megabytes, and one that resolves the
    // paths of many files makes V8 load its optimizing compiler, which takes four. `tripline run` without limits is in one.
    input: { 'cli/main': './.cache/ts/cli/main.js' },
    preserveEntrySignatures: 'allow-extension',
    // Some are imported dynamically by one module only.
    checks: { ineffectiveDynamicImport: false },
    // Node's own modules take 0.1 and 0.7 megabytes.
    external: [/^node:(?!diagnostics_channel$)/, 'node-gyp-build'],
    resolve: { alias: { 'node:diagnostics_channel': resolve('.cache/ts/cli/no-channels.js') } },
    transform: { inject: { performance: CLOCK, 'globalThis.performance': CLOCK } },
    plugins: [asCommonJs, lazyBuiltins, asAscii],
    output: {
      dir: 'dist',
      format: 'cjs',
      entryFileNames: '[name].js',
      comments: false,
      chunkFileNames: 'cli/[name].js',
      codeSplitting: {
        includeDependenciesRecursively: false,
        groups: [
          ...Object.entries(COMMAND_LAZY).map(([name, test]) => ({ name, test, priority: 2 })),
          { name: 'core', test: /\.cache\/ts\/|rolldown\/runtime/, priority: 1 },
        ],
      },
    },
  },
  page,
  ...names.map(types),
]
