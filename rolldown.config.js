// What is published of the code: one CommonJS file for the library, because sixty small modules take four times as long to
// load and `import` and `require` must share one instance; a file per entry point with what only that needs; one file per
// verb for the command; and the types, in one file where there is one entry. tsc compiles into .cache/ts and .cache/types;
// this only joins. Nothing is minified: it is what people step through.
import { dirname, resolve } from 'node:path'
import { dts } from 'rolldown-plugin-dts'
import { ENTRIES } from './scripts/lib/entries.js'

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

/** The types that an entry shares come from the main one, which exports all that is public. */
const sharedTypes = (folder) => ({
  name: 'shared-types',
  resolveId: (id, importer) =>
    importer !== undefined && id.startsWith('.') && !resolve(importer, '..', id).startsWith(`${resolve(folder)}/`)
      ? { id: './index.cjs', external: true }
      : undefined,
})

const types = (name) => {
  const { module } = ENTRIES[name]
  const shared = name === 'index' ? [] : [sharedTypes(dirname(`.cache/types/${module}`))]
  return {
    input: { [name]: `./.cache/types/${module}.d.ts` },
    external: [/^node:/],
    plugins: [withoutHeads, ...shared, dts({ dtsOnly: true, generator: 'oxc' })],
    output: { dir: 'dist' },
  }
}

export default [
  {
    ...common,
    input: Object.fromEntries(names.map((name) => [name, `./.cache/ts/${ENTRIES[name].module}.js`])),
    output: {
      dir: 'dist',
      format: 'cjs',
      entryFileNames: '[name].cjs',
      chunkFileNames: '[name].cjs',
      // All that the main entry needs: the others share it, so that no class exists twice.
      codeSplitting: { groups: [{ name: 'library', test: /\.cache\/ts\/index\.js$/ }] },
    },
  },
  {
    ...common,
    input: { 'cli/main': './.cache/ts/cli/main.js' },
    output: { dir: 'dist', entryFileNames: '[name].js', chunkFileNames: 'cli/parts/[name].js' },
  },
  ...names.map(types),
]
