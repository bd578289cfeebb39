// Rows for package managers: each installs the tarball, and every supported version of Node runs it, from both module
// systems. None may build anything.
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { bun, deno, fetchRuntime, node } from '../lib/runtimes.js'
import { run, runCheck, write } from './project.js'
import { asCommonJs, program } from './programs.js'
import { withRegistry } from './registry.js'

const VERSIONS = [20, 22, 24, 26]
const programs = { 'program.mjs': program, 'program.cjs': asCommonJs(program) }

/** A program in a package from npm's registry. */
const tool = (pack, file) => ({ pack, file })

/** Runs both programs with every version of Node and returns the last result, with the versions. */
async function runEverywhere(cwd, flags = () => []) {
  let last
  for (const version of VERSIONS) {
    for (const file of Object.keys(programs)) {
      // Running two programs at once would hardly be faster.
      last = await runCheck(fetchRuntime(node(version)), [...flags(version), file], { cwd }).catch((error) => {
        throw new Error(`Node ${version}, ${file}: ${error.message}`, { cause: error })
      })
    }
  }
  return { ...last, shown: `on Node ${VERSIONS.join(', ')}` }
}

/** Fails if an installation has compiled the addon. */
function checkUnbuilt(addon) {
  const folder = addon.slice(0, addon.lastIndexOf('/prebuilds/'))
  for (const each of ['build', 'native/build']) {
    if (existsSync(join(folder, each))) throw new Error(`${each} was made at installation`)
  }
}

/** A row whose package manager is JavaScript, run by the newest Node with which it works. */
const row = (name, { manager, version = 24, args, files = {}, flags, ...more }) => ({
  name: `installed by ${name}`,
  system: 'ESM, CommonJS',
  ...more,
  async check(workshop) {
    const cwd = workshop.empty(name.replaceAll(/\W+/g, '-'), { dependencies: { tripline: `file:${workshop.tarball}` } })
    write(cwd, { ...programs, ...files })
    const runtime = fetchRuntime(node(version))
    const path = `${dirname(runtime)}:${process.env.PATH}`
    const script = manager === undefined ? [] : [fetchRuntime(manager)]
    await run(manager === undefined ? 'npm' : runtime, [...script, ...args], { cwd, env: { PATH: path } })
    const result = await runEverywhere(cwd, flags === undefined ? undefined : () => flags(cwd))
    checkUnbuilt(result.addon)
    return result
  },
})

const YARN = tool('@yarnpkg/cli-dist@4.18.1', 'bin/yarn.js')
const yarnSettings = (linker) => ({
  '.yarnrc.yml': `nodeLinker: ${linker}\nenableGlobalCache: false\nenableTelemetry: false\nenableImmutableInstalls: false\n`,
  // An empty lock file marks the folder as a separate project.
  'yarn.lock': '',
})

async function checkRuntime(cwd, host, args) {
  await runCheck(host, [...args, 'program.cjs'], { cwd })
  const result = await runCheck(host, [...args, 'program.mjs'], { cwd })
  checkUnbuilt(result.addon)
  return result
}

const bunRow = {
  name: 'installed and run by Bun',
  system: 'ESM, CommonJS',
  async check(workshop) {
    const cwd = workshop.empty('bun', { dependencies: { tripline: `file:${workshop.tarball}` } })
    write(cwd, programs)
    const host = fetchRuntime(bun)
    await run(host, ['install'], { cwd })
    return checkRuntime(cwd, host, [])
  },
}

/** Deno installs packages only from registries. */
const denoRow = {
  name: 'installed and run by Deno',
  system: 'ESM, CommonJS',
  async check(workshop) {
    const cwd = workshop.empty('deno', { dependencies: { tripline: '*' } })
    write(cwd, programs)
    const host = fetchRuntime(deno)
    const packed = await run('npm', ['pack', 'node-gyp-build', '--silent'], { cwd })
    const loader = join(cwd, packed.trim().split('\n').at(-1))
    await withRegistry([workshop.tarball, loader], (address) =>
      // Use a new cache, because Deno's own may contain another tarball of this version.
      run(host, ['install'], { cwd, env: { NPM_CONFIG_REGISTRY: address, DENO_DIR: join(cwd, 'cache') } }),
    )
    return checkRuntime(cwd, host, ['run', '-A'])
  },
}

export const installerRows = [
  row('npm, scripts blocked', {
    everyday: true,
    args: ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'],
  }),
  row('npm', { args: ['install', '--no-audit', '--no-fund', '--prefer-offline'] }),
  row('pnpm 9', { manager: tool('pnpm@9.15.9', 'bin/pnpm.cjs'), args: ['install', '--prefer-offline'] }),
  row('pnpm 10', { manager: tool('pnpm@10', 'bin/pnpm.cjs'), args: ['install', '--prefer-offline'] }),
  row('yarn 1', { manager: tool('yarn@1.22.22', 'bin/yarn.js'), args: ['install', '--no-lockfile'] }),
  row('yarn 4, node_modules', { manager: YARN, args: ['install'], files: yarnSettings('node-modules') }),
  row('yarn 4, PnP', {
    manager: YARN,
    args: ['install'],
    files: yarnSettings('pnp'),
    flags: (cwd) => ['--require', join(cwd, '.pnp.cjs'), '--loader', join(cwd, '.pnp.loader.mjs'), '--no-warnings'],
  }),
  bunRow,
  denoRow,
]
