// Rows for test runners and for tools that run TypeScript.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, runCheck, write } from './project.js'
import { asCommonJs, check, clockScenarios, jestClocks, program, testFile, testing, vitestClocks } from './programs.js'

const TYPESCRIPT = '5.9.3'
const VITESTS = ['3.2.4', '4.1.12']

const jestDependencies = {
  29: { jest: '29.7.0', '@jest/globals': '29.7.0', 'babel-jest': '29.7.0' },
  30: { jest: '30.5.2', '@jest/globals': '30.5.2', 'babel-jest': '30.5.2' },
}
const jestCompilers = {
  '@babel/core': '7',
  '@babel/preset-env': '7',
  'ts-jest': '29.4.15',
  typescript: TYPESCRIPT,
  '@types/node': '22',
}

const jestSystems = {
  CommonJS: { config: { testMatch: ['**/cjs/*.test.js'], transform: {} } },
  babel: {
    system: 'ESM to CommonJS',
    config: {
      testMatch: ['**/esm/*.test.js'],
      transform: { '\\.js$': ['babel-jest', { presets: [['@babel/preset-env', { targets: { node: 'current' } }]] }] },
    },
  },
  'ts-jest': {
    system: 'TypeScript to CommonJS',
    config: { testMatch: ['**/ts/*.test.ts'], transform: { '\\.ts$': ['ts-jest', { tsconfig: 'ts/tsconfig.json' }] } },
  },
  'ES modules': {
    system: 'ESM',
    flags: ['--experimental-vm-modules', '--no-warnings'],
    config: { testMatch: ['**/native/*.test.mjs'], transform: {} },
  },
}

const COMMONJS_CONFIG = JSON.stringify({
  compilerOptions: {
    module: 'commonjs',
    moduleResolution: 'node10',
    target: 'es2022',
    strict: true,
    esModuleInterop: true,
    types: ['node'],
  },
})

const jestFiles = {
  'cjs/check.js': asCommonJs(check),
  'cjs/a.test.js': asCommonJs(testFile('@jest/globals', './check.js')),
  'esm/check.js': check,
  'esm/a.test.js': testFile('@jest/globals', './check.js'),
  'ts/check.ts': check,
  'ts/a.test.ts': testFile('@jest/globals', './check'),
  'ts/tsconfig.json': COMMONJS_CONFIG,
  'native/check.mjs': check,
  'native/a.test.mjs': testFile('@jest/globals', './check.mjs'),
}

async function jestProject(workshop, version) {
  const cwd = await workshop.project(`jest-${version}`, { ...jestDependencies[version], ...jestCompilers })
  write(cwd, jestFiles)
  return cwd
}

/** Arguments for node. Jest's cache is off, because it would outlive the project. */
const jestArguments = (config) => [
  'node_modules/jest/bin/jest.js',
  '--no-cache',
  '--config',
  JSON.stringify({ testEnvironment: 'node', testMatch: ['**/*.test.js'], ...config }),
]

const jestRows = [29, 30].flatMap((version) =>
  Object.entries(jestSystems).map(([name, { system = name, flags = [], config }]) => ({
    name: `Jest ${version}, ${name}`,
    system,
    everyday: version === 30 && name === 'CommonJS',
    async check(workshop) {
      const cwd = await jestProject(workshop, version)
      return runCheck(process.execPath, [...flags, ...jestArguments(config)], { cwd })
    },
  })),
)

const FILES = 200

/** A test that leaves a guard open and records the size of the heap. */
const leavingTest = `const { appendFileSync } = require('node:fs')
const { test } = require('@jest/globals')
const { guard } = require('tripline')
test('leaves a guard open', () => {
  guard({ 'process.rss': { above: '1MB' } }).on('breach', () => {})
  globalThis.gc()
  appendFileSync(__dirname + '/../heap', process.memoryUsage().heapUsed + '\\n')
})
`

/** A runner that needs no settings, with its tests in either module system. */
const plainRunner = (title, dependencies, framework, args, name) =>
  ['mjs', 'cjs'].map((extension) => ({
    name: `${title}, .${extension}`,
    system: extension === 'mjs' ? 'ESM' : 'CommonJS',
    async check(workshop) {
      const cwd = await workshop.project(title.toLowerCase().replace(':', '-'), dependencies)
      const own = extension === 'mjs' ? (text) => text : asCommonJs
      const test = `a.test.${extension}`
      write(cwd, {
        [`check.${extension}`]: own(check),
        [test]: own(testFile(framework, `./check.${extension}`, name)),
      })
      return runCheck(process.execPath, [...args, test], { cwd })
    },
  }))

/** A tool that runs TypeScript without a build. */
const typeScriptRunner = (name, system, dependencies, args) => ({
  name,
  system,
  async check(workshop) {
    const cwd = await workshop.project(name, dependencies)
    write(cwd, { 'program.ts': program, 'tsconfig.json': COMMONJS_CONFIG })
    return runCheck(process.execPath, [...args, 'program.ts'], { cwd })
  },
})

/** Runs all files in one process, each with its own context and its own copy of the library. */
const leavingRows = [29, 30].map((version) => ({
  name: `Jest ${version}, ${FILES} files that leave guards open`,
  system: 'CommonJS',
  async check(workshop) {
    const cwd = await jestProject(workshop, version)
    const tests = Array.from({ length: FILES }, (_, number) => [`left/${number}.test.js`, leavingTest])
    write(cwd, { ...Object.fromEntries(tests), heap: '' })
    const args = jestArguments({ testMatch: ['**/left/*.test.js'], transform: {} })
    // The row fails if Jest does not end by itself in time.
    await run(process.execPath, ['--expose-gc', ...args, '--runInBand'], { cwd, timeout: 300_000 })
    const heaps = readFileSync(join(cwd, 'heap'), 'utf8').trim().split('\n').map(Number)
    if (heaps.length !== FILES) throw new Error(`${heaps.length} of ${FILES} files ran`)
    const [early, late] = [heaps.slice(20, 40), heaps.slice(-20)].map((some) => Math.min(...some) / 1e6)
    const shown = `heap of ${early.toFixed(1)} MB after 40 files, ${late.toFixed(1)} MB after ${FILES}`
    // One context of a test file is 1 to 3 MB.
    if (late - early > 4) throw new Error(shown)
    return { shown }
  },
}))

/** `tripline/testing`: Jest reports its assertions, and Jest's timers control its fakes. */
const testingRows = [29, 30].flatMap((version) =>
  [
    ['CommonJS', 'a.test.js', asCommonJs(testing)],
    ['ES modules', 'a.test.mjs', testing],
  ].map(([name, file, text]) => ({
    name: `Jest ${version}, tripline/testing, ${name}`,
    system: jestSystems[name].system ?? name,
    async check(workshop) {
      const cwd = await jestProject(workshop, version)
      write(cwd, { [`testing/${file}`]: text })
      const { flags = [], config } = jestSystems[name]
      const args = jestArguments({ ...config, testMatch: [`**/testing/${file}`] })
      return { shown: passedOf(await run(process.execPath, [...flags, ...args], { cwd })) }
    },
  })),
)

/** The number of tests that passed, from the last lines of Jest or vitest. */
const passedOf = (output) => /^ *Tests:? +(\d+ passed)/m.exec(output)[1]

/** Operations under the fake timers of the framework. */
const clockRows = [
  ...[29, 30].map((version) => ({
    name: `Jest ${version}, fake timers`,
    system: 'CommonJS',
    async check(workshop) {
      const cwd = await jestProject(workshop, version)
      write(cwd, { 'clocks/a.test.js': jestClocks, 'clocks/fake-clocks.cjs': clockScenarios })
      const args = jestArguments({ ...jestSystems.CommonJS.config, testMatch: ['**/clocks/*.test.js'] })
      return { shown: passedOf(await run(process.execPath, args, { cwd })) }
    },
  })),
  ...VITESTS.map((version) => ({
    name: `Vitest ${version.split('.')[0]}, fake timers`,
    system: 'ESM',
    async check(workshop) {
      const cwd = await workshop.project(`vitest-${version}`, { vitest: version }, { type: 'module' })
      write(cwd, { 'clocks/a.test.js': vitestClocks, 'clocks/fake-clocks.cjs': clockScenarios })
      const args = ['node_modules/vitest/vitest.mjs', 'run', 'clocks']
      return { shown: passedOf(await run(process.execPath, args, { cwd, env: { NO_COLOR: '1' } })) }
    },
  })),
]

export const frameworkRows = [
  ...jestRows,
  ...leavingRows,
  ...testingRows,
  ...clockRows,
  ...VITESTS.map((version) => ({
    name: `Vitest ${version.split('.')[0]}`,
    system: 'ESM',
    async check(workshop) {
      const cwd = await workshop.project(`vitest-${version}`, { vitest: version }, { type: 'module' })
      write(cwd, { 'check.js': check, 'a.test.js': testFile('vitest', './check.js') })
      return runCheck(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', join(cwd, 'a.test.js')], { cwd })
    },
  })),
  ...plainRunner('node:test', {}, 'node:test', ['--test'], 'test'),
  ...plainRunner('Mocha', { mocha: '11' }, 'mocha', ['node_modules/mocha/bin/mocha.js'], 'it'),
  typeScriptRunner(
    'ts-node',
    'TypeScript to CommonJS',
    { 'ts-node': '10.9.2', typescript: TYPESCRIPT, '@types/node': '22' },
    ['node_modules/ts-node/dist/bin.js'],
  ),
  typeScriptRunner('tsx', 'TypeScript', { tsx: '4' }, ['--import', 'tsx']),
]
