// Rows for bundlers. Each bundles a program in three ways: with tripline left out of the bundle, as docs/platforms.md
// advises; with tripline inside and TRIPLINE_ADDON set to the binary; and inside without it, where the error message must
// name the remedy.
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, runCheck, write } from './project.js'
import { asCommonJs, program } from './programs.js'

const dependencies = {
  esbuild: '0.28.2',
  rollup: '4.68.8',
  '@rollup/plugin-node-resolve': '16',
  '@rollup/plugin-commonjs': '29',
  '@rollup/plugin-json': '6',
  rolldown: '1.2.19',
  webpack: '5.113.0',
  'webpack-cli': '6',
  '@vercel/ncc': '0.45.0',
}

const rollupConfig = (external) => `import resolve from '@rollup/plugin-node-resolve'
import commonjs from '@rollup/plugin-commonjs'
export default {
  input: 'program.mjs',
  output: { dir: process.env.OUT, format: 'esm', entryFileNames: 'program.mjs' },
  external: [/^node:/, ...${JSON.stringify(external)}],
  plugins: [resolve({ preferBuiltins: true }), commonjs({ ignoreDynamicRequires: true })],
}
`
const webpackConfig = (external) => `module.exports = {
  mode: 'production',
  target: 'node',
  entry: './program.mjs',
  output: { path: require('node:path').resolve(process.env.OUT), filename: 'program.cjs' },
  externals: ${JSON.stringify(Object.fromEntries(external.map((name) => [name, `commonjs ${name}`])))},
}
`

/** The bundlers by name: the command with tripline outside or inside, the file that it writes, and the advised setting. */
const bundlers = {
  esbuild: {
    file: 'program.mjs',
    needs: '--external:tripline',
    command: (out, external) => [
      'node_modules/esbuild/bin/esbuild',
      'program.mjs',
      '--bundle',
      '--platform=node',
      '--format=esm',
      `--outfile=${out}/program.mjs`,
      '--banner:js=import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
      ...external.map((name) => `--external:${name}`),
    ],
  },
  Rollup: {
    file: 'program.mjs',
    needs: "external: ['tripline']",
    config: { 'rollup.config.mjs': rollupConfig },
    command: () => ['node_modules/rollup/dist/bin/rollup', '-c', 'rollup.config.mjs'],
  },
  Rolldown: {
    file: 'program.cjs',
    needs: "external: ['tripline']",
    command: (out, external) => [
      'node_modules/rolldown/bin/cli.mjs',
      'program.mjs',
      '--platform',
      'node',
      '--format',
      'cjs',
      '--file',
      `${out}/program.cjs`,
      ...external.flatMap((name) => ['--external', name]),
    ],
  },
  webpack: {
    file: 'program.cjs',
    needs: "externals: { tripline: 'commonjs tripline' }",
    config: { 'webpack.config.cjs': webpackConfig },
    command: () => ['node_modules/webpack/bin/webpack.js', '-c', 'webpack.config.cjs'],
  },
  ncc: {
    file: 'index.cjs',
    needs: '-e tripline',
    command: (out, external) => [
      'node_modules/@vercel/ncc/dist/ncc/cli.js',
      'build',
      'program.cjs',
      '-o',
      out,
      ...external.flatMap((name) => ['-e', name]),
    ],
  },
}

async function bundle(workshop, name, external) {
  const cwd = await workshop.project('bundlers', dependencies)
  const { file, config = {}, command } = bundlers[name]
  const out = `${name}-${external.length > 0 ? 'outside' : 'inside'}`
  const configs = Object.entries(config).map(([path, text]) => [path, text(external)])
  write(cwd, { 'program.mjs': program, 'program.cjs': asCommonJs(program), ...Object.fromEntries(configs) })
  await run(process.execPath, command(out, external), { cwd, env: { OUT: out } })
  return { cwd, out: join(cwd, out), file }
}

/** Creates a folder that contains only the bundle. */
async function alone(workshop, name) {
  const { out, file } = await bundle(workshop, name, [])
  const folder = workshop.empty(`alone-${name}`)
  copyFileSync(join(out, file), join(folder, file))
  return { folder, file }
}

const names = Object.keys(bundlers)

export const bundlerRows = [
  ...names.map((name) => ({
    name: `${name}, tripline outside`,
    system: 'bundle',
    async check(workshop) {
      const { cwd, out, file } = await bundle(workshop, name, ['tripline'])
      const result = await runCheck(process.execPath, [join(out, file)], { cwd })
      return { ...result, needs: bundlers[name].needs }
    },
  })),
  ...names.map((name) => ({
    name: `${name}, tripline inside`,
    system: 'bundle',
    async check(workshop) {
      const { folder, file } = await alone(workshop, name)
      const plain = await run(process.execPath, [file], { cwd: folder }).catch(({ output }) => output)
      if (!plain.includes('make "tripline" an external package')) throw new Error(`names no remedy: ${plain}`)
      copyFileSync(await workshop.addon(), join(folder, 'tripline.node'))
      const env = { TRIPLINE_ADDON: './tripline.node' }
      const result = await runCheck(process.execPath, [file], { cwd: folder, env })
      return { ...result, needs: 'TRIPLINE_ADDON, as its message says' }
    },
  })),
]
