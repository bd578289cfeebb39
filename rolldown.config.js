// What is published of the code: one file for the library, because sixty small modules take four times as long to load,
// and one per verb for the command. tsc compiles into .cache/ts and writes the types; this only joins. Nothing is minified:
// it is what people step through.
const common = {
  platform: 'node',
  external: [/^node:/, 'node-gyp-build'],
  treeshake: false,
}

export default [
  {
    ...common,
    input: { index: './.cache/ts/index.js' },
    output: { dir: 'dist', entryFileNames: '[name].js', codeSplitting: false },
  },
  {
    ...common,
    input: { 'cli/main': './.cache/ts/cli/main.js' },
    output: { dir: 'dist', entryFileNames: '[name].js', chunkFileNames: 'cli/parts/[name].js' },
  },
]
