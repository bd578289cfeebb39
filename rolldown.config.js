// What is published of the code: one CommonJS file for the library, because sixty small modules take four times as long to
// load and `import` and `require` must share one instance; one file per verb for the command; and one file of types. tsc
// compiles into .cache/ts and .cache/types; this only joins. Nothing is minified: it is what people step through.
import { dts } from 'rolldown-plugin-dts'

// The sentence that heads a file is no comment of the declaration that comes to stand first.
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

export default [
  {
    ...common,
    input: { library: './.cache/ts/index.js' },
    output: { dir: 'dist', format: 'cjs', entryFileNames: '[name].cjs', codeSplitting: false },
  },
  {
    ...common,
    input: { 'cli/main': './.cache/ts/cli/main.js' },
    output: { dir: 'dist', entryFileNames: '[name].js', chunkFileNames: 'cli/parts/[name].js' },
  },
  {
    input: { index: './.cache/types/index.d.ts' },
    external: [/^node:/],
    plugins: [withoutHeads, dts({ dtsOnly: true, generator: 'oxc' })],
    output: { dir: 'dist' },
  },
]
