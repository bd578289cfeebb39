// Rows for TypeScript: compiles with every way to resolve modules, checks the types of libraries too, and runs the output.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, runCheck, write } from './project.js'
import { program, types } from './programs.js'

/** The versions of TypeScript, each with types of Node that it can read. */
const versions = {
  5.2: { typescript: '5.2.2', node: '20.11.30' },
  5.5: { typescript: '5.5.4', node: '20.19.43' },
  5.9: { typescript: '5.9.3', node: '22' },
  '6.0': { typescript: '6.0.3', node: '24' },
  '7.0': { typescript: '7.0.2', node: '24' },
}

/** Module systems by name: compiler options, the extension of the sources, and the versions of TypeScript to test with. */
const systems = {
  'commonjs, node10': { module: 'commonjs', moduleResolution: 'node10', extension: 'ts', type: 'commonjs', until: 6 },
  'node16, .cts': { module: 'node16', moduleResolution: 'node16', extension: 'cts' },
  'node16, .mts': { module: 'node16', moduleResolution: 'node16', extension: 'mts' },
  'nodenext, .cts': { module: 'nodenext', moduleResolution: 'nodenext', extension: 'cts' },
  'nodenext, .mts': { module: 'nodenext', moduleResolution: 'nodenext', extension: 'mts' },
  'esnext, bundler': { module: 'esnext', moduleResolution: 'bundler', extension: 'ts', type: 'module' },
  'commonjs, bundler': { module: 'commonjs', moduleResolution: 'bundler', extension: 'ts', type: 'commonjs', from: 6 },
}

const OPTIONS = {
  target: 'es2022',
  lib: ['es2022'],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  outDir: 'out',
}

function project(workshop, version, withNode = true) {
  const { typescript, node } = versions[version]
  const dependencies = withNode ? { typescript, '@types/node': node } : { typescript }
  return workshop.project(`typescript-${version}${withNode ? '' : '-bare'}`, dependencies)
}

/** Compiles files with options and returns the errors, one per line of output. */
async function compile(cwd, options, files) {
  write(cwd, { 'tsconfig.json': JSON.stringify({ compilerOptions: { ...OPTIONS, ...options }, files }) })
  const args = ['node_modules/typescript/bin/tsc', '--pretty', 'false', '-p', '.']
  const output = await run(process.execPath, args, { cwd }).catch((error) => {
    if (error.output === undefined) throw error
    return error.output
  })
  return output.split('\n').filter((line) => line.includes('error TS'))
}

/** Removes the comment that turns off errors for projects without `@types/node`, so that all declarations are checked. */
function checkAll(cwd) {
  const file = join(cwd, 'node_modules/tripline/dist/index.d.cts')
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, text.replace('// @ts-nocheck', '//'))
}

const systemRow = (version, name) => ({
  name: `TypeScript ${version}, ${name}`,
  system: name,
  everyday: ['5.2', '7.0'].includes(version) && name === 'nodenext, .cts',
  async check(workshop) {
    const { module, moduleResolution, extension, type } = systems[name]
    const cwd = await project(workshop, version)
    checkAll(cwd)
    const manifest = JSON.parse(readFileSync(join(cwd, 'package.json'), 'utf8'))
    const files = [`program.${extension}`, `types.${extension}`]
    write(cwd, {
      'package.json': JSON.stringify({ ...manifest, type: type ?? 'commonjs' }),
      [files[0]]: program,
      [files[1]]: types,
    })
    // Version 6 still has node10 but reports it as deprecated.
    const more = moduleResolution === 'node10' && version === '6.0' ? { ignoreDeprecations: '6.0' } : {}
    const errors = await compile(cwd, { module, moduleResolution, types: ['node'], ...more }, files)
    if (errors.length > 0) throw new Error(errors.join('\n'))
    return runCheck(process.execPath, [`out/${files[0].replace('ts', 'js')}`], { cwd })
  },
})

const isFor = (version, { from = 0, until = Infinity }) => parseFloat(version) >= from && parseFloat(version) <= until

export const typeRows = [
  ...Object.keys(versions).flatMap((version) =>
    Object.keys(systems)
      .filter((name) => isFor(version, systems[name]))
      .map((name) => systemRow(version, name)),
  ),
  ...Object.keys(versions).map((version) => ({
    name: `TypeScript ${version}, @types/node not listed`,
    system: 'nodenext, .mts',
    async check(workshop) {
      const cwd = await project(workshop, version)
      write(cwd, { 'types.mts': types })
      const errors = await compile(cwd, { module: 'nodenext', moduleResolution: 'nodenext', types: [] }, ['types.mts'])
      if (errors.length > 0) throw new Error(errors.join('\n'))
      return { shown: 'the types include those of Node' }
    },
  })),
  ...Object.keys(versions).map((version) => ({
    name: `TypeScript ${version}, without @types/node`,
    system: 'nodenext, .mts',
    async check(workshop) {
      const cwd = await project(workshop, version, false)
      write(cwd, { 'a.mts': "import { guard } from 'tripline'\nguard({ memory: 90 })\n" })
      const errors = await compile(cwd, { module: 'nodenext', moduleResolution: 'nodenext' }, ['a.mts'])
      if (errors.length !== 1 || !errors[0].includes("Cannot find type definition file for 'node'")) {
        throw new Error(`${errors.length} lines:\n${errors.slice(0, 5).join('\n')}`)
      }
      return { shown: errors[0].replace(/^.*error /, '') }
    },
  })),
]
