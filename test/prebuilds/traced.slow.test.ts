/** File tracers decide which files of node_modules go into a container. They must find the package's binary. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nodeFileTrace } from '@vercel/nft'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tripline-traced-')))
const project = join(folder, 'project')
const target = `${process.platform}-${process.arch}`

const PROGRAM = `
  const watched = guard({ 'memory.available': { below: '1000TB' } })
  console.log(watched.state)
  watched.close()`
const PROGRAMS = {
  'program.mjs': `import { guard } from 'tripline'${PROGRAM}`,
  'program.cjs': `const { guard } = require('tripline')${PROGRAM}`,
}

beforeAll(() => {
  const installed = join(project, 'node_modules/tripline')
  mkdirSync(installed, { recursive: true })
  for (const each of ['package.json', 'dist', 'prebuilds']) cpSync(join(root, each), join(installed, each), { recursive: true })
  // Use the addon built from the current sources, whatever binaries are committed.
  cpSync(join(root, 'build/Release/tripline.node'), join(installed, `prebuilds/${target}/tripline.node`))
  const loader = dirname(createRequire(import.meta.url).resolve('node-gyp-build/package.json'))
  cpSync(loader, join(project, 'node_modules/node-gyp-build'), { recursive: true })
  for (const [name, text] of Object.entries(PROGRAMS)) writeFileSync(join(project, name), text)
})

afterAll(() => rmSync(folder, { recursive: true }))

describe.each([
  ['program.mjs', 'node'],
  ['program.mjs', 'module'],
  ['program.cjs', 'node'],
])('%s, traced by @vercel/nft under the condition %s', (program, condition) => {
  it('includes only the binary of this platform, and runs with the traced files alone', async () => {
    const { fileList } = await nodeFileTrace([join(project, program)], { base: project, conditions: [condition, 'node'] })
    const files = [...fileList]
    expect(files.filter((file) => file.endsWith('.node'))).toEqual([`node_modules/tripline/prebuilds/${target}/tripline.node`])
    const standalone = join(folder, `standalone-${condition}-${program}`)
    for (const file of files) cpSync(join(project, file), join(standalone, file), { recursive: true })
    const output = execFileSync(process.execPath, [join(standalone, program)], { cwd: folder, encoding: 'utf8' })
    expect(output).toBe('breached\n')
  })
})
