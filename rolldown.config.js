// What is published of the code: one CommonJS file for the library, because sixty small modules take four times as long to
// load and `import` and `require` must share one instance; and one file per verb for the command. tsc compiles into
// .cache/ts and writes the types; this only joins. Nothing is minified: it is what people step through.
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
]
