/** The path of a newcomer: from the packed tarball to a guarded job, with nothing but what the README says. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pack } from '../../scripts/lib/pack.js'
import { ROOT, runCommand, type Outcome } from '../helpers/child.js'

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
const programs = [...readme.matchAll(/^```js\n([^]*?)^```\n\n```text\n([^]*?)^```$/gm)]
const commands = [...readme.matchAll(/^ {4}(npx tripline .*?)(?: {2,}# .*)?$/gm)].map(([, line]) => line!)

/** Numbers differ from run to run. */
const shapeOf = (text: string): string => text.replaceAll(/\d+(?:\.\d+)?/g, 'N')

describe('a newcomer', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tripline-newcomer-'))
    // The addon of this checkout, because the release binaries may be older than the sources.
    const tarball = pack(folder, { ownBuild: true })
    writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }')
    expect(readme).toMatch(/^ {4}npm install tripline(?:@next)?$/m)
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', tarball], { cwd: folder })
  }, 120_000)
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const shell = (line: string): Promise<Outcome> => runCommand('/bin/sh', ['-c', line], { cwd: folder, limit: 60_000 })

  it.for(programs.map(([, code, output], index) => ({ number: index + 1, code: code!, output: output! })))(
    'copies program $number of the README and sees its output',
    { timeout: 60_000 },
    async ({ number, code, output }) => {
      writeFileSync(join(folder, `job-${number}.js`), code)
      const { code: status, stdout, stderr } = await shell(`node job-${number}.js`)
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      expect(shapeOf(stdout)).toBe(shapeOf(output))
      if (output.includes('aborted is')) expect(stdout).toBe(output)
    },
  )

  it('sees the demo', { timeout: 60_000 }, async () => {
    expect(commands[0]).toBe('npx tripline demo')
    const { code, stdout, stderr } = await shell(commands[0]!)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('in isSentence (loop.js:')
    expect(stdout).toContain('nightly import')
  })

  it('tries the commands', { timeout: 60_000 }, async () => {
    expect(commands).toHaveLength(5)
    const [, run, watch, check, doctor] = commands
    // What `make` would make is not here; `run` has to reach it.
    expect(await shell(run!.replace(/ -- .*/, " -- sh -c 'echo made; exit 3'"))).toMatchObject({
      code: 3,
      stdout: 'made\n',
    })
    expect((await shell(`${watch} --for 1s --interval 500ms`)).stdout).toMatch(/ memory \d.* cpu /)
    expect([0, 1]).toContain((await shell(check!)).code)
    expect((await shell(doctor!)).stdout).toContain('the prebuilt one')
  })

  it('finds every page that the README links to', () => {
    const installed = join(folder, 'node_modules/tripline')
    const links = [...readme.matchAll(/[^!]\[[^\]]*\]\(([^)#\s]+)/g)].map(([, to]) => to!)
    for (const to of links.filter((each) => !each.startsWith('https:'))) {
      expect(readFileSync(join(installed, to), 'utf8'), to).not.toBe('')
    }
  })

  it('downloads no pictures', () => {
    expect(existsSync(join(folder, 'node_modules/tripline/docs/start.md'))).toBe(true)
    expect(existsSync(join(folder, 'node_modules/tripline/docs/images'))).toBe(false)
  })

  it('reads the installed README', () => {
    const installed = readFileSync(join(folder, 'node_modules/tripline/README.md'), 'utf8')
    // The registry shows it without the other files: all links have addresses.
    expect(installed.replaceAll(/https:\/\/[^)]*\/(?:blob|raw)\/v[^/)]+\//g, '')).toBe(readme)
    expect(installed.match(/\]\((?!https:|#)[^)]*/g)).toBe(null)
    expect(installed).toMatch(/!\[[^\]]*\]\(https:\/\/[^)]*\/docs\/images\//)
  })
})
