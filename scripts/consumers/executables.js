// Rows for single executables, made as docs/platforms.md describes: the binary is beside the program, and TRIPLINE_ADDON
// names it.
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { bun, fetchRuntime, node } from '../lib/runtimes.js'
import { run, runCheck, write } from './project.js'
import { program } from './programs.js'

/** Sets TRIPLINE_ADDON. This must happen before tripline is used, but may happen after it is loaded. */
const NAMING = `import { dirname, join } from 'node:path'

process.env.TRIPLINE_ADDON ??= join(dirname(process.execPath), 'tripline.node')
`
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'

/** Creates a folder that contains only the files that are shipped. */
async function ship(workshop, name, executable) {
  const folder = workshop.empty(`ship-${name}`)
  copyFileSync(executable, join(folder, 'program'))
  copyFileSync(await workshop.addon(), join(folder, 'tripline.node'))
  return runCheck(join(folder, 'program'), [], { cwd: folder })
}

const seaRow = (version) => ({
  name: `single executable of Node ${version}`,
  system: 'CommonJS',
  async check(workshop) {
    const cwd = await workshop.project('executables', { esbuild: '0.28.2', postject: '1.0.0-alpha.6' })
    write(cwd, {
      'program.mjs': NAMING + program,
      'sea.json': JSON.stringify({ main: 'bundle.cjs', output: 'bundle.blob', disableExperimentalSEAWarning: true }),
    })
    const esbuild = ['node_modules/esbuild/bin/esbuild', 'program.mjs', '--bundle', '--platform=node']
    await run(process.execPath, [...esbuild, '--outfile=bundle.cjs'], { cwd })
    const host = fetchRuntime(node(version))
    await run(host, ['--experimental-sea-config', 'sea.json'], { cwd })
    copyFileSync(host, join(cwd, 'program'))
    const postject = [
      'node_modules/postject/dist/cli.js',
      'program',
      'NODE_SEA_BLOB',
      'bundle.blob',
      '--sentinel-fuse',
      FUSE,
    ]
    await run(process.execPath, postject, { cwd })
    const result = await ship(workshop, `sea-${version}`, join(cwd, 'program'))
    return { ...result, needs: 'TRIPLINE_ADDON' }
  },
})

const bunRow = {
  name: 'bun build --compile',
  system: 'ESM',
  async check(workshop) {
    const cwd = await workshop.project('executables', { esbuild: '0.28.2', postject: '1.0.0-alpha.6' })
    write(cwd, { 'compiled.mjs': NAMING + program })
    await run(fetchRuntime(bun), ['build', '--compile', 'compiled.mjs', '--outfile', 'compiled'], { cwd })
    const result = await ship(workshop, 'bun', join(cwd, 'compiled'))
    return { ...result, needs: 'TRIPLINE_ADDON' }
  },
}

export const executableRows = [...[20, 22, 24, 26].map(seaRow), bunRow]
